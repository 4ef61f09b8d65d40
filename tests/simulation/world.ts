/** A world of one process: virtual time, and everything that happens in it one after the other. */
import { setImmediate } from "node:timers";
import type { Clock } from "../../src/runtime/environment.ts";
import type { Machine } from "../../src/runtime/machine.ts";

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void | Promise<void>;
}

/**
 * Virtual time and the queue of what is going to happen. After each event everything that it has caused runs to its end:
 * whatever awaits something outside waits for a later event, so that the order never depends on the real machine.
 */
export class World {
  readonly #heap: Event[] = [];
  #order = 0;
  #nowMs = 0;
  #steppedMs = 0;
  #hash = 0x811c9dc5;
  /** Called after each event. */
  onEvent: () => void = () => {};

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** What the wall clock shows. */
  get epochMs(): number {
    return 1_700_000_000_000 + this.#nowMs + this.#steppedMs;
  }

  /** Stands for all that has happened so far: the same for the same run. */
  get trace(): number {
    return this.#hash >>> 0;
  }

  /** Somebody sets the wall clock. */
  step(ms: number): void {
    this.#steppedMs += ms;
  }

  /** Adds something that can be seen to {@linkcode World.trace}. */
  note(bytes: Uint8Array | string): void {
    let hash = this.#hash ^ this.#nowMs;
    for (let i = 0; i < bytes.length; i++) {
      hash = Math.imul(hash ^ (typeof bytes === "string" ? bytes.charCodeAt(i) : bytes[i]!), 0x01000193);
    }
    this.#hash = hash;
  }

  /** Lets something happen in `ms` milliseconds, after all that is to happen then already. */
  after(ms: number, run: () => void | Promise<void>): void {
    const heap = this.#heap;
    const event = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, run };
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  /** Lets everything happen up to `untilMs`. */
  async run(untilMs: number): Promise<void> {
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const { atMs, run } = this.#next();
      this.#nowMs = atMs;
      // Only a start waits for the real machine, which loads modules; nothing happens meanwhile.
      const pending = run();
      if (pending) await pending;
      await quiet();
      this.onEvent();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #next(): Event {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (child >= heap.length || !isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** The runtime comes to its next task when no promise has anything left to do. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What one process of the broker has of the world, until it ends. */
export class Process {
  /** Work since the last event, in milliseconds by its steps. */
  turnMs = 0;
  /** How far its wall clock is from the world's. */
  skewMs = 0;
  /** Timers that were set and have neither run nor been cancelled. */
  timers = 0;
  #workMs = 0;
  #alive = true;
  #frozen = false;
  /** What waits for it to go on, in its order. */
  #stalled: (() => void)[] = [];

  /**
   * @param startMs where its clock begins
   * @param slowness milliseconds that a thousand steps take
   */
  constructor(readonly world: World, readonly startMs: number, readonly slowness: number) {}

  get alive(): boolean {
    return this.#alive;
  }

  /** It does not get to do anything at present. */
  get frozen(): boolean {
    return this.#frozen;
  }

  /** As `kill -9` does. */
  kill(): void {
    this.#alive = false;
    this.#stalled = [];
  }

  /** As SIGSTOP does: the system keeps what comes. */
  freeze(): void {
    this.#frozen = true;
  }

  /** As SIGCONT does. */
  thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    this.world.after(0, () => this.#goOn());
  }

  #goOn(): void {
    if (this.#frozen || this.#stalled.length === 0) return;
    this.#stalled.shift()!();
    this.world.after(0, () => this.#goOn());
  }

  /** Lets it notice something: now, or when it is not frozen any longer; never once it has ended. */
  notice(run: () => void): void {
    if (!this.#alive) return;
    if (this.#frozen || this.#stalled.length > 0) this.#stalled.push(run);
    else run();
  }

  /** Lets something happen unless the process has ended by then. */
  after(ms: number, run: () => void): () => void {
    let waits = true;
    this.timers++;
    const end = () => {
      if (!waits) return;
      waits = false;
      this.timers--;
    };
    this.world.after(ms, () => {
      if (!waits) return;
      this.notice(() => {
        if (!waits) return;
        end();
        run();
      });
    });
    return end;
  }

  readonly clock: Clock = {
    now: () => this.startMs + this.world.nowMs,
    epoch: () => this.world.epochMs + this.skewMs,
    every: (ms, tick) => {
      let cancel = () => {};
      const next = () => {
        cancel = this.after(ms, next);
        tick();
      };
      cancel = this.after(ms, next);
      return () => cancel();
    },
  };

  readonly machine: Machine = {
    now: (steps) => {
      const ms = steps * this.slowness / 1000;
      this.turnMs += ms;
      this.#workMs += ms;
      return this.startMs + this.world.nowMs + this.#workMs;
    },
    pollSockets: () => new Promise((resolve) => void this.after(1, resolve)),
    letRun: () => new Promise((resolve) => void this.after(0, resolve)),
    after: (ms, run) => this.after(ms, run),
    // The world's chance is in its schedule.
    random: () => 0.5,
    uniqueName: () => `unique-${this.#names++}`,
    connect: () => Promise.reject(new Error("there is nobody else in this world")),
    close: () => Promise.resolve(),
  };
  #names = 0;
}
