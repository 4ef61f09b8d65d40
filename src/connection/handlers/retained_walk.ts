import type { Sender } from "../../session/sender.ts";
import type { WorkBudget, WorkParty } from "../../work_budget.ts";

/** Messages that are found before the budget is looked at, which is some tenths of a millisecond of work. */
const MESSAGES_PER_SLICE = 200;
/** Steps through the retained messages before that, whether something is found or not. */
const STEPS_PER_SLICE = 2000;
/** So many steps through them count as one of the budget's. */
const STEPS_AS_ONE = 8;
/** When more wait for the client than it is to have at once, the next slice comes when so many are left. */
const WAITING_AGAIN = 5_000;

/** What a {@linkcode RetainedWalk} is made with. */
export interface RetainedWalkOptions {
  readonly sender: Pick<Sender, "findRetained" | "promises">;
  readonly work: Pick<WorkBudget, "steps" | "isDue" | "look">;
  readonly party: WorkParty;
  /** Calls back in a later turn of the event loop, when it is the party's. */
  readonly later: (resume: () => void) => void;
}

/**
 * Finds what one client's subscriptions still have to bring of the retained messages, in slices between which others are
 * served. A client that takes nothing is waited for, so that there is never much in memory for it.
 */
export class RetainedWalk {
  readonly #options: RetainedWalkOptions;
  /** It goes on in a later turn. */
  #suspended = false;
  #pause: PromiseWithResolvers<void> | undefined;

  constructor(options: RetainedWalkOptions) {
    this.#options = options;
  }

  /** Resolves when it is over or waits for the client to take something; `undefined`: that is so already. */
  get pause(): Promise<void> | undefined {
    return this.#pause?.promise;
  }

  /** Whether it goes on in a later turn. */
  get suspended(): boolean {
    return this.#suspended;
  }

  /** Walks on. A small walk is over on return. */
  run(): void {
    if (!this.#suspended) this.#walk();
  }

  #walk(): void {
    const { sender, later } = this.#options;
    const resume = () => this.#walk();
    this.#suspended = this.#findUntilOthersTurn();
    if (this.#suspended && !sender.promises?.isFull) {
      this.#pause ??= Promise.withResolvers();
      return later(resume);
    }
    if (this.#suspended) sender.promises?.whenTaken(WAITING_AGAIN, () => later(resume));
    this.#pause?.resolve();
    this.#pause = undefined;
  }

  /** Returns whether there is more to find. */
  #findUntilOthersTurn(): boolean {
    const { sender, work, party } = this.#options;
    for (;;) {
      const slice = { messages: MESSAGES_PER_SLICE, steps: STEPS_PER_SLICE };
      const more = sender.findRetained(slice);
      work.steps += (STEPS_PER_SLICE - slice.steps) / STEPS_AS_ONE + MESSAGES_PER_SLICE - slice.messages;
      if (!more || sender.promises?.isFull) return more;
      if (work.isDue && work.look(party)) return true;
    }
  }
}
