/** The last so many of something. */
export class Ring<T> {
  readonly #items: T[] = [];
  readonly #capacity: number;
  #next = 0;

  /** @param capacity how many are kept, at least 1 */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get length(): number {
    return this.#items.length;
  }

  /** Adds an item. @returns the one that had to go for it; `undefined`: none */
  push(item: T): T | undefined {
    const old = this.#items[this.#next];
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
    return old;
  }

  /** The newest; `undefined`: there is none. */
  get last(): T | undefined {
    return this.#items[(this.#next + this.#capacity - 1) % this.#capacity];
  }

  /** From the newest to the oldest. */
  *newestFirst(): Generator<T> {
    for (let back = 1; back <= this.#items.length; back++) {
      yield this.#items[(this.#next + this.#capacity - back) % this.#capacity]!;
    }
  }

  /** From the oldest to the newest. */
  oldestFirst(): T[] {
    return [...this.newestFirst()].reverse();
  }
}

/** The first so many. */
export function* first<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  if (left <= 0) return;
  for (const item of items) {
    yield item;
    if (--left === 0) return;
  }
}
