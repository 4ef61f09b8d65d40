import { errorText } from "../error_text.ts";
import type { WorkBudget, WorkParty } from "../work_budget.ts";

/** For whom {@linkcode Later} does something. */
export interface LaterOwner {
  /** Nothing more is to be done. */
  readonly closed: boolean;
  readonly work: WorkParty;
}

/**
 * Does things after the present turn, one after the other. The sender is in the middle of what it sends when it causes them,
 * and each may make it send the next: as one call in another they would have no end.
 */
export class Later {
  readonly #budget: WorkBudget;
  readonly #owner: LaterOwner;
  readonly #onFault: (reason: string) => void;
  readonly #todo: (() => void)[] = [];
  #isDoing = false;

  constructor(budget: WorkBudget, owner: LaterOwner, onFault: (reason: string) => void) {
    this.#budget = budget;
    this.#owner = owner;
    this.#onFault = onFault;
  }

  add(act: () => void): void {
    this.#todo.push(act);
    if (this.#isDoing) return;
    this.#isDoing = true;
    queueMicrotask(() => void this.#doAll());
  }

  async #doAll(): Promise<void> {
    const [budget, owner] = [this.#budget, this.#owner];
    try {
      for (let act = this.#todo.shift(); act && !owner.closed; act = this.#todo.shift()) {
        act();
        budget.steps++;
        if (budget.isDue && budget.look(owner.work)) await budget.turn(owner.work);
      }
    } catch (error) {
      this.#onFault(errorText(error));
    }
    this.#isDoing = false;
  }
}
