import type { QoS } from "../../src/packet/packets.ts";
import { DurableClient, type Received } from "./durable_client.ts";
import { payloadOf, type Sent } from "./ledger.ts";
import { delay, eventually, type Part, type Stage } from "./part.ts";

const TOPICS = ["t/0", "t/1", "t/2", "t/3"];
/** Fewer than the broker's `max-inflight`, which is its receive maximum. */
const WINDOWS = [1, 10, 40];

interface SubscriberPlan {
  readonly clientIdentifier: string;
  readonly protocolVersion: 4 | 5;
  readonly receiveMaximum?: number;
  readonly filters: readonly (readonly [topicFilter: string, qos: QoS])[];
  /** Goes offline now and then, also while the broker is killed. */
  readonly flaky: boolean;
  /** Name in the ledger. @default the client identifier */
  readonly name?: string;
}

const SUBSCRIBERS: readonly SubscriberPlan[] = [
  { clientIdentifier: "s-all-311", protocolVersion: 4, filters: [["t/+", 2]], flaky: false },
  { clientIdentifier: "s-all-5", protocolVersion: 5, filters: [["t/#", 2]], flaky: false },
  { clientIdentifier: "s-once-311", protocolVersion: 4, filters: [["t/+", 1]], flaky: true },
  { clientIdentifier: "s-few-5", protocolVersion: 5, receiveMaximum: 7, filters: [["t/+", 2]], flaky: true },
  { clientIdentifier: "s-some-311", protocolVersion: 4, filters: [["t/0", 1], ["t/1", 2]], flaky: true },
  {
    clientIdentifier: "s-share-311",
    name: "$share/g",
    protocolVersion: 4,
    filters: [["$share/g/t/+", 2]],
    flaky: true,
  },
  { clientIdentifier: "s-sole-5", name: "$share/h", protocolVersion: 5, filters: [["$share/h/t/+", 2]], flaky: true },
  { clientIdentifier: "s-share-5", name: "$share/g", protocolVersion: 5, filters: [["$share/g/t/+", 2]], flaky: true },
];

/** Publishers and subscribers of persistent sessions at QoS 1 and 2. */
export class Traffic implements Part {
  readonly #stage: Stage;
  readonly #publishers: readonly Publisher[];
  readonly #subscribers: readonly (readonly [SubscriberPlan, DurableClient])[];

  /** @param options.mayBeRefused the store may fail, too */
  constructor(stage: Stage, options: { readonly mayBeRefused?: boolean } = {}) {
    this.#stage = stage;
    this.#publishers = ([4, 5, 4, 5] as const).map((version, index) =>
      new Publisher(`p${index}`, version, stage, options)
    );
    this.#subscribers = SUBSCRIBERS.map((plan) => {
      const onMessage = ({ payload, qos }: Received) =>
        stage.ledger.delivered(plan.name ?? plan.clientIdentifier, payload.split("\n")[0]!, qos);
      return [plan, new DurableClient({ ...plan, ...options, onMessage, onFault: (text) => stage.ledger.fault(text) })];
    });
  }

  async setUp(port: number): Promise<void> {
    for (const [{ clientIdentifier, filters }, client] of this.#subscribers) {
      await client.connect(port);
      for (const [topicFilter, qos] of filters) {
        const granted = await client.subscribe(topicFilter, qos);
        if (granted?.[0] !== qos) this.#stage.ledger.fault(`${clientIdentifier}: SUBACK ${granted} for ${topicFilter}`);
      }
    }
    for (const { clientIdentifier, name = clientIdentifier, filters } of SUBSCRIBERS) {
      // Several members get messages at the same time, so that there is no order among them.
      const members = SUBSCRIBERS.filter((plan) => (plan.name ?? plan.clientIdentifier) === name).length;
      this.#stage.ledger.subscribed(name, { topics: topicsOf(filters), ordered: members === 1 });
    }
  }

  async run(port: number): Promise<void> {
    const { random } = this.#stage;
    const subscribers = this.#subscribers.map(async ([{ flaky }, client]) => {
      if (flaky && random.chance(0.3)) return await client.cut();
      const leavesAfterMs = flaky && random.chance(0.4) ? random.between(0, 200) : undefined;
      if (!client.connected) await client.connect(port);
      if (leavesAfterMs === undefined) return;
      await delay(leavesAfterMs);
      await client.cut();
    });
    await Promise.all([...this.#publishers.map((publisher) => publisher.run(port)), ...subscribers]);
  }

  async lost(): Promise<void> {
    await this.close();
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  async drain(port: number): Promise<void> {
    const { ledger } = this.#stage;
    await Promise.all(this.#subscribers.map(([, client]) => client.connect(port)));
    await Promise.all(this.#publishers.map((publisher) => publisher.finish(port)));
    // As long as something comes, more may come.
    for (let before = -1; before !== ledger.figures.deliveries;) {
      before = ledger.figures.deliveries;
      await eventually(() => ledger.missing().length === 0, 3000);
      await delay(300);
      await Promise.all(this.#subscribers.map(([, client]) => client.ping()));
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#publishers, ...this.#subscribers.map(([, client]) => client)].map((one) => one.cut()));
  }
}

function topicsOf(filters: SubscriberPlan["filters"]): Map<string, QoS> {
  return new Map(
    filters.flatMap(([filter, qos]) =>
      /[+#]$/.test(filter) ? TOPICS.map((topic) => [topic, qos] as const) : [[filter, qos] as const]
    ),
  );
}

class Publisher {
  readonly #name: string;
  readonly #stage: Stage;
  readonly #client: DurableClient;
  readonly #numbers = new Map<string, number>();
  #window = 1;
  #finishing = false;

  constructor(name: string, protocolVersion: 4 | 5, stage: Stage, options: { readonly mayBeRefused?: boolean }) {
    this.#name = name;
    this.#stage = stage;
    this.#client = new DurableClient({
      ...options,
      clientIdentifier: name,
      protocolVersion,
      onFault: (text) => stage.ledger.fault(text),
      onSettled: () => this.#pump(),
    });
  }

  async run(port: number): Promise<void> {
    this.#window = this.#stage.random.pick(WINDOWS);
    if (this.#client.connected || await this.#client.connect(port) !== undefined) this.#pump();
  }

  /** Resolves when everything is acknowledged, and says so if that takes too long. */
  async finish(port: number): Promise<void> {
    this.#finishing = true;
    await this.#client.connect(port);
    if (await eventually(() => this.#client.outstanding === 0, 10_000)) return;
    this.#stage.ledger.fault(`${this.#name}: ${this.#client.outstanding} messages are not answered to the end`);
  }

  cut(): Promise<void> {
    return this.#client.cut();
  }

  #pump(): void {
    while (!this.#finishing && this.#client.connected && this.#client.outstanding < this.#window) this.#publish();
  }

  #publish(): void {
    const { random, ledger } = this.#stage;
    const [topicName, qos] = [random.pick(TOPICS), random.pick([1, 2] as const)];
    const stream = `${topicName} ${qos}`;
    const number = this.#numbers.get(stream) ?? 0;
    this.#numbers.set(stream, number + 1);
    const sent: Sent = { publisher: this.#name, topicName, qos, number };
    ledger.attempted(sent);
    const padding = "x".repeat(random.pick([0, 0, 0, 0, 0, 0, 1000, 10_000]));
    const acknowledged = () => ledger.acknowledged(sent);
    this.#client.publish(topicName, `${payloadOf(sent)}\n${padding}`, { qos }, acknowledged);
  }
}
