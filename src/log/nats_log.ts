/**
 * The log on NATS JetStream: one stream of one subject. This file loads the client library; it is to be imported
 * dynamically, where a config asks for it.
 */
import {
  jetstream,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
} from "@nats-io/jetstream";
import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import { errorText } from "../error_text.ts";
import type { Logger } from "../logger.ts";
import { checkPosition, checkStart, type Log, LogError, type LogRecord } from "./log.ts";
import type { NatsAccess } from "./access.ts";
import { signIn } from "./nats_sign_in.ts";
import { NatsTail } from "./nats_tail.ts";

/** Which stream, and where. */
export interface NatsLogOptions {
  /** Addresses of the servers, `nats://host:port`; each is tried when another does not answer. */
  readonly servers: readonly string[];
  /** How to sign in there. @default not at all */
  readonly access?: NatsAccess;
  /** The cluster's name: letters, digits, `-` and `_`. */
  readonly cluster: string;
  /** How many servers keep the log, 1 to 5. */
  readonly replicas: number;
  /** Where it says that the tail was interrupted. */
  readonly logger: Logger;
  /** How long a log that seems to have become shorter may take to become right again, since a new leader may be behind. @default 5000 */
  readonly settleMs?: number;
}

const STREAM_NOT_FOUND = 10059;
const MESSAGE_NOT_FOUND = 10037;
/** How long the engine may take to answer. */
const ANSWER_MS = 5_000;
/** A request that nobody answers while a leader is elected is made again soon. */
const ATTEMPT_MS = 2_000;
const PAUSE_MS = 250;
const SETTLE_MS = 5_000;

/**
 * Connects, and makes the stream if there is none.
 *
 * @throws {Error} that says what is wrong: no server answers, JetStream is off, the stream has another number of replicas, or
 * the servers refuse the node
 */
export async function openNatsLog(options: NatsLogOptions): Promise<Log> {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(options.cluster)) {
    throw new Error(`log: cluster name ${JSON.stringify(options.cluster)}: expected 1 to 64 letters, digits, - or _`);
  }
  const { access = {}, logger } = options;
  const connection = await signIn(access, {
    servers: [...options.servers],
    maxReconnectAttempts: -1,
    reconnectTimeWait: PAUSE_MS,
    reconnectJitter: 50,
    // A server that is frozen, not dead, is left as soon.
    pingInterval: 1_000,
    maxPingOut: 2,
    timeout: ANSWER_MS,
    name: `amqtt ${options.cluster}`,
  }, logger);
  try {
    const manager = await jetstreamManager(connection, { timeout: ATTEMPT_MS });
    const log = new NatsLog(connection, manager, options);
    await log.prepare();
    return log;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class NatsLog implements Log {
  #first = 1;
  #closed = false;
  /** It was said that the stream is not there any longer. */
  #saysGone = false;
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;
  readonly #options: NatsLogOptions;
  readonly #stream: string;
  readonly #subject: string;
  readonly #tails = new Set<NatsTail>();
  readonly #pauses = new Set<() => void>();

  constructor(connection: NatsConnection, manager: JetStreamManager, options: NatsLogOptions) {
    this.#connection = connection;
    this.#manager = manager;
    this.#client = jetstream(connection, { timeout: ANSWER_MS });
    this.#options = options;
    this.#stream = `amqtt-${options.cluster}-log`;
    this.#subject = `amqtt.${options.cluster}.log`;
  }

  get first(): number {
    return this.#first;
  }

  /** Makes the stream if there is none; two nodes may do that at once. */
  async prepare(): Promise<void> {
    const { replicas } = this.#options;
    const info = await this.#manager.streams.info(this.#stream).catch((error) => {
      if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
      return this.#manager.streams.add({
        name: this.#stream,
        subjects: [this.#subject],
        storage: "file",
        retention: "limits",
        discard: "new",
        num_replicas: replicas,
      });
    });
    if (info.config.num_replicas !== replicas) {
      const there = `stream ${this.#stream} has ${info.config.num_replicas} replicas`;
      throw new Error(`log: ${there}, expected ${replicas}: change it with "nats stream edit", or the config`);
    }
    this.#first = Math.max(info.state.first_seq, 1);
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    const most = this.#connection.info?.max_payload ?? Infinity;
    if (bytes.length > most) {
      throw new LogError("too-large", `log: a record of ${bytes.length} bytes; the server takes ${most} at most`);
    }
    // The library sends it at the end of the turn, or after it connects again.
    await this.#ask(() => this.#client.publish(this.#subject, bytes.slice(), { timeout: ANSWER_MS, retries: 1 }));
  }

  async trim(upTo: number): Promise<void> {
    const { first, end } = await this.#bounds();
    const seq = Math.min(upTo, end + 1);
    if (seq <= first) return;
    await this.#ask(() => this.#manager.streams.purge(this.#stream, { seq }));
    await this.#bounds();
  }

  async end(): Promise<number> {
    return (await this.#bounds()).end;
  }

  async *open(from: number): AsyncGenerator<LogRecord> {
    let next = from;
    while (!this.#closed) {
      if (!await this.#readable(next)) continue;
      const tail = new NatsTail(this.#tailPlace(), createInbox());
      this.#tails.add(tail);
      try {
        await tail.start(next);
        for (let record = await tail.next(); record !== undefined; record = await tail.next()) {
          if (record.position !== next) {
            await this.#mustBeThere(next, record.position);
            break;
          }
          next++;
          yield record;
        }
      } catch (error) {
        if (error instanceof LogError && error.fault !== "unreachable" && error.fault !== "closed") throw error;
        this.#options.logger.debug(`log: the tail cannot be opened: ${errorText(error)}`);
      } finally {
        this.#tails.delete(tail);
        tail.end();
      }
      if (this.#closed) return;
      this.#options.logger.warn(`log: the tail was interrupted at position ${next}; it is opened again`);
      await this.#pause(PAUSE_MS);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const tail of this.#tails) tail.end();
    for (const end of this.#pauses) end();
    await this.#connection.close();
  }

  #tailPlace() {
    return { connection: this.#connection, manager: this.#manager, stream: this.#stream };
  }

  /** Whether `next` is there or will be; `false`: nobody knows now, ask again. */
  async #readable(next: number): Promise<boolean> {
    const untilMs = performance.now() + (this.#options.settleMs ?? SETTLE_MS);
    for (;;) {
      const bounds = await this.#bounds().catch((error) => this.#unreadable(error));
      if (bounds === undefined) {
        await this.#pause(PAUSE_MS);
        return false;
      }
      const behind = next > bounds.end + 1;
      if (!behind || performance.now() >= untilMs) checkStart(next, bounds.first, bounds.end);
      if (!behind) return true;
      await this.#pause(PAUSE_MS);
      if (this.#closed) return false;
    }
  }

  /** What the server pushes while the connection is down is lost on the way, but not from the log: then nothing is thrown. */
  async #mustBeThere(next: number, position: number): Promise<void> {
    const { first, end } = await this.#bounds();
    checkStart(next, first, Math.max(end, position));
    const there = await this.#ask(async () => {
      try {
        return await this.#manager.streams.getMessage(this.#stream, { seq: next });
      } catch (error) {
        if (error instanceof JetStreamApiError && error.code === MESSAGE_NOT_FOUND) return null;
        throw error;
      }
    });
    if (there === null) checkPosition(next, position);
  }

  async #bounds(): Promise<{ first: number; end: number }> {
    const { state } = await this.#ask(() => this.#manager.streams.info(this.#stream));
    this.#first = Math.max(state.first_seq, 1, this.#first);
    this.#saysGone = false;
    return { first: this.#first, end: state.last_seq };
  }

  /** Says once that the servers have no such stream: nobody makes an empty one in its place while nodes run. */
  #unreadable({ cause }: Error): undefined {
    if (this.#saysGone || !(cause instanceof JetStreamApiError) || cause.code !== STREAM_NOT_FOUND) return;
    this.#saysGone = true;
    const remedy = "restore it, or start a node again, which makes an empty one";
    this.#options.logger.error(`log: the servers have no stream ${this.#stream} any longer: ${remedy}`);
  }

  async #ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    this.#mustBeOpen();
    try {
      return await question();
    } catch (error) {
      throw new LogError("unreachable", `log: NATS does not say that it is done: ${errorText(error)}`, {
        cause: error,
      });
    }
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new LogError("closed", "log: it is closed");
  }

  /** Waits, or until the log is closed. */
  #pause(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#pauses.add(end);
    });
  }
}
