import { patiently } from "../support/patience.ts";
import { DurableClient } from "./durable_client.ts";
import { delay, type Part, type Stage } from "./part.ts";

/** The kills around which this is looked at: every so many, beginning with the second. */
export const EXPIRING_EVERY = 5;
const LONG_SECONDS = 600;
/** How long the broker is down, so that what lives for a second is over. */
const DOWN_MS = 1500;

/** Messages and sessions grow older while the broker is down. */
export class Expiring implements Part {
  readonly #stage: Stage;
  readonly #publisher: DurableClient;
  readonly #subscriber: DurableClient;
  #onEnd: () => void = () => {};
  #longCame = false;
  #sessions: { readonly short: DurableClient; readonly long: DurableClient } | undefined;
  #publishedAt = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    const onFault = (text: string) => stage.ledger.fault(text);
    this.#publisher = new DurableClient({ clientIdentifier: "x-publisher", protocolVersion: 5, onFault });
    this.#subscriber = new DurableClient({
      clientIdentifier: "x-subscriber",
      protocolVersion: 5,
      onFault,
      onMessage: ({ topicName, payload, expirySeconds }) => {
        if (topicName === "x/end") return this.#onEnd();
        if (topicName === "x/short") return onFault(`${payload} came after its time`);
        this.#longCame = true;
        if (expirySeconds !== undefined && expirySeconds < LONG_SECONDS && expirySeconds > LONG_SECONDS / 2) return;
        onFault(`${payload} came with ${expirySeconds} s to live, after more than a second of ${LONG_SECONDS} s`);
      },
    });
  }

  async setUp(port: number): Promise<void> {
    await this.#subscriber.connect(port);
    await this.#subscriber.subscribe("x/+", 1);
    await this.#subscriber.cut();
  }

  async prepare(port: number, round: number): Promise<void> {
    if (round % EXPIRING_EVERY !== 1) return;
    const session = (name: string, sessionExpiryIntervalSeconds: number) =>
      new DurableClient({
        clientIdentifier: `x-${name}-${round}`,
        protocolVersion: 5,
        sessionExpiryIntervalSeconds,
        onFault: (text) => this.#stage.ledger.fault(text),
      });
    const sessions = { short: session("short", 1), long: session("long", LONG_SECONDS) };
    this.#sessions = sessions;
    for (const client of [sessions.short, sessions.long]) {
      await client.connect(port);
      await client.disconnect();
    }
    await this.#publisher.connect(port);
    await this.#publish(`x/short`, `short ${round}`, 1);
    await this.#publish(`x/long`, `long ${round}`, LONG_SECONDS);
    this.#publishedAt = performance.now();
    this.#longCame = false;
  }

  run(): Promise<void> {
    return Promise.resolve();
  }

  async lost(): Promise<void> {
    await this.close();
    if (this.#sessions) await delay(Math.max(0, DOWN_MS - (performance.now() - this.#publishedAt)));
  }

  async verify(port: number, round: number): Promise<void> {
    if (!this.#sessions) return;
    const { short, long } = this.#sessions;
    this.#sessions = undefined;
    const { ledger } = this.#stage;
    if (await short.connect(port, { mayHaveExpired: true })) {
      ledger.fault(`after kill ${round}: a session lived longer than its second`);
    }
    if (!await long.connect(port)) ledger.fault(`after kill ${round}: a session is gone before its ${LONG_SECONDS} s`);
    await Promise.all([short.disconnect(), long.disconnect()]);
    const end = new Promise<void>((resolve) => this.#onEnd = resolve);
    await this.#publisher.connect(port);
    await this.#publish("x/end", `end ${round}`, LONG_SECONDS);
    await this.#subscriber.connect(port);
    await patiently("the last message of x-subscriber", end);
    if (!this.#longCame) ledger.fault(`after kill ${round}: a message is gone before its ${LONG_SECONDS} s`);
    await this.close();
  }

  drain(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await Promise.all([this.#publisher.cut(), this.#subscriber.cut()]);
  }

  async #publish(topicName: string, payload: string, messageExpiryIntervalSeconds: number): Promise<void> {
    const properties = { messageExpiryIntervalSeconds };
    if (await this.#publisher.published(topicName, payload, { qos: 1, properties })) return;
    this.#stage.ledger.fault(`${payload} was not acknowledged`);
  }
}
