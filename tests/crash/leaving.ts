import { DurableClient } from "./durable_client.ts";
import { payloadOf, type Sent } from "./ledger.ts";
import { eventually, type Part, type Stage } from "./part.ts";

/** A client of one round that leaves a will, and what it says in it. */
interface Leaver {
  readonly client: DurableClient;
  readonly sent: Sent;
  readonly delayIntervalSeconds: number;
  /** CONNACK has been seen. */
  welcomed: boolean;
}

const KINDS = {
  /** Its client stays away. */
  atOnce: { topicName: "w/at-once", delayIntervalSeconds: 0 },
  /** Its client stays away, too, and is lost before the kill now and then. */
  delayed: { topicName: "w/delayed", delayIntervalSeconds: 1 },
  /** Its client comes back within the delay. */
  cancelled: { topicName: "w/cancelled", delayIntervalSeconds: 30 },
  /** Its client says goodbye before the kill. */
  withdrawn: { topicName: "w/withdrawn", delayIntervalSeconds: 0 },
} as const;

const MARK = "w/mark";

/** Wills: each comes once, unless its client is back in time or has said goodbye. */
export class Leaving implements Part {
  readonly #stage: Stage;
  readonly #watcher: DurableClient;
  readonly #marker: DurableClient;
  #leavers: Record<keyof typeof KINDS, Leaver> | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
    const onFault = (text: string) => stage.ledger.fault(text);
    this.#watcher = new DurableClient({
      clientIdentifier: "w-watcher",
      protocolVersion: 5,
      onMessage: ({ payload, qos }) => stage.ledger.delivered("w-watcher", payload, qos),
      onFault,
    });
    this.#marker = new DurableClient({ clientIdentifier: "w-marker", protocolVersion: 4, onFault });
  }

  async setUp(port: number): Promise<void> {
    await this.#watcher.connect(port);
    await this.#watcher.subscribe("w/+", 2);
    const topicNames = [...Object.values(KINDS).map(({ topicName }) => topicName), MARK];
    this.#stage.ledger.subscribed("w-watcher", { topics: new Map(topicNames.map((name) => [name, 2])) });
    await this.#watcher.cut();
  }

  async prepare(port: number, round: number): Promise<void> {
    const withdrawn = this.#leaver("withdrawn", round);
    await this.#welcome(port, withdrawn);
    await withdrawn.client.disconnect();
    // What is acknowledged afterwards shows that the goodbye is stored as well.
    const sent: Sent = { publisher: "w-marker", topicName: MARK, qos: 1, number: round };
    await this.#marker.connect(port);
    this.#stage.ledger.attempted(sent);
    if (!await this.#marker.published(MARK, payloadOf(sent), { qos: 1 })) return;
    this.#stage.ledger.acknowledged(sent);
    this.#stage.ledger.forbid(withdrawn.sent, "its client's goodbye");
  }

  async run(port: number, round: number): Promise<void> {
    const [atOnce, delayed, cancelled] = (["atOnce", "delayed", "cancelled"] as const)
      .map((kind) => this.#leaver(kind, round)) as [Leaver, Leaver, Leaver];
    this.#leavers = { atOnce, delayed, cancelled, withdrawn: atOnce };
    await Promise.all([
      this.#watcher.connect(port),
      ...[atOnce, delayed, cancelled].map((leaver) => this.#welcome(port, leaver)),
    ]);
    if (this.#stage.random.chance(0.5)) await delayed.client.cut();
  }

  async lost(): Promise<void> {
    const { atOnce, delayed, cancelled } = this.#leavers!;
    await Promise.all([this.close(), ...[atOnce, delayed, cancelled].map(({ client }) => client.cut())]);
    for (const { sent, welcomed } of [atOnce, delayed]) if (welcomed) this.#stage.ledger.acknowledged(sent);
  }

  async verify(port: number): Promise<void> {
    const { cancelled: { client, sent } } = this.#leavers!;
    await client.connect(port);
    this.#stage.ledger.forbid(sent, "its client's return");
    await client.disconnect();
    await this.#watcher.connect(port);
    await this.#watcher.ping();
  }

  async drain(port: number): Promise<void> {
    if (!this.#watcher.connected) await this.#watcher.connect(port);
    await eventually(() => !this.#stage.ledger.missing().some((text) => text.startsWith("w-watcher")), 5000);
    await this.#watcher.ping();
  }

  async close(): Promise<void> {
    await Promise.all([this.#watcher.cut(), this.#marker.cut()]);
  }

  #leaver(kind: keyof typeof KINDS, round: number): Leaver {
    const { topicName, delayIntervalSeconds } = KINDS[kind];
    const qos = this.#stage.random.pick([1, 2] as const);
    const clientIdentifier = `w-${kind}-${round}`;
    // Before 5.0 wills have no delay.
    const protocolVersion = delayIntervalSeconds === 0 ? this.#stage.random.pick([4, 5] as const) : 5;
    const onFault = (text: string) => this.#stage.ledger.fault(text);
    const client = new DurableClient({ clientIdentifier, protocolVersion, onFault });
    return {
      client,
      sent: { publisher: clientIdentifier, topicName, qos, number: round },
      delayIntervalSeconds,
      welcomed: false,
    };
  }

  async #welcome(port: number, leaver: Leaver): Promise<void> {
    const { client, sent, delayIntervalSeconds } = leaver;
    const { topicName, qos } = sent;
    this.#stage.ledger.attempted(sent);
    const will = { topicName, payload: payloadOf(sent), qos, delayIntervalSeconds };
    leaver.welcomed = await client.connect(port, { will }) !== undefined;
  }
}
