import type { ResolvedListener } from "../config/config.ts";

/**
 * Connections over a listener's limit that are given time for their CONNECT at once; further ones are cut. Among them are
 * clients that come back before the broker has noticed that their former connection is gone.
 */
const MAXIMUM_OVER_LIMIT = 64;

/** What happens to a new connection: served, served if its CONNECT comes soon, or cut without a word. */
export type Admission = "serve" | "hurry" | "cut";

/**
 * Counts the connections of each listener against its `max-connections`. Who is signed in has a place; whether there is one
 * is decided when CONNECT has told who the client is, because it may take the place of its own former connection.
 */
export class Admissions {
  /** Connections in whatever state. */
  readonly #open = new Map<string, number>();

  /** Decides on a new connection; what is not `cut` has to be given back to {@linkcode Admissions.leave}. */
  enter({ name, maxConnections }: ResolvedListener): Admission {
    const open = this.#open.get(name) ?? 0;
    const over = maxConnections > 0 && open >= maxConnections;
    if (over && open >= maxConnections + MAXIMUM_OVER_LIMIT) return "cut";
    this.#open.set(name, open + 1);
    return over ? "hurry" : "serve";
  }

  leave({ name }: ResolvedListener): void {
    this.#open.set(name, (this.#open.get(name) ?? 0) - 1);
  }
}
