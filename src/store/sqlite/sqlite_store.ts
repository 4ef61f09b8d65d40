import { isOpenHere, noteOpen } from "./open_databases.ts";
import { ChangePacker } from "./packed_changes.ts";
import type { SqliteOptions } from "./connection.ts";
import type { Opened } from "./database.ts";
import { faultOf, storeErrorOf } from "./faults.ts";
import { errorFrom, type Reply, type Request } from "./protocol.ts";
import { probeDescriptors } from "./spare_descriptors.ts";
import { startSqliteWorker } from "./worker.ts";
import type { Thread } from "../../runtime/host.ts";
import {
  type Change,
  type DeliveryRange,
  type Store,
  type StoredDelivery,
  type StoredRetained,
  type StoredSession,
  type StoredState,
  type StoredWill,
  StoreError,
} from "../store.ts";

/** A request that waits or is being answered. */
interface Job {
  readonly request: () => Request;
  /** The changes it appends; `undefined`: it does something else. */
  readonly changes?: ChangePacker;
  readonly done: PromiseWithResolvers<unknown>;
}

/** What tests put in another's place. */
export interface SqliteStoreParts {
  /** @default the worker of this folder */
  readonly startWorker?: () => Thread;
  /** Throws if a worker must not be started now. @default looks for file descriptors */
  readonly probe?: () => void;
}

/**
 * A store in one SQLite file, for one process at a time. The database works in a worker, one request after the other;
 * what is appended meanwhile becomes one transaction. If one fails, so do those that wait behind it.
 */
export class SqliteStore implements Store {
  readonly #options: SqliteOptions;
  readonly #startWorker: () => Thread;
  readonly #probe: () => void;
  #worker: Thread | undefined;
  #isOpen = false;
  /** Takes the file off the list of those that this process has open. */
  #noteClosed: () => void = () => {};
  #running: Job | undefined;
  #waiting: Job[] = [];
  /** What is asked of a worker that was started anew, once it has opened the database. */
  #afterOpen: Request | undefined;

  /** Opens nothing yet: see {@linkcode SqliteStore.open}. */
  constructor({ path, commit }: SqliteOptions, parts: SqliteStoreParts = {}) {
    this.#options = { path, commit };
    this.#startWorker = parts.startWorker ?? startSqliteWorker;
    this.#probe = parts.probe ?? (() => probeDescriptors(path));
  }

  async open(): Promise<StoredState> {
    this.#isOpen = true;
    try {
      const last = await this.#call(["open", this.#options]) as Opened;
      this.#noteClosed = noteOpen(this.#options.path);
      return {
        ...last,
        sessions: pages<StoredSession, number>(
          0,
          async (after) => await this.#call(["sessions", after]) as StoredSession[],
          ({ session }) => session,
        ),
        retained: pages<StoredRetained, number>(
          0,
          async (after) => await this.#call(["retained", after]) as StoredRetained[],
          ({ serial }) => serial,
        ),
        wills: pages<StoredWill, string | undefined>(
          undefined,
          async (after) => await this.#call(["wills", after]) as StoredWill[],
          (will) => will.clientIdentifier,
        ),
      };
    } catch (error) {
      this.#isOpen = false;
      this.#stopWorker();
      throw this.#describeUse(error);
    }
  }

  async append(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    const last = this.#waiting.at(-1);
    if (last?.changes !== undefined) {
      last.changes.add(changes);
      await last.done.promise;
      return;
    }
    const packer = new ChangePacker();
    packer.add(changes);
    await this.#enqueue({ request: () => ["append", packer.take()], changes: packer });
  }

  deliveries(session: number, range: DeliveryRange): Promise<readonly StoredDelivery[]> {
    return this.#call(["deliveries", session, range]) as Promise<StoredDelivery[]>;
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    try {
      // A worker that died has left nothing to close.
      if (this.#worker !== undefined) await this.#call(["close"]);
    } finally {
      this.#isOpen = false;
      this.#noteClosed();
      this.#stopWorker();
    }
  }

  #describeUse(error: unknown): unknown {
    const { path } = this.#options;
    if (faultOf(error) !== "in-use" || !isOpenHere(path)) return error;
    const what = "is in use by another broker of this process: shut that one down, or give each its own file";
    return new Error(`${path}: ${what}`, { cause: error });
  }

  #call(request: Request): Promise<unknown> {
    return this.#enqueue({ request: () => request });
  }

  #enqueue(job: Omit<Job, "done">): Promise<unknown> {
    if (!this.#isOpen) {
      return Promise.reject(new StoreError(`${this.#options.path}: the store is not open`, "rejected"));
    }
    const done = Promise.withResolvers<unknown>();
    this.#waiting.push({ ...job, done });
    this.#next();
    return done.promise;
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#running = job;
    const request = job.request();
    if (this.#worker !== undefined || request[0] === "open") return this.#post(request);
    // The former worker has died.
    this.#afterOpen = request;
    this.#post(["open", this.#options]);
  }

  #post(request: Request): void {
    try {
      this.#worker ??= this.#start();
    } catch (error) {
      return this.#lose(`cannot be started: ${error instanceof Error ? error.message : error}`);
    }
    this.#worker.postMessage(request, request[0] === "append" ? [request[1].payloads.buffer] : []);
  }

  #start(): Thread {
    this.#probe();
    const worker = this.#startWorker();
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#take(data);
    worker.onerror = (event) => {
      // Else it would end the process.
      event.preventDefault();
      if (worker === this.#worker) this.#lose(`has died (${event.message})`);
    };
    return worker;
  }

  #take(reply: Reply): void {
    const next = this.#afterOpen;
    this.#afterOpen = undefined;
    if (next !== undefined && "value" in reply) return this.#post(next);
    if (next !== undefined) this.#stopWorker();
    const job = this.#running;
    this.#running = undefined;
    if ("value" in reply) job?.done.resolve(reply.value);
    else {
      const error = errorFrom(reply.fault);
      this.#reject(job, next === undefined ? error : storeErrorOf(this.#options.path, error));
    }
    this.#next();
  }

  #reject(job: Job | undefined, error: Error): void {
    job?.done.reject(error);
    if (job?.changes === undefined) return;
    // They build upon what was not stored, and come again behind it.
    for (const { changes, done } of this.#waiting) if (changes !== undefined) done.reject(error);
    this.#waiting = this.#waiting.filter(({ changes }) => changes === undefined);
  }

  #lose(what: string): void {
    this.#stopWorker();
    const error = new StoreError(`${this.#options.path}: the worker of the store ${what}`, "io");
    const jobs = [...this.#running === undefined ? [] : [this.#running], ...this.#waiting];
    this.#running = undefined;
    this.#afterOpen = undefined;
    this.#waiting = [];
    for (const { done } of jobs) done.reject(error);
  }

  #stopWorker(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

/** All items, a page at a time; `keyOf` tells where the next page begins. */
async function* pages<Item, Key>(
  first: Key,
  read: (after: Key) => Promise<Item[]>,
  keyOf: (item: Item) => Key,
): AsyncGenerator<Item> {
  let after = first;
  while (true) {
    const page = await read(after);
    const last = page.at(-1);
    if (last === undefined) return;
    yield* page;
    after = keyOf(last);
  }
}
