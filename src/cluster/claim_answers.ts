/** What a node answers to others that ask it about client identifiers. */
import { BytesError } from "./bytes.ts";
import { type Asked, decodeQuestion, encodeAnswer, QuestionType } from "./claim_questions.ts";
import type { Holders } from "./holders.ts";
import { shardOf } from "./shards.ts";

/** What {@linkcode ClaimAnswers} work with. */
export interface ClaimAnswersParts {
  readonly holders: Pick<Holders, "decide" | "heard" | "release">;
  /** Whether this node decides about a shard in that epoch, as far as it has read the log. */
  decides(shard: number, epoch: number): boolean;
  /** Another node has an identifier since then, that this one had. */
  kickHere(clientIdentifier: string, sinceMs: number): void;
  /** Up to which position the log was read. */
  position(): number;
  /** Resolves when it was read so far, or cannot be; `undefined`: it was. */
  readUpTo(position: number): Promise<void> | undefined;
  /** Milliseconds since the epoch. */
  epoch(): number;
  /** Nobody waits for an answer for longer. */
  readonly patienceMs: number;
}

/** Answers. */
export class ClaimAnswers {
  readonly #parts: ClaimAnswersParts;
  /** By node: resolves when this node has read of the log what it needs for what was asked last. */
  readonly #behind = new Map<string, Promise<void>>();

  constructor(parts: ClaimAnswersParts) {
    this.#parts = parts;
  }

  /**
   * The answer to a question of a node.
   *
   * @throws {BytesError} if it asks nothing that is known
   */
  async to(node: string, bytes: Uint8Array): Promise<Uint8Array> {
    const { type, position, asked } = decodeQuestion(bytes);
    // A closing waits for nothing: it holds whoever the owner is by now.
    if (type !== QuestionType.Kick) {
      const read = this.#knowsOf(node, position, asked);
      if (read !== undefined) await read;
    }
    const results: number[] = [];
    for (const one of asked) {
      const result = this.#answerOne(node, type, one);
      // What is said next about the others must not come between.
      results.push(typeof result === "number" ? result : await result);
    }
    return encodeAnswer({ results, position: this.#parts.position() });
  }

  /**
   * Resolves when this node has read of the log what the other has, if it needs that to answer, and has done so for what the
   * other asked before; `undefined`: that is so.
   */
  #knowsOf(node: string, position: number, asked: readonly Asked[]): Promise<void> | undefined {
    const { decides, readUpTo } = this.#parts;
    const isAhead = asked.some(({ clientIdentifier, epoch }) => !decides(shardOf(clientIdentifier), epoch));
    const read = isAhead ? readUpTo(position) : undefined;
    const before = this.#behind.get(node);
    if (read === undefined && before === undefined) return undefined;
    const known = Promise.all([before, read]).then(() => {
      if (this.#behind.get(node) === known) this.#behind.delete(node);
    });
    this.#behind.set(node, known);
    return known;
  }

  #answerOne(node: string, type: QuestionType, asked: Asked): number | Promise<number> {
    const { holders, decides, kickHere, patienceMs } = this.#parts;
    const { clientIdentifier, sinceMs, epoch } = asked;
    switch (type) {
      case QuestionType.Claim:
        // What comes so late that nobody waits for the answer is void: its node says what it has.
        if (this.#parts.epoch() - sinceMs >= patienceMs) return 0;
        return holders.decide(clientIdentifier, node, epoch);
      case QuestionType.Held:
        if (!decides(shardOf(clientIdentifier), epoch)) return 0;
        holders.heard(clientIdentifier, { node, sinceMs }, epoch);
        return 1;
      case QuestionType.Kick:
        kickHere(clientIdentifier, sinceMs);
        return 1;
      case QuestionType.Release:
        holders.release(clientIdentifier, node);
        return 1;
      default:
        throw new BytesError(`a question of type ${type} is nothing that is known`);
    }
  }
}
