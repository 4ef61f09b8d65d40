/** What is counted of one listener. */
export interface ListenerCount {
  /** Connections that were taken in, whether they have signed in or not. */
  accepted: number;
  /** Connections that were not let in. */
  refused: number;
}

/** For connections that the program hands in under a name that the config does not know: it may use any number of them. */
const OTHERS = "others";

/** Counts by listener. */
export class ListenerCounts {
  readonly #counts: Map<string, ListenerCount>;

  /** @param names those of the config */
  constructor(names: Iterable<string>) {
    this.#counts = new Map(Array.from(names, (name) => [name, { accepted: 0, refused: 0 }]));
  }

  of(name: string): ListenerCount {
    const known = this.#counts.get(name) ?? this.#counts.get(OTHERS);
    if (known) return known;
    const count = { accepted: 0, refused: 0 };
    this.#counts.set(OTHERS, count);
    return count;
  }

  /** By name. */
  [Symbol.iterator](): IterableIterator<[string, ListenerCount]> {
    return this.#counts.entries();
  }
}
