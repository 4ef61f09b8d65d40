import type { Origin } from "./failure_delays.ts";
import { FairQueue } from "./fair_queue.ts";

/** What became of waiting for a place: it is yours, it would take too long, or whoever wanted it has gone. */
export type Admission = "admitted" | "full" | "aborted";

/** A wish for a place in a {@linkcode HashQueue}. */
export interface HashRequest {
  readonly origin: Origin;
  /** Milliseconds that the place is expected to be taken for. */
  readonly costMs: number;
  /** Milliseconds after which the result is of no use any more. */
  readonly patienceMs: number;
  /** Aborted when nobody waits for it any longer. */
  readonly signal: AbortSignal;
}

interface Waiting {
  admit(): void;
}

/**
 * A bounded number of places to compute in, and a queue in front of them that is fair by address and user. What bounds
 * it is time: who cannot be expected to be served within its patience is turned away at once. Everybody who waits has a
 * connection of its own.
 */
export class HashQueue {
  readonly #waiting = new FairQueue<Waiting>();
  #concurrency: number;
  #taken = 0;
  /** Of all that have a place or wait for one. */
  #costMs = 0;
  readonly #awaitingIdle: (() => void)[] = [];

  /** @param concurrency places, at least 1 */
  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  /** Sets another number of places; those who have one keep it. */
  set concurrency(concurrency: number) {
    this.#concurrency = concurrency;
    this.#admit();
  }

  /** Waits for a place. Whoever is `admitted` has to call {@linkcode HashQueue.leave} with the same request. */
  enter(request: HashRequest): Promise<Admission> {
    const { costMs, patienceMs, signal } = request;
    if (signal.aborted) return Promise.resolve("aborted");
    if (this.#taken < this.#concurrency) {
      this.#taken++;
      this.#costMs += costMs;
      return Promise.resolve("admitted");
    }
    return this.#expectedMs(request) > patienceMs ? Promise.resolve("full") : this.#wait(request);
  }

  /** Gives a place back. */
  leave({ costMs }: HashRequest): void {
    this.#costMs -= costMs;
    this.#taken--;
    this.#admit();
    if (this.#taken > 0) return;
    for (const resolve of this.#awaitingIdle.splice(0)) resolve();
  }

  /** Resolves when nobody has a place. */
  idle(): Promise<void> {
    return this.#taken === 0 ? Promise.resolve() : new Promise((resolve) => this.#awaitingIdle.push(resolve));
  }

  #wait({ origin, costMs, signal }: HashRequest): Promise<Admission> {
    this.#costMs += costMs;
    return new Promise((resolve) => {
      const waiting = {
        admit: () => {
          signal.removeEventListener("abort", abort);
          resolve("admitted");
        },
      };
      const abort = () => {
        this.#waiting.delete(origin, waiting);
        this.#costMs -= costMs;
        resolve("aborted");
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(origin, waiting);
    });
  }

  #admit(): void {
    while (this.#taken < this.#concurrency) {
      const next = this.#waiting.take();
      if (next === undefined) return;
      this.#taken++;
      next.admit();
    }
  }

  /** Milliseconds until a place is there and the result, too. */
  #expectedMs({ origin, costMs }: HashRequest): number {
    const ahead = this.#taken + this.#waiting.ahead(origin);
    const meanMs = this.#costMs / (this.#taken + this.#waiting.size);
    return ahead * meanMs / this.#concurrency + costMs;
  }
}
