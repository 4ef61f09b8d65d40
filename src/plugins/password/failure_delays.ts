import { createHash } from "node:crypto";
import type { ClientSnapshot } from "../../hooks/plugin.ts";
import { networkOf } from "../../network.ts";

interface Failures {
  count: number;
  lastMs: number;
  blockedUntilMs: number;
}

/** Who signs in: failures count for the two together, and the places to compute in go round by address, then by user. */
export interface Origin {
  /** See {@linkcode sourceOf}. */
  readonly address: string;
  /** A user name, or what {@linkcode userKey} makes of it. */
  readonly user: string;
}

/** Failures that cost no delay: people mistype. */
const FREE_FAILURES = 2;
const FIRST_DELAY_MS = 250;
/** Below the default time for a CONNECT, so that a right password still gets through from where it is delayed. */
const LONGEST_DELAY_MS = 8000;
/** Who has not failed for so long starts anew. */
const MEMORY_MS = 600_000;
const MAX_ORIGINS = 10_000;
/**
 * One address must not push out the others. Whoever tries so many users in turn to be forgotten gets fewer guesses at
 * each than by waiting.
 */
const MAX_USERS_OF_AN_ADDRESS = 1000;

/**
 * How long each user has to wait at each address after failed sign-ins: 0.25 s after the third, doubling up to 8 s. A
 * device with an old password delays nobody else behind the same router or proxy.
 */
export class FailureDelays {
  /** By address and user; the address that failed longest ago first, and in it the user. */
  readonly #failures = new Map<string, Map<string, Failures>>();
  #size = 0;

  /** Milliseconds that a user has to wait at an address at the time `nowMs`; 0: none. */
  waitMs({ address, user }: Origin, nowMs: number): number {
    return Math.max(0, (this.#failures.get(address)?.get(user)?.blockedUntilMs ?? 0) - nowMs);
  }

  /** A sign-in failed. */
  fail(origin: Origin, nowMs: number): void {
    const known = this.#failures.get(origin.address)?.get(origin.user);
    const count = known === undefined || nowMs - known.lastMs > MEMORY_MS ? 1 : known.count + 1;
    const doublings = count - FREE_FAILURES - 1;
    const delayMs = doublings < 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** doublings);
    const users = this.#failures.get(origin.address) ?? new Map<string, Failures>();
    this.succeed(origin);
    this.#failures.delete(origin.address);
    this.#forget(users, nowMs);
    users.set(origin.user, { count, lastMs: nowMs, blockedUntilMs: nowMs + delayMs });
    this.#failures.set(origin.address, users);
    this.#size++;
  }

  /** A sign-in succeeded. */
  succeed({ address, user }: Origin): void {
    const users = this.#failures.get(address);
    if (!users?.delete(user)) return;
    this.#size--;
    if (users.size === 0) this.#failures.delete(address);
  }

  /** Makes room in the table, and among the users of the address that is to get one more. */
  #forget(users: Map<string, Failures>, nowMs: number): void {
    const drop = (from: Map<string, Failures>, needed: () => boolean) => {
      for (const [user, { lastMs }] of from) {
        if (!needed() && nowMs - lastMs <= MEMORY_MS) return false;
        from.delete(user);
        this.#size--;
      }
      return true;
    };
    drop(users, () => users.size >= MAX_USERS_OF_AN_ADDRESS);
    for (const [address, others] of this.#failures) {
      if (!drop(others, () => this.#size >= MAX_ORIGINS)) return;
      this.#failures.delete(address);
    }
  }
}

const MAX_PLAIN_USER_LENGTH = 44;

/** What a user name is known by where something is kept for it: the name itself, or its digest if it is long. */
export function userKey(username: string): string {
  if (username.length < MAX_PLAIN_USER_LENGTH) return username;
  return createHash("sha256").update(username).digest("base64");
}

/** Who signs in with this user name. */
export function originOf(client: Pick<ClientSnapshot, "remote" | "listener">, username: string): Origin {
  return { address: sourceOf(client), user: userKey(username) };
}

/** What counts as one source of sign-ins: see {@linkcode networkOf}; for carriers without an address, the listener. */
export function sourceOf({ remote, listener }: Pick<ClientSnapshot, "remote" | "listener">): string {
  return networkOf(remote.hostname) ?? `listener ${listener}`;
}
