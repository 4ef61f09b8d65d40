/** A simulated log: it takes its time, loses, repeats and lands late, and some nodes do not reach it for a while. */
import { checkStart, type Log, LogError, type LogRecord } from "../../../src/log/log.ts";
import type { Random } from "../../support/random.ts";
import type { Process, World } from "../world.ts";

/** How far the log is, in milliseconds each way: the least, and what chance adds at most. */
export interface LogDistance {
  readonly delayMs: number;
  readonly jitterMs: number;
}

/** After so long nobody says any more whether a record is there. */
const PATIENCE_MS = 2000;
/** What lands late does so within that time. */
const LATEST_MS = 20_000;

/** What outlives the nodes. */
export class LogEngine {
  readonly records: LogRecord[] = [];
  readonly tails = new Set<(position: number) => void>();
  readonly #world: World;
  #first = 1;

  constructor(world: World) {
    this.#world = world;
  }

  get first(): number {
    return this.#first;
  }

  get end(): number {
    return this.records.length;
  }

  land(bytes: Uint8Array): void {
    const position = this.records.length + 1;
    this.records.push({ position, timeMs: this.#world.epochMs, bytes });
    this.#world.note(bytes);
    for (const tail of this.tails) tail(position);
  }

  trim(upTo: number): void {
    this.#first = Math.max(this.#first, Math.min(upTo, this.end + 1));
  }
}

/** How a node reaches the log; it is the same for all of its processes. */
export class LogWay {
  /** Nothing gets through, either way. */
  isCut = false;
  /** Nothing comes from the tail, while records land and are acknowledged. */
  isTailPaused = false;
  /** Records are lost, land late, twice, or without an answer: one of so many; 0: none. */
  oneFaultIn = 0;
  /** When something was wrong last. */
  troubledAtMs = -Infinity;
  readonly #tails = new Set<() => void>();

  constructor(readonly engine: LogEngine, readonly distance: LogDistance, readonly random: Random) {}

  get isTroubled(): boolean {
    return this.isCut || this.isTailPaused || this.oneFaultIn > 0;
  }

  /** Told when tails may go on. */
  onMended(goOn: () => void): () => void {
    this.#tails.add(goOn);
    return () => this.#tails.delete(goOn);
  }

  mended(nowMs: number): void {
    this.troubledAtMs = nowMs;
    for (const goOn of this.#tails) goOn();
  }

  delay(): number {
    return this.distance.delayMs + this.random.between(0, this.distance.jitterMs);
  }
}

/** The log as one process of a node uses it. */
export class ProcessLog implements Log {
  readonly #process: Process;
  readonly #way: LogWay;
  readonly #forget: (() => void)[] = [];
  #landsAtMs = 0;
  #comesAtMs = 0;
  /** Up to where records have come. */
  #come = 0;
  #closed = false;
  #changed = Promise.withResolvers<void>();

  constructor(process: Process, way: LogWay) {
    this.#process = process;
    this.#way = way;
    const { engine } = way;
    this.#come = engine.end;
    const see = () => this.#see();
    engine.tails.add(see);
    this.#forget.push(() => engine.tails.delete(see), way.onMended(see));
  }

  get first(): number {
    return this.#way.engine.first;
  }

  async *open(from: number): AsyncGenerator<LogRecord> {
    const { engine } = this.#way;
    checkStart(from, engine.first, engine.end);
    for (let next = from; !this.#closed;) {
      if (next > this.#come) await this.#changed.promise;
      else yield this.#read(next++);
    }
  }

  append(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    const { engine, random } = this.#way;
    const { world } = this.#process;
    const own = bytes.slice();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fault = this.#fault();
    const say = (ms: number, run: () => void) => world.after(ms, () => this.#process.notice(run));
    if (fault !== undefined) say(PATIENCE_MS, () => reject(unreachable()));
    if (fault === "late") world.after(random.between(PATIENCE_MS, LATEST_MS), () => engine.land(own));
    if (fault === "lost" || fault === "late") return promise;
    this.#landsAtMs = Math.max(this.#landsAtMs, world.nowMs + this.#way.delay());
    world.after(this.#landsAtMs - world.nowMs, () => {
      engine.land(own);
      if (fault === "twice") engine.land(own);
      if (fault === undefined) say(this.#way.delay(), resolve);
    });
    return promise;
  }

  // deno-lint-ignore require-await
  async trim(upTo: number): Promise<void> {
    if (this.#closed) throw closed();
    if (this.#way.isCut) throw unreachable();
    this.#way.engine.trim(upTo);
  }

  end(): Promise<number> {
    if (this.#closed) return Promise.reject(closed());
    const { engine } = this.#way;
    const { world } = this.#process;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const notice = (ms: number, run: () => void) => world.after(ms, () => this.#process.notice(run));
    world.after(this.#way.delay(), () => {
      const { end } = engine;
      if (this.#way.isCut) notice(PATIENCE_MS, () => reject(unreachable()));
      else notice(this.#way.delay(), () => resolve(end));
    });
    return promise;
  }

  // deno-lint-ignore require-await
  async close(): Promise<void> {
    this.#closed = true;
    for (const forget of this.#forget) forget();
    this.#changed.resolve();
  }

  #read(position: number): LogRecord {
    const record = this.#way.engine.records[position - 1]!;
    return { ...record, bytes: record.bytes.slice() };
  }

  #fault(): "lost" | "late" | "unacknowledged" | "twice" | undefined {
    const { random, isCut, oneFaultIn } = this.#way;
    if (isCut) return random.pick(["lost", "lost", "late"]);
    if (oneFaultIn === 0 || !random.chance(1 / oneFaultIn)) return undefined;
    return random.pick(["lost", "late", "unacknowledged", "twice"]);
  }

  /** There is more at the end of the log, or it is reached again. */
  #see(): void {
    const way = this.#way;
    const { world } = this.#process;
    if (way.isCut || way.isTailPaused) return;
    const { end } = way.engine;
    this.#comesAtMs = Math.max(this.#comesAtMs, world.nowMs + way.delay());
    world.after(this.#comesAtMs - world.nowMs, () => {
      if (way.isCut || way.isTailPaused || end <= this.#come) return;
      this.#process.notice(() => {
        this.#come = Math.max(this.#come, end);
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
      });
    });
  }
}

function closed(): LogError {
  return new LogError("closed", "log: it is closed");
}

function unreachable(): LogError {
  return new LogError("unreachable", "log: nobody said that the record is there");
}
