import type { SignInCounts } from "./figures.ts";

/** Counts what each plugin has said about sign-ins. */
export class SignInTally {
  readonly #counts = new Map<string, { allowed: number; denied: number }>();

  /** A plugin is there that decides about sign-ins, though it has not yet. */
  enter(plugin: string): void {
    if (!this.#counts.has(plugin)) this.#counts.set(plugin, { allowed: 0, denied: 0 });
  }

  count(plugin: string, word: "allowed" | "denied"): void {
    this.enter(plugin);
    this.#counts.get(plugin)![word]++;
  }

  /** As of now. */
  get all(): readonly SignInCounts[] {
    return Array.from(this.#counts, ([plugin, counts]) => Object.freeze({ plugin, ...counts }));
  }
}
