import type { SqliteDatabase } from "./database.ts";
import { StoreError } from "../store.ts";

/** A database is opened anew after a fault, which costs too much to be tried at every request. */
const PAUSE_MS = 60_000;

/** What becomes of the faults that a database has while it deletes what nobody waits for. */
export class Tidying {
  readonly #now: () => number;
  #pausedUntilMs = -Infinity;
  /** It has failed since it last succeeded. */
  #isFailing = false;
  #untold: StoreError | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** It has failed a short time ago. */
  get isPaused(): boolean {
    return this.#now() < this.#pausedUntilMs;
  }

  /** Deletes a part; returns whether that worked. */
  tidy(database: Pick<SqliteDatabase, "tidy">): boolean {
    try {
      database.tidy();
      this.#isFailing = false;
      return true;
    } catch (error) {
      if (!this.#isFailing) this.#untold = passing(error);
      this.#isFailing = true;
      this.#pausedUntilMs = this.#now() + PAUSE_MS;
      return false;
    }
  }

  /**
   * Tells the first fault, once.
   *
   * @throws {StoreError} that fault
   */
  tell(): void {
    const error = this.#untold;
    this.#untold = undefined;
    if (error !== undefined) throw error;
  }
}

/** Whatever keeps it from deleting, storing may work: that is to be tried soon. */
function passing(error: unknown): StoreError {
  return new StoreError(error instanceof Error ? error.message : String(error), "io", { cause: error });
}
