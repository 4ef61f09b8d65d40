import type { DropReason } from "../message.ts";

/** How many messages were given up, by reason; reasons without any are not there. */
export type LossCounts = Readonly<Partial<Record<DropReason, number>>>;

const NONE: LossCounts = Object.freeze({});

/** What each session has lost since the broker's start; sessions that have lost nothing take no memory. */
export class Losses {
  readonly #sessions = new Map<string, Partial<Record<DropReason, number>>>();
  readonly #isThere: (clientIdentifier: string) => boolean;

  /** @param isThere whether there is such a session: what one loses after its end is not counted here */
  constructor(isThere: (clientIdentifier: string) => boolean) {
    this.#isThere = isThere;
  }

  count(clientIdentifier: string, reason: DropReason, messages: number): void {
    let counts = this.#sessions.get(clientIdentifier);
    if (!counts) {
      if (!this.#isThere(clientIdentifier)) return;
      counts = {};
      this.#sessions.set(clientIdentifier, counts);
    }
    counts[reason] = (counts[reason] ?? 0) + messages;
  }

  /** As of now; frozen. */
  of(clientIdentifier: string): LossCounts {
    const counts = this.#sessions.get(clientIdentifier);
    return counts ? Object.freeze({ ...counts }) : NONE;
  }

  /** The session has ended. */
  forget(clientIdentifier: string): void {
    this.#sessions.delete(clientIdentifier);
  }
}
