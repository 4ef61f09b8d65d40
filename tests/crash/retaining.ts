import { DurableClient } from "./durable_client.ts";
import { eventually, type Part, type Stage } from "./part.ts";
import { RetainedLedger } from "./retained_ledger.ts";

const TOPICS = Array.from({ length: 10 }, (_, index) => `r/${index}`);
const WINDOW = 10;

/** Sets and clears retained messages all the time; after each restart a fresh subscriber looks at them. */
export class Retaining implements Part {
  readonly #stage: Stage;
  readonly #ledger = new RetainedLedger();
  readonly #client: DurableClient;
  #number = 0;
  #running = false;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#client = new DurableClient({
      clientIdentifier: "r-publisher",
      protocolVersion: 5,
      onFault: (text) => stage.ledger.fault(text),
      onSettled: () => this.#pump(),
    });
  }

  setUp(): Promise<void> {
    return Promise.resolve();
  }

  async run(port: number): Promise<void> {
    this.#running = true;
    if (await this.#client.connect(port) !== undefined) this.#pump();
  }

  async lost(): Promise<void> {
    this.#running = false;
    await this.close();
  }

  async verify(port: number, round: number): Promise<void> {
    for (const fault of this.#ledger.faults(await this.#look(port, `r-after-${round}`))) {
      this.#stage.ledger.fault(`after kill ${round}: ${fault}`);
    }
  }

  async drain(port: number): Promise<void> {
    this.#running = false;
    await this.#client.connect(port);
    // What is acknowledged while somebody looks may be seen or not.
    if (!await eventually(() => this.#client.outstanding === 0, 10_000)) {
      this.#stage.ledger.fault(`${this.#client.outstanding} retained messages are not answered to the end`);
    }
    await this.verify(port, Infinity);
  }

  async close(): Promise<void> {
    await this.#client.cut();
  }

  async #look(port: number, clientIdentifier: string): Promise<Map<string, string>> {
    const seen = new Map<string, string>();
    const client = new DurableClient({
      clientIdentifier,
      protocolVersion: 5,
      sessionExpiryIntervalSeconds: 0,
      onMessage: ({ topicName, payload, retain }) => retain && seen.set(topicName, payload),
      onFault: (text) => this.#stage.ledger.fault(text),
    });
    await client.connect(port);
    await client.subscribe("r/#", 0);
    if (!await client.ping()) this.#stage.ledger.fault(`${clientIdentifier}: the connection was lost`);
    await client.disconnect();
    return seen;
  }

  #pump(): void {
    while (this.#running && this.#client.connected && this.#client.outstanding < WINDOW) {
      const { random } = this.#stage;
      const index = random.between(0, TOPICS.length - 1);
      const topicName = TOPICS[index]!;
      // One QoS for each topic: a QoS 1 message that is sent again may rightly take the place of a later one at QoS 2,
      // which is known already and not passed on again.
      const qos = index % 2 === 0 ? 1 : 2;
      const value = random.chance(0.3) ? "" : `${++this.#number}`;
      const acknowledged = this.#ledger.attempted(topicName, value);
      this.#client.publish(topicName, value, { qos, retain: true }, acknowledged);
    }
  }
}
