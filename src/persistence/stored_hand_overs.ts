import type { Logger } from "../logger.ts";
import type { StoredHandOver } from "../session/stored_hand_over.ts";
import { StoreError } from "../store/store.ts";
import type { WriteQueue } from "./write_queue.ts";

/** How long to wait after a fault before the store is read again, and after one that will not pass by itself. */
const FAULT_MS = 1000;
const LASTING_FAULT_MS = 60_000;

/** What {@linkcode StoredHandOvers} work with. */
export interface StoredHandOversParts {
  readonly writeQueue: WriteQueue;
  readonly logger: Logger;
  /** The time, in milliseconds of the broker's clock. */
  readonly now: () => number;
}

/**
 * Settles what ended sessions have left in the store for others, one after the other. No more is handed over before what
 * was handed over is stored, so that it takes little memory and nobody waits for it.
 */
export class StoredHandOvers {
  readonly #parts: StoredHandOversParts;
  /** In the order in which the sessions ended. */
  readonly #waiting = new Set<StoredHandOver>();
  #running = false;
  /** Nothing is tried before. */
  #dueAtMs = -Infinity;
  #isFailing = false;
  #closed = false;

  constructor(parts: StoredHandOversParts) {
    this.#parts = parts;
  }

  /** A session has ended and left this. */
  add(handOver: StoredHandOver): void {
    this.#waiting.add(handOver);
    this.tryAgain(this.#parts.now());
  }

  /** Goes on if it is time to. To be called regularly. */
  tryAgain(nowMs: number): void {
    if (this.#running || this.#closed || this.#waiting.size === 0 || nowMs < this.#dueAtMs) return;
    this.#running = true;
    this.#run().catch((error) => this.#failed(error)).finally(() => this.#running = false);
  }

  /** The rest is left to the next run. */
  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    for (const handOver of this.#waiting) {
      await handOver.settle(() => this.#pause());
      if (this.#closed) return;
      this.#waiting.delete(handOver);
      this.#isFailing = false;
    }
  }

  /** Everything that was noted before is seen by whoever reads the store next. */
  async #pause(): Promise<boolean> {
    await this.#parts.writeQueue.settled();
    return !this.#closed;
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    const { logger, now } = this.#parts;
    if (!this.#isFailing) logger.error(`what ended sessions have left for other members cannot be read: ${error}`);
    this.#isFailing = true;
    this.#dueAtMs = now() + (error instanceof StoreError && error.lasting ? LASTING_FAULT_MS : FAULT_MS);
  }
}
