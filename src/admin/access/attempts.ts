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

  fail(hostname: string | undefined): void {
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
  }

  succeed(hostname: string | undefined): void {
    this.#failures.delete(keyOf(hostname));
  }
}

function keyOf(hostname: string | undefined): string {
  return networkOf(hostname) ?? "unknown";
}
