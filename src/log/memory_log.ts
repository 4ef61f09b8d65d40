/** A log in memory, for tests and simulations, with the faults that an engine may have. */
import { checkStart, type Log, LogError, type LogRecord } from "./log.ts";

/**
 * What befalls an append. `lost`: it never lands. `unacknowledged`: it lands, but nobody says so. `late`: nobody says so, and
 * it lands when {@linkcode MemoryEngine.landLate} is called. `twice`: it lands two times.
 */
export type AppendFault = "lost" | "unacknowledged" | "late" | "twice";

/** What holds the records; the logs of all nodes stand on one. */
export class MemoryEngine {
  /** Asked before each append. @default nothing befalls any */
  fault: ((bytes: Uint8Array) => AppendFault | undefined) | undefined;
  readonly #epoch: () => number;
  #records: LogRecord[] = [];
  #first = 1;
  #late: Uint8Array[] = [];
  #stopped = false;
  #waiting: (() => void)[] = [];
  /** All that stand on it, in the order in which they were opened. */
  readonly logs = new Set<MemoryLog>();

  /** @param epoch milliseconds since the epoch, for the records' times */
  constructor(epoch: () => number) {
    this.#epoch = epoch;
  }

  /** The lowest position that can be read. */
  get first(): number {
    return this.#first;
  }

  /** The highest position. */
  get end(): number {
    return this.#first + this.#records.length - 1;
  }

  /** How many appends wait for {@linkcode MemoryEngine.landLate}. */
  get late(): number {
    return this.#late.length;
  }

  /** @returns whether the writer hears of it */
  append(bytes: Uint8Array): boolean {
    const fault = this.fault?.(bytes);
    if (fault === "late") this.#late.push(bytes.slice());
    if (fault === "lost" || fault === "late") return false;
    this.#land(bytes);
    if (fault === "twice") this.#land(bytes);
    return fault !== "unacknowledged";
  }

  /** Lands the oldest append that is late, if there is one. */
  landLate(): void {
    const bytes = this.#late.shift();
    if (bytes !== undefined) this.#land(bytes);
  }

  /** From now on tails are given nothing. */
  stopTails(): void {
    this.#stopped = true;
  }

  /** Ends {@linkcode MemoryEngine.stopTails}. */
  letTailsRun(): void {
    this.#stopped = false;
    this.wake();
  }

  /** Gives up what lies below `upTo`. */
  trim(upTo: number): void {
    const count = Math.min(Math.max(upTo - this.#first, 0), this.#records.length);
    this.#records.splice(0, count);
    this.#first += count;
  }

  /** The record at a position, `undefined` if it is not there yet or tails are stopped. */
  read(position: number): LogRecord | undefined {
    const record = this.#stopped ? undefined : this.#records[position - this.#first];
    return record && { ...record, bytes: record.bytes.slice() };
  }

  /** Resolves when there may be something new. */
  changed(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Has every tail look again. */
  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #land(bytes: Uint8Array): void {
    this.#records.push({ position: this.end + 1, timeMs: this.#epoch(), bytes: bytes.slice() });
    this.wake();
  }
}

/** One node's way to a {@linkcode MemoryEngine}. */
export class MemoryLog implements Log {
  readonly #engine: MemoryEngine;
  #closed = false;
  /** Its tails are given nothing, for now. */
  isStalled = false;
  /** What the next look of a tail meets. */
  tailFault: LogError | undefined;

  /** @param engine that all nodes share */
  constructor(engine: MemoryEngine) {
    this.#engine = engine;
    engine.logs.add(this);
  }

  get first(): number {
    return this.#engine.first;
  }

  async *open(from: number): AsyncGenerator<LogRecord> {
    checkStart(from, this.#engine.first, this.#engine.end);
    for (let next = from; !this.#closed;) {
      const fault = this.tailFault;
      this.tailFault = undefined;
      if (fault !== undefined) throw fault;
      if (next < this.#engine.first && !this.isStalled) checkStart(next, this.#engine.first, this.#engine.end);
      const record = this.isStalled ? undefined : this.#engine.read(next);
      if (record === undefined) {
        await this.#engine.changed();
      } else {
        next++;
        yield record;
      }
    }
  }

  // Asynchronous, so that faults are rejections as with a real engine.
  async append(bytes: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    const heard = this.#engine.append(bytes);
    await Promise.resolve();
    if (!heard) throw new LogError("unreachable", "log: nobody said that the record is there");
  }

  // deno-lint-ignore require-await
  async trim(upTo: number): Promise<void> {
    this.#mustBeOpen();
    this.#engine.trim(upTo);
  }

  // deno-lint-ignore require-await
  async end(): Promise<number> {
    this.#mustBeOpen();
    return this.#engine.end;
  }

  // deno-lint-ignore require-await
  async close(): Promise<void> {
    this.#closed = true;
    this.#engine.logs.delete(this);
    this.#engine.wake();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new LogError("closed", "log: it is closed");
  }
}

interface Shared {
  readonly engine: MemoryEngine;
  users: number;
}

/** By the names of clusters; those that have nodes in this process. */
const shared = new Map<string, Shared>();

/** The log of all nodes of a cluster that are in this process. It ends with the last of them. */
export function sharedMemoryLog(cluster: string, epoch: () => number): Log {
  const own = shared.get(cluster) ?? { engine: new MemoryEngine(epoch), users: 0 };
  shared.set(cluster, own);
  own.users++;
  return new SharedMemoryLog(own.engine, () => {
    if (--own.users === 0) shared.delete(cluster);
  });
}

/** The engine under a cluster's name, for tests that make it fail; `undefined`: no node is here. */
export function sharedMemoryEngine(cluster: string): MemoryEngine | undefined {
  return shared.get(cluster)?.engine;
}

class SharedMemoryLog extends MemoryLog {
  #leave: (() => void) | undefined;

  constructor(engine: MemoryEngine, leave: () => void) {
    super(engine);
    this.#leave = leave;
  }

  override async close(): Promise<void> {
    this.#leave?.();
    this.#leave = undefined;
    await super.close();
  }
}
