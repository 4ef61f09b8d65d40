/** One broker of a cluster that is disturbed, as a process of its own, and its clients. */
import { BrokerProcess } from "../crash/broker_process.ts";
import { FaultClient, type Sequence } from "./fault_client.ts";

const RETAINED_TOPICS = 4;
/** A node that does not get as far as the log ends by itself, and is started again so often. */
const STARTS = 6;

/** What stations write down. */
export interface Ledger {
  readonly sequence: Sequence;
  readonly figures: Record<string, number>;
  /** Subscribers, each over one connection. */
  readonly spans: FaultClient[];
  readonly wills: Mourned[];
}

/** Who leaves a will; its payload names it. */
export interface Mourned {
  readonly client: FaultClient;
  readonly payload: string;
}

/** A message, and what became of it. */
export interface Sent {
  readonly payload: string;
  readonly startedAt: number;
  isAcknowledged: boolean;
}

/** Waits. */
export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** One node with its clients, which come back to it whenever they have lost it. */
export class Station {
  readonly process: BrokerProcess;
  subscriber: FaultClient | undefined;
  publisher: FaultClient | undefined;
  mourned: Mourned | undefined;
  readonly sent: Sent[] = [];
  /** By topic, what was acknowledged last, `undefined` if nothing was yet, and what was tried after that. */
  readonly retained = new Map<string, (string | undefined)[]>();
  #count = 0;
  #publishing: Promise<void> = Promise.resolve();
  isUp = false;
  isPaused = false;

  constructor(readonly name: string, configFile: string, readonly ledger: Ledger) {
    this.process = new BrokerProcess(configFile);
  }

  async start(): Promise<void> {
    for (let n = 1;; n++) {
      try {
        await this.process.start();
        this.isUp = true;
        return;
      } catch (error) {
        if (n >= STARTS) throw error;
        await this.process.end("SIGKILL");
      }
    }
  }

  async kill(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.isUp = false;
    await this.process.end(signal);
  }

  /** Brings back what is not connected; true: all are. */
  async tend(): Promise<boolean> {
    if (!this.isUp) return false;
    const { port } = this.process;
    const { sequence, figures } = this.ledger;
    if (this.subscriber?.isOpen !== true) {
      const one = await FaultClient.open(port, `subscriber ${this.name}`);
      if (!await one?.subscribe(["t/#", "w/#"], sequence)) return false;
      this.ledger.spans.push(this.subscriber = one!);
    }
    if (this.mourned?.client.isOpen !== true) {
      const payload = `w ${this.name} ${sequence.next()}`;
      const will = { topic: `w/${this.name}`, payload: new TextEncoder().encode(payload) as never, qos: 1 as const };
      const client = await FaultClient.open(port, `mourned ${sequence.next()}`, { will: { ...will, retain: false } });
      if (client === undefined) return false;
      this.mourned = { client, payload };
      this.ledger.wills.push(this.mourned);
    }
    if (this.publisher?.isOpen !== true) {
      this.publisher = await FaultClient.open(port, `publisher ${this.name}`);
      if (this.publisher === undefined) return false;
      figures.connections = (figures.connections ?? 0) + 1;
    }
    return true;
  }

  /** Publishes on and on, at QoS 1 and 2 and retained ones, several at a time. */
  publish(): void {
    this.isPaused = false;
    this.#publishing = Promise.all([1, 2, "retained"].map((kind) => this.#publishAll(kind as 1))).then(() => {});
  }

  async pausePublishing(): Promise<void> {
    this.isPaused = true;
    await this.#publishing;
  }

  async #publishAll(kind: 1 | 2 | "retained"): Promise<void> {
    while (!this.isPaused) {
      const { publisher } = this;
      if (publisher?.isOpen !== true) await pause(20);
      else if (kind === "retained") await this.#retain(publisher);
      else await Promise.all(Array.from({ length: 5 }, () => this.#send(publisher, kind)));
      await pause(2);
    }
  }

  async #send(publisher: FaultClient, qos: 1 | 2): Promise<void> {
    const { sequence, figures } = this.ledger;
    const payload = `m ${++this.#count} ${this.name}`;
    const sent: Sent = { payload, startedAt: sequence.next(), isAcknowledged: false };
    this.sent.push(sent);
    sent.isAcknowledged = await publisher.publish(`t/${this.name}/${qos}`, payload, qos);
    const key = sent.isAcknowledged ? "acknowledged" : "unacknowledged";
    figures[key] = (figures[key] ?? 0) + 1;
  }

  /** Each node has topics of its own, so that it is known what was last. */
  async #retain(publisher: FaultClient): Promise<void> {
    const topic = `r/${this.name}/${this.#count % RETAINED_TOPICS}`;
    const payload = `r ${++this.#count}`;
    const tried = this.retained.get(topic) ?? [undefined];
    this.retained.set(topic, tried);
    tried.push(payload);
    if (await publisher.publish(topic, payload, 1, true)) tried.splice(0, tried.length - 1);
    await pause(10);
  }

  async end(): Promise<void> {
    await Promise.all([this.subscriber?.end(), this.publisher?.end(), this.mourned?.client.end()]);
    await this.process.end("SIGKILL");
  }
}
