const LEAST_MS = 1000;
const MOST_MS = 120_000;
/** By so much of it a wait is longer or shorter, so that many bridges do not come back at once. */
const JITTER = 0.25;
/** A connection that has lasted so long was a good one. */
const GOOD_MS = 30_000;

/** How long to wait for the next attempt: 1 s at first, twice as long after each failure, at most 2 min. */
export class Backoff {
  #nextMs = LEAST_MS;
  readonly #random: () => number;

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds until the next attempt. */
  next(): number {
    const ms = this.#nextMs * (1 + JITTER * (2 * this.#random() - 1));
    this.#nextMs = Math.min(MOST_MS, this.#nextMs * 2);
    return ms;
  }

  /** A connection has ended that lasted so long. */
  lasted(ms: number): void {
    if (ms >= GOOD_MS) this.reset();
  }

  /** What was is forgotten. */
  reset(): void {
    this.#nextMs = LEAST_MS;
  }
}
