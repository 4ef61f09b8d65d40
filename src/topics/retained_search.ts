import type { Message } from "../message.ts";
import { matches, type TopicFilter } from "../packet/topic.ts";
import type { RetainedMessages } from "./retained.ts";

/** As many are put in order at once; a filter that matches more goes through all that is retained in its order. */
const MOST_BY_TREE = 10_000;

/** What a slice of the work may still take; a search takes its part away. */
export interface SearchBudget {
  /** Steps, whether something is found or not. */
  steps: number;
  /** Messages that are found. */
  messages: number;
}

/** What is looked for. */
export interface SearchedFor {
  readonly topicFilter: TopicFilter;
  /** Messages with higher serials. */
  readonly after: number;
  readonly isWanted: (message: Message) => boolean;
}

/**
 * Finds the retained messages that a topic filter matches by ascending serial, in slices. Who knows the last that was
 * made use of can begin another search after it. What is there from the first slice to the last is found once.
 */
export class RetainedSearch {
  readonly #retained: RetainedMessages;
  readonly #searched: SearchedFor;
  /** Level by level, as long as what is found is little; `undefined`: in the order of the serials. */
  #steps: Iterator<Message | undefined> | undefined;
  /** What was found level by level, in no order yet. */
  #found: Message[] = [];
  #after: number;
  #isOver = false;

  constructor(retained: RetainedMessages, searched: SearchedFor) {
    this.#retained = retained;
    this.#searched = searched;
    this.#after = searched.after;
    this.#steps = retained.walk(searched.topicFilter);
  }

  /** Everything was found. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Goes on as far as the budget lasts; returns what was found and is to be used now. */
  next(budget: SearchBudget): readonly Message[] {
    const found = this.#steps ? this.#byTree(this.#steps, budget) : [];
    if (!this.#steps && !this.#isOver) this.#byOrder(budget, found);
    budget.messages -= found.length;
    return found;
  }

  #byTree(steps: Iterator<Message | undefined>, budget: SearchBudget): Message[] {
    const { isWanted } = this.#searched;
    while (budget.steps-- > 0) {
      const step = steps.next();
      if (step.done) {
        this.#steps = undefined;
        this.#isOver = true;
        const found = this.#found.filter(isWanted);
        return found.sort((a, b) => a.retainedSerial - b.retainedSerial);
      }
      if (!step.value || !isWanted(step.value)) continue;
      if (this.#found.push(step.value) <= MOST_BY_TREE) continue;
      this.#steps = undefined;
      this.#found = [];
      break;
    }
    return [];
  }

  #byOrder(budget: SearchBudget, found: Message[]): void {
    if (budget.steps <= 0 || budget.messages <= 0) return;
    const { topicFilter, isWanted } = this.#searched;
    this.#after = this.#retained.inOrder(this.#after, budget.steps, (message) => {
      budget.steps--;
      if (isWanted(message) && matches(topicFilter, message.topicName)) found.push(message);
      return found.length < budget.messages;
    });
    // Places of what is retained no longer cost less than a step.
    this.#isOver = this.#after === Infinity;
  }
}
