/** Reads a JetStream stream from one position on, for as long as the server that hands it out lives. */
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { LogRecord } from "./log.ts";

/** How often the server says that it lives. */
const HEARTBEAT_MS = 500;
/** So many heartbeats late and it is taken for dead. */
const MISSED = 3;
const NANOSECONDS = 1e6;

/** Where a tail reads. */
export interface TailPlace {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly stream: string;
}

/**
 * One consumer that lives as long as its server does. The client library's own consumers find out only after their longest
 * backoff, half a minute, that a server which died took them along; this one ends after {@linkcode MISSED} heartbeats, and
 * whoever reads makes another. The server pushes no more than is taken: its flow control messages are answered in turn.
 */
export class NatsTail {
  readonly #queue: Msg[] = [];
  readonly #inbox: string;
  readonly #place: TailPlace;
  readonly #subscription: ReturnType<NatsConnection["subscribe"]>;
  readonly #watch: ReturnType<typeof setInterval>;
  #wake: (() => void) | undefined;
  #heardAtMs = performance.now();
  #ended = false;

  /** @param inbox a subject that nobody else uses */
  constructor(place: TailPlace, inbox: string) {
    this.#place = place;
    this.#inbox = inbox;
    this.#subscription = place.connection.subscribe(inbox, {
      callback: (error, message) => this.#hear(error, message),
    });
    this.#watch = setInterval(() => {
      if (performance.now() - this.#heardAtMs > HEARTBEAT_MS * MISSED) this.end();
    }, HEARTBEAT_MS);
  }

  /** Has the server begin with the record at `from`, or the lowest above it. */
  async start(from: number): Promise<void> {
    await this.#place.manager.consumers.add(this.#place.stream, {
      deliver_subject: this.#inbox,
      deliver_policy: "by_start_sequence",
      opt_start_seq: from,
      ack_policy: "none",
      idle_heartbeat: HEARTBEAT_MS * NANOSECONDS,
      flow_control: true,
      inactive_threshold: 5_000 * NANOSECONDS,
      max_deliver: 1,
      mem_storage: true,
      num_replicas: 1,
    });
    this.#heardAtMs = performance.now();
  }

  /** The next record; `undefined` once the server is silent, or the tail was ended. */
  async next(): Promise<LogRecord | undefined> {
    for (;;) {
      const message = this.#queue.shift();
      if (message !== undefined) {
        const record = recordOf(message);
        if (record !== undefined) return record;
        answer(message, this.#place.connection);
      } else if (this.#ended) {
        return undefined;
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    }
  }

  /** Reads nothing more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#watch);
    this.#subscription.unsubscribe();
    this.#wake?.();
  }

  #hear(error: Error | null, message: Msg): void {
    if (error !== null) return this.end();
    this.#heardAtMs = performance.now();
    this.#queue.push(message);
    this.#wake?.();
  }
}

/** `undefined` if it is a message of the server's own. */
function recordOf(message: Msg): LogRecord | undefined {
  if (message.headers !== undefined && message.headers.code !== 0) return undefined;
  // $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>; newer servers put a
  // domain and an account before the stream and a token behind.
  const tokens = message.reply?.split(".") ?? [];
  const at = tokens.length === 9 ? 5 : 7;
  const position = Number(tokens[at]);
  if (tokens.length < 9 || !Number.isSafeInteger(position)) return undefined;
  const timeMs = Number(BigInt(tokens[at + 2]!) / BigInt(NANOSECONDS));
  return { position, timeMs, bytes: message.data };
}

/** Asks for more where the server waits for that. */
function answer(message: Msg, connection: NatsConnection): void {
  const stalled = message.headers?.get("Nats-Consumer-Stalled");
  if (stalled) connection.publish(stalled);
  else if (message.headers?.code === 100 && message.reply) message.respond();
}
