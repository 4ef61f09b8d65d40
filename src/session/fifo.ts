/** What an empty one holds; never written to. */
const NOTHING: undefined[] = [];
const FEWEST_PLACES = 16;
/** A larger ring is given up when nothing is left in it. */
const KEPT_PLACES = 1024;

/** First in, first out, in constant time: a ring that grows with what is in it, and holds nothing that has left. */
export class Fifo<T> {
  /** As many places as a power of two, or none. */
  #places: (T | undefined)[] = NOTHING;
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#places.length) this.#grow();
    this.#places[this.#head + this.#length++ & this.#places.length - 1] = item;
  }

  peek(): T | undefined {
    return this.#places[this.#head];
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#places[this.#head];
    this.#places[this.#head] = undefined;
    this.#head = this.#head + 1 & this.#places.length - 1;
    if (--this.#length === 0 && this.#places.length > KEPT_PLACES) this.#clear();
    return item;
  }

  /** Calls `visit` with each, the first first; it must change nothing here. */
  forEach(visit: (item: T) => void): void {
    for (let i = 0; i < this.#length; i++) visit(this.#places[this.#head + i & this.#places.length - 1] as T);
  }

  /** What `wanted` says yes to; it stays. */
  filter(wanted: (item: T) => boolean): T[] {
    const found: T[] = [];
    for (let i = 0; i < this.#length; i++) {
      const item = this.#places[this.#head + i & this.#places.length - 1] as T;
      if (wanted(item)) found.push(item);
    }
    return found;
  }

  /** The first so many; they stay. */
  first(atMost: number): T[] {
    const found: T[] = [];
    for (let at = 0; at < Math.min(atMost, this.#length); at++) {
      found.push(this.#places[this.#head + at & this.#places.length - 1] as T);
    }
    return found;
  }

  /** Takes out what `wanted` says yes to, which must change nothing here; the rest keeps its order. */
  extract(wanted: (item: T) => boolean): T[] {
    const extracted: T[] = [];
    const rest: T[] = [];
    for (let i = 0; i < this.#length; i++) {
      const item = this.#places[this.#head + i & this.#places.length - 1] as T;
      (wanted(item) ? extracted : rest).push(item);
    }
    this.#clear();
    for (const item of rest) this.push(item);
    return extracted;
  }

  #grow(): void {
    const before = this.#places;
    const places = new Array<T | undefined>(Math.max(FEWEST_PLACES, before.length * 2)).fill(undefined);
    for (let i = 0; i < this.#length; i++) places[i] = before[this.#head + i & before.length - 1];
    this.#places = places;
    this.#head = 0;
  }

  #clear(): void {
    this.#places = NOTHING;
    this.#head = this.#length = 0;
  }
}
