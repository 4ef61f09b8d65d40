import type { QoS } from "../../src/packet/packets.ts";
import { patiently } from "../support/patience.ts";
import { DurableClient } from "./durable_client.ts";
import type { Part, Stage } from "./part.ts";
import { SubscriptionLedger } from "./subscription_ledger.ts";

const FILTERS_EACH = 6;

/** Clients that subscribe and unsubscribe all the time; after each restart messages show what holds. */
export class Churn implements Part {
  readonly #stage: Stage;
  readonly #churners: readonly Churner[];
  readonly #prober: DurableClient;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#churners = [new Churner("c-311", 4, stage), new Churner("c-5", 5, stage)];
    const onFault = (text: string) => stage.ledger.fault(text);
    this.#prober = new DurableClient({ clientIdentifier: "c-prober", protocolVersion: 4, onFault });
  }

  async setUp(port: number): Promise<void> {
    for (const churner of this.#churners) await churner.setUp(port);
  }

  async run(port: number): Promise<void> {
    await Promise.all(this.#churners.map((churner) => churner.run(port)));
  }

  lost(): Promise<void> {
    return this.close();
  }

  async verify(port: number, round: number): Promise<void> {
    await this.#prober.connect(port);
    for (const churner of this.#churners) {
      const seen = churner.probe(port, round);
      const topicNames = [...churner.topicFilters, churner.endFilter];
      const acknowledged = topicNames.map((name) => this.#prober.published(name, `${round}`, { qos: 2 }));
      if ((await Promise.all(acknowledged)).includes(false)) this.#stage.ledger.fault("a probe was not acknowledged");
      for (const fault of churner.ledger.faults(await seen)) this.#stage.ledger.fault(`after kill ${round}: ${fault}`);
    }
    await this.close();
  }

  drain(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await Promise.all([this.#prober.cut(), ...this.#churners.map((churner) => churner.cut())]);
  }
}

class Churner {
  readonly ledger = new SubscriptionLedger();
  readonly endFilter: string;
  readonly topicFilters: readonly string[];
  readonly #stage: Stage;
  readonly #client: DurableClient;
  #round = "";
  #seen = new Map<string, QoS>();
  #onEnd: () => void = () => {};

  constructor(name: string, protocolVersion: 4 | 5, stage: Stage) {
    this.#stage = stage;
    this.endFilter = `c/${name}/end`;
    this.topicFilters = Array.from({ length: FILTERS_EACH }, (_, index) => `c/${name}/${index}`);
    this.#client = new DurableClient({
      clientIdentifier: name,
      protocolVersion,
      onFault: (text) => stage.ledger.fault(text),
      onMessage: ({ topicName, payload, qos }) => {
        if (topicName === this.endFilter && payload === this.#round) this.#onEnd();
        else if (payload === this.#round) this.#seen.set(topicName, qos);
        else stage.ledger.fault(`${name}: got the probe of round ${payload} in round ${this.#round}`);
      },
    });
  }

  async setUp(port: number): Promise<void> {
    await this.#client.connect(port);
    await this.#client.subscribe(this.endFilter, 2);
  }

  /** Asks for one thing after the other until the broker is gone. */
  async run(port: number): Promise<void> {
    if (!this.#client.connected) await this.#client.connect(port);
    const { random } = this.#stage;
    while (this.#client.connected) {
      const topicFilter = random.pick(this.topicFilters);
      const wanted = random.pick([undefined, 0, 1, 2] as const);
      const answered = this.ledger.asked(topicFilter, wanted);
      const answer = wanted === undefined
        ? await this.#client.unsubscribe(topicFilter)
        : await this.#client.subscribe(topicFilter, wanted);
      if (answer === undefined) return;
      answered();
      if (wanted !== undefined && answer[0] !== wanted) this.#stage.ledger.fault(`SUBACK ${answer} for ${topicFilter}`);
    }
  }

  /** Connects, and resolves with the probes that came, by topic name. */
  async probe(port: number, round: number): Promise<ReadonlyMap<string, QoS>> {
    this.#round = `${round}`;
    this.#seen = new Map();
    const end = new Promise<void>((resolve) => this.#onEnd = resolve);
    await this.#client.connect(port);
    await patiently(`the last probe at ${this.endFilter}`, end);
    return this.#seen;
  }

  cut(): Promise<void> {
    return this.#client.cut();
  }
}
