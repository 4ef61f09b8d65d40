import type { Clock } from "../runtime/environment.ts";

/** A tick that comes so late is one after a stall: of the machine, or of the event loop. */
const STALL_MS = 100;

/** So many late ticks in a row are no stalls but a slow machine, on which somebody has to be judged some time. */
const MAXIMUM_STALLS = 8;

/**
 * The time that clients are given to do something. It stands still while the broker does: what a client sent meanwhile has
 * not been read, and must not be held against it.
 */
export class ClientTime {
  readonly #clock: Pick<Clock, "now">;
  readonly #periodMs: number;
  /** All stalls so far. */
  #stalledMs = 0;
  #stallsInARow = 0;
  #nextTickMs: number;

  /** @param periodMs after which {@linkcode ClientTime.tick} is called again and again */
  constructor(clock: Pick<Clock, "now">, periodMs: number) {
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#nextTickMs = clock.now() + periodMs;
  }

  /** Milliseconds that only grow. */
  now(): number {
    // During a stall nobody knows of it yet.
    return Math.min(this.#clock.now(), this.#nextTickMs + STALL_MS) - this.#stalledMs;
  }

  /** Called at each tick of the broker. False: the broker has stood still, so that nobody is to be judged before the next. */
  tick(): boolean {
    const nowMs = this.#clock.now();
    const lateMs = nowMs - this.#nextTickMs;
    const stalled = lateMs > STALL_MS;
    if (stalled) this.#stalledMs += lateMs - STALL_MS;
    this.#stallsInARow = stalled ? this.#stallsInARow + 1 : 0;
    this.#nextTickMs = nowMs + this.#periodMs;
    return !stalled || this.#stallsInARow > MAXIMUM_STALLS;
  }
}
