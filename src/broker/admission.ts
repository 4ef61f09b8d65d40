import type { ResolvedListener } from "../config/config.ts";
import type { Logger } from "../logger.ts";

/** Connections over a listener's limit that are given time for their CONNECT at once; further ones are cut. */
const MAXIMUM_REFUSALS = 64;

/** What happens to a new connection: served, answered with a refusal, or cut without a word. */
export type Admission = "serve" | "refuse" | "cut";

/** Counts the connections of each listener against its `max-connections`. */
export class Admissions {
  readonly #served = new Map<string, number>();
  #refusals = 0;
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Decides on a new connection; what is not `cut` has to be given back to {@linkcode Admissions.leave}. */
  enter({ name, maxConnections }: ResolvedListener): Admission {
    const served = this.#served.get(name) ?? 0;
    if (maxConnections === 0 || served < maxConnections) {
      this.#served.set(name, served + 1);
      return "serve";
    }
    if (this.#refusals >= MAXIMUM_REFUSALS) {
      this.#logger.warn(`connection cut: listeners.${name}.max-connections (${maxConnections}) is reached`);
      return "cut";
    }
    this.#refusals++;
    return "refuse";
  }

  leave({ name }: ResolvedListener, admission: Exclude<Admission, "cut">): void {
    if (admission === "refuse") this.#refusals--;
    else this.#served.set(name, this.#served.get(name)! - 1);
  }
}
