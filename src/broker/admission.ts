import type { ResolvedListener } from "../config/config.ts";

/**
 * Connections over a listener's limit that are given time for their CONNECT at once; further ones are cut. Among them are
 * clients that come back before the broker has noticed that their former connection is gone.
 */
const MAXIMUM_OVER_LIMIT = 64;

/** What happens to a new connection: served, served if its CONNECT comes soon, or cut without a word. */
export type Admission = "serve" | "hurry" | "cut";

interface Count {
  /** Connections in whatever state. */
  open: number;
  /** Those whose client is signed in. */
  signedIn: number;
}

/**
 * Counts the connections of each listener against its `max-connections`. Who is signed in has a place; whether there is one
 * is decided when CONNECT has told who the client is, because it may take the place of its own former connection.
 */
export class Admissions {
  readonly #counts = new Map<string, Count>();

  /** Decides on a new connection; what is not `cut` has to be given back to {@linkcode Admissions.leave}. */
  enter({ name, maxConnections }: ResolvedListener): Admission {
    const count = this.#countOf(name);
    const over = maxConnections > 0 && count.open >= maxConnections;
    if (over && count.open >= maxConnections + MAXIMUM_OVER_LIMIT) return "cut";
    count.open++;
    return over ? "hurry" : "serve";
  }

  leave({ name }: ResolvedListener): void {
    this.#countOf(name).open--;
  }

  /** Whether a client has no place, unless it takes that of a connection which it replaces. */
  isFull({ name, maxConnections }: ResolvedListener): boolean {
    return maxConnections > 0 && this.#countOf(name).signedIn >= maxConnections;
  }

  /** A client of the listener is signed in; to be given back to {@linkcode Admissions.signedOut}. */
  signedIn({ name }: ResolvedListener): void {
    this.#countOf(name).signedIn++;
  }

  signedOut({ name }: ResolvedListener): void {
    this.#countOf(name).signedIn--;
  }

  #countOf(name: string): Count {
    let count = this.#counts.get(name);
    if (!count) this.#counts.set(name, count = { open: 0, signedIn: 0 });
    return count;
  }
}
