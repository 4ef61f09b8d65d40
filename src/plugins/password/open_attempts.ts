import type { Origin } from "./failure_delays.ts";

/** A user name and password that are being checked. */
interface Attempt {
  /** See `VerifiedPairs.nameOf`. */
  readonly name: string;
  /** Whether they turned out right; false also if it was not found out. */
  readonly right: Promise<boolean>;
}

/**
 * The sign-ins that are being checked. Who comes with the very pair that is being checked for the same user at the same
 * address may wait for that, so that a house whose devices share a user costs one hash. That holds only while nothing
 * else is being checked there: else many guesses at once would each have a look for nothing, before the first of them
 * is known to be wrong.
 */
export class OpenAttempts {
  readonly #attempts = new Map<string, Set<Attempt>>();

  /** Whether nothing is being checked for this user at this address. */
  isIdle(origin: Origin): boolean {
    return !this.#attempts.has(keyOf(origin));
  }

  /** The outcome of what is being checked already; `undefined`: it has to be checked anew. */
  sameAs(origin: Origin, name: string): Promise<boolean> | undefined {
    const attempts = this.#attempts.get(keyOf(origin));
    if (attempts?.size !== 1) return undefined;
    const [only] = attempts;
    return only?.name === name ? only.right : undefined;
  }

  /** Checks a pair; what `check` throws is passed on. */
  async run<Result>(origin: Origin, name: string, check: () => Promise<Result>): Promise<Result> {
    const key = keyOf(origin);
    const attempts = this.#attempts.get(key) ?? new Set<Attempt>();
    const { promise: right, resolve } = Promise.withResolvers<boolean>();
    const attempt = { name, right };
    this.#attempts.set(key, attempts.add(attempt));
    let result: Result | undefined;
    try {
      return result = await check();
    } finally {
      attempts.delete(attempt);
      if (attempts.size === 0) this.#attempts.delete(key);
      resolve(result === "allow");
    }
  }
}

function keyOf({ address, user }: Origin): string {
  return `${address} ${user}`;
}
