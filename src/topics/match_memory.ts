import { matches, type TopicFilter, type TopicName } from "../packet/topic.ts";

/** What names weigh that are remembered for certain; as much again may still be remembered of those asked for before. */
const GENERATION_WEIGHT = 200_000;
/** So many characters of a name take about as much memory as a route. */
const CHARACTERS_PER_WEIGHT = 64;
/** Changes that an answer is held against; after more of them it is found anew. */
const MAXIMUM_CHANGES = 16;

/** An answer, and the count of the changes when it was last known to be right. */
interface Remembered<T> {
  answer: T;
  weight: number;
  changes: number;
}

/**
 * Remembers an answer for each topic name.
 *
 * It is bounded: a generation of names ends when it weighs enough, the one before it is then forgotten, and who is asked
 * for moves to the new one. A change to a filter with wildcards costs nothing at once: an answer is held against the
 * changes since it was last right when it is asked for.
 */
export class MatchMemory<T> {
  #names = new Map<TopicName, Remembered<T>>();
  #former = new Map<TopicName, Remembered<T>>();
  #weight = 0;
  /** Counts the changes to filters with wildcards. */
  #changes = 0;
  /** The last of them, each at its count modulo {@linkcode MAXIMUM_CHANGES}. */
  readonly #changed: TopicFilter[] = [];

  /** The answer for a name; `undefined`: none is remembered that is still right. */
  get(topicName: TopicName): T | undefined {
    const remembered = this.#names.get(topicName) ?? this.#recall(topicName);
    if (remembered === undefined) return undefined;
    if (remembered.changes === this.#changes || this.#isStillRight(topicName, remembered)) return remembered.answer;
    return undefined;
  }

  /** @param weight what the answer takes beside the name, in objects of about 64 bytes */
  set(topicName: TopicName, answer: T, weight: number): void {
    this.#put(topicName, {
      answer,
      weight: weight + 1 + Math.floor(topicName.length / CHARACTERS_PER_WEIGHT),
      changes: this.#changes,
    });
  }

  /** The answers for names that the filter matches are right no longer. */
  forget(topicFilter: TopicFilter): void {
    if (topicFilter.includes("+") || topicFilter.includes("#")) {
      this.#changed[++this.#changes % MAXIMUM_CHANGES] = topicFilter;
      return;
    }
    // Without wildcards it matches one name only.
    const topicName = topicFilter as string as TopicName;
    this.#drop(topicName);
    this.#former.delete(topicName);
  }

  /** Takes a name over from the generation before. */
  #recall(topicName: TopicName): Remembered<T> | undefined {
    const remembered = this.#former.get(topicName);
    if (!remembered) return undefined;
    this.#former.delete(topicName);
    this.#put(topicName, remembered);
    return remembered;
  }

  #put(topicName: TopicName, remembered: Remembered<T>): void {
    this.#drop(topicName);
    if (this.#weight + remembered.weight > GENERATION_WEIGHT) {
      this.#former = this.#names;
      this.#names = new Map();
      this.#weight = 0;
    }
    this.#weight += remembered.weight;
    this.#names.set(topicName, remembered);
  }

  #drop(topicName: TopicName): void {
    const remembered = this.#names.get(topicName);
    if (!remembered) return;
    this.#weight -= remembered.weight;
    this.#names.delete(topicName);
  }

  #isStillRight(topicName: TopicName, remembered: Remembered<T>): boolean {
    if (this.#changes - remembered.changes > MAXIMUM_CHANGES) return false;
    for (let change = remembered.changes + 1; change <= this.#changes; change++) {
      if (matches(this.#changed[change % MAXIMUM_CHANGES], topicName)) return false;
    }
    remembered.changes = this.#changes;
    return true;
  }
}
