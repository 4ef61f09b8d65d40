import { quote } from "../quote.ts";

/** As deep as a chain of rules may go that answer one another at once; far less than the stack holds. */
const MAXIMUM_DEPTH = 32;

/**
 * Publishing while publishing: listeners and hooks may publish what they are told of, at once and without an end. Once one
 * chain is too deep, nothing more is published within the first publication, since chains branch.
 */
export class Nesting {
  #depth = 0;
  #tooDeep = false;

  /** To be followed by {@linkcode Nesting.leave}. @throws {Error} if it is too deep; nothing is to be left then */
  enter(topicName: string): void {
    if (this.#tooDeep || this.#depth >= MAXIMUM_DEPTH) {
      this.#tooDeep = true;
      throw new Error(
        `Cannot publish to ${
          quote(topicName)
        }: it is published because of another message, and that because of another, ` +
          `more than ${MAXIMUM_DEPTH} deep: a listener or plugin publishes for each message, its own included`,
      );
    }
    this.#depth++;
  }

  leave(): void {
    if (--this.#depth === 0) this.#tooDeep = false;
  }
}
