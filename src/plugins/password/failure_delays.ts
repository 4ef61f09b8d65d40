import type { ClientSnapshot } from "../../hooks/plugin.ts";

interface Failures {
  count: number;
  lastMs: number;
  blockedUntilMs: number;
}

/** Failures that cost no delay: people mistype. */
const FREE_FAILURES = 2;
const FIRST_DELAY_MS = 250;
/** Below the default time for a CONNECT, so that a right password still gets through from an address that is delayed. */
const LONGEST_DELAY_MS = 8000;
/** An address without a failure for so long starts anew. */
const MEMORY_MS = 600_000;
const MAX_SOURCES = 10_000;

/** How long each address has to wait after failed sign-ins: 0.25 s after the third, doubling up to 8 s. */
export class FailureDelays {
  /** By source, the one that failed longest ago first. */
  readonly #failures = new Map<string, Failures>();

  /** Milliseconds that a source has to wait at the time `nowMs`; 0: none. */
  waitMs(source: string, nowMs: number): number {
    return Math.max(0, (this.#failures.get(source)?.blockedUntilMs ?? 0) - nowMs);
  }

  /** A sign-in from this source failed. */
  fail(source: string, nowMs: number): void {
    const known = this.#failures.get(source);
    const count = known === undefined || nowMs - known.lastMs > MEMORY_MS ? 1 : known.count + 1;
    const doublings = count - FREE_FAILURES - 1;
    const delayMs = doublings < 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** doublings);
    this.#failures.delete(source);
    this.#forget(nowMs);
    this.#failures.set(source, { count, lastMs: nowMs, blockedUntilMs: nowMs + delayMs });
  }

  /** A sign-in from this source succeeded. */
  succeed(source: string): void {
    this.#failures.delete(source);
  }

  #forget(nowMs: number): void {
    for (const [source, { lastMs }] of this.#failures) {
      if (this.#failures.size < MAX_SOURCES && nowMs - lastMs <= MEMORY_MS) return;
      this.#failures.delete(source);
    }
  }
}

/**
 * What counts as one source of sign-ins: an IPv4 address, the first 64 bits of an IPv6 address, since whoever has one
 * has all of those, or the listener for carriers without an address.
 */
export function sourceOf({ remote, listener }: Pick<ClientSnapshot, "remote" | "listener">): string {
  const { hostname } = remote;
  if (hostname === undefined) return `listener ${listener}`;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(hostname)?.[1];
  if (mapped !== undefined || !hostname.includes(":")) return mapped ?? hostname;
  const [head = "", tail] = hostname.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...new Array<string>(zeros).fill("0"), ...after];
  return groups.slice(0, 4).map((group) => (parseInt(group, 16) || 0).toString(16)).join(":");
}
