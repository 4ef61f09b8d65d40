import { networkOf } from "../../network.ts";

/** Failures that cost no delay: people mistype. */
const FREE_FAILURES = 3;
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 60_000;
/** Who has not failed for so long starts anew. */
const MEMORY_MS = 600_000;
const MAXIMUM_NETWORKS = 10_000;

interface Failures {
  readonly count: number;
  readonly lastMs: number;
  readonly blockedUntilMs: number;
}

/** How long an address has to wait after failed sign-ins: a second after the fourth, doubling up to a minute. */
export class Attempts {
  /** By network; the one that failed longest ago first. */
  readonly #failures = new Map<string, Failures>();
  readonly #now: () => number;

  /** @param now tells milliseconds that only grow */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Seconds to wait before the next attempt; 0: none. */
  waitSeconds(hostname: string | undefined): number {
    const blockedUntilMs = this.#failures.get(keyOf(hostname))?.blockedUntilMs ?? 0;
    return Math.max(0, Math.ceil((blockedUntilMs - this.#now()) / 1000));
  }

  /**
   * An attempt begins, and counts as failed until it has succeeded: of many at once no more pass than one after the other.
   *
   * @returns what to call if it succeeds. Failures before it stay, so that nobody who may sign in can guess for another
   */
  fail(hostname: string | undefined): () => void {
    const key = keyOf(hostname);
    const nowMs = this.#now();
    const known = this.#failures.get(key);
    const count = known === undefined || nowMs - known.lastMs > MEMORY_MS ? 1 : known.count + 1;
    const doublings = count - FREE_FAILURES - 1;
    const delayMs = doublings < 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** doublings);
    this.#failures.delete(key);
    this.#failures.set(key, { count, lastMs: nowMs, blockedUntilMs: nowMs + delayMs });
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MAXIMUM_NETWORKS) break;
      this.#failures.delete(oldest);
    }
    return () => this.#takeBack(key);
  }

  /** Networks that are remembered. */
  get networks(): number {
    return this.#failures.size;
  }

  #takeBack(key: string): void {
    const known = this.#failures.get(key);
    if (!known) return;
    if (known.count === 1) this.#failures.delete(key);
    else this.#failures.set(key, { count: known.count - 1, lastMs: known.lastMs, blockedUntilMs: 0 });
  }
}

function keyOf(hostname: string | undefined): string {
  return networkOf(hostname) ?? "unknown";
}
