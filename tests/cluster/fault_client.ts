/** Clients of a cluster that is disturbed: what each was acknowledged, and what came to it over one connection. */
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";

/** What happens is numbered, so that it can be told what was before what. */
export class Sequence {
  #last = 0;

  next(): number {
    return ++this.#last;
  }
}

/** One connection. What came is counted by payload. */
export class FaultClient {
  readonly counts = new Map<string, number>();
  /** By topic, the highest number that has come; what came behind a higher one is in `disorder`. */
  readonly #highest = new Map<string, number>();
  readonly disorder: string[] = [];
  /** Topic and payload of what was retained. */
  readonly retained = new Map<string, string>();
  /** When it was subscribed. */
  since = Infinity;
  isOpen = true;
  readonly closed: Promise<void>;

  private constructor(readonly client: MqttClient) {
    this.closed = new Promise((resolve) =>
      client.once("close", () => {
        this.isOpen = false;
        resolve();
      })
    );
    client.on("error", () => {});
    client.on("message", (topic, bytes, { retain }) => this.#take(topic, bytes.toString(), retain));
  }

  /** `undefined`: it is refused, or nobody is there. */
  static async open(port: number, clientId: string, options: IClientOptions = {}): Promise<FaultClient | undefined> {
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 5,
      clean: true,
      clientId,
      reconnectPeriod: 0,
      connectTimeout: 10_000,
      timerVariant: "native",
      ...options,
    });
    const one = new FaultClient(client);
    const connected = new Promise<boolean>((resolve) => client.once("connect", () => resolve(true)));
    if (await Promise.race([connected, one.closed.then(() => false)])) return one;
    client.end(true);
    return undefined;
  }

  /** False: it was refused, or the connection ended before it was acknowledged. */
  async publish(topic: string, payload: string, qos: 1 | 2, retain = false): Promise<boolean> {
    const published = new Promise<boolean>((resolve) =>
      this.client.publish(topic, payload, { qos, retain }, (error) => resolve(!error))
    );
    return await Promise.race([published, this.closed.then(() => false)]);
  }

  async subscribe(topics: string[], sequence: Sequence): Promise<boolean> {
    const subscribed = new Promise<boolean>((resolve) =>
      this.client.subscribe(topics, { qos: 2 }, (error) => resolve(!error))
    );
    const isSubscribed = await Promise.race([subscribed, this.closed.then(() => false)]);
    if (isSubscribed) this.since = sequence.next();
    return isSubscribed;
  }

  /** Ends it without DISCONNECT. */
  async abort(): Promise<void> {
    this.client.stream.destroy();
    this.client.end(true);
    await this.closed;
  }

  async end(): Promise<void> {
    if (!this.isOpen) return;
    this.client.end(false);
    await this.closed;
  }

  #take(topic: string, payload: string, retain: boolean): void {
    if (retain) {
      this.retained.set(topic, payload);
      return;
    }
    this.counts.set(payload, (this.counts.get(payload) ?? 0) + 1);
    const number = Number(/^m (\d+) /.exec(payload)?.[1] ?? NaN);
    if (Number.isNaN(number)) return;
    if (number < (this.#highest.get(topic) ?? 0)) this.disorder.push(`${topic}: ${payload}`);
    else this.#highest.set(topic, number);
  }
}
