/** What became of waiting for a place: it is yours, the queue was full, or whoever wanted it has gone. */
export type Admission = "admitted" | "full" | "aborted";

/** Limits of a {@linkcode HashQueue}. */
export interface HashQueueLimits {
  /** Places, at least 1. */
  readonly concurrency: number;
  /** How many may wait for one; further ones are turned away. */
  readonly waiting: number;
}

/** A bounded number of places to compute in, and a bounded queue in front of them: first come, first served. */
export class HashQueue {
  readonly #waiting = new Set<() => void>();
  #limits: HashQueueLimits;
  #taken = 0;

  constructor(limits: HashQueueLimits) {
    this.#limits = limits;
  }

  /** Sets other limits; those who have a place or wait for one keep it. */
  set limits(limits: HashQueueLimits) {
    this.#limits = limits;
    this.#admit();
  }

  /** Waits for a place. Whoever is `admitted` has to call {@linkcode HashQueue.leave}. */
  enter(signal: AbortSignal): Promise<Admission> {
    if (signal.aborted) return Promise.resolve("aborted");
    if (this.#taken < this.#limits.concurrency) {
      this.#taken++;
      return Promise.resolve("admitted");
    }
    if (this.#waiting.size >= this.#limits.waiting) return Promise.resolve("full");
    return new Promise((resolve) => {
      const admit = () => {
        signal.removeEventListener("abort", abort);
        resolve("admitted");
      };
      const abort = () => {
        this.#waiting.delete(admit);
        resolve("aborted");
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(admit);
    });
  }

  /** Gives a place back. */
  leave(): void {
    this.#taken--;
    this.#admit();
  }

  #admit(): void {
    for (const admit of this.#waiting) {
      if (this.#taken >= this.#limits.concurrency) return;
      this.#waiting.delete(admit);
      this.#taken++;
      admit();
    }
  }
}
