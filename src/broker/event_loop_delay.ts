import { Histogram } from "../histogram.ts";

/** Buckets, in seconds. */
const DELAY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** How late a timer is called: for so long the event loop was busy with something else. */
export class EventLoopDelay {
  /** In seconds. */
  readonly histogram: Histogram = new Histogram(DELAY_SECONDS);
  readonly #intervalMs: number;
  #calledAtMs: number | undefined;

  /** @param intervalMs how often {@linkcode EventLoopDelay.tick} should be called */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  tick(nowMs: number): void {
    const { histogram } = this;
    if (this.#calledAtMs !== undefined) {
      histogram.observe(Math.max(0, nowMs - this.#calledAtMs - this.#intervalMs) / 1000);
    }
    this.#calledAtMs = nowMs;
  }
}
