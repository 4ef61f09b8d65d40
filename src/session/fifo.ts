/** First in, first out, in constant time; the head moves through an array that is cut when half of it is empty. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes out what `wanted` says yes to, which must change nothing here; the rest keeps its order. */
  extract(wanted: (item: T) => boolean): T[] {
    const extracted: T[] = [];
    const rest: T[] = [];
    for (const item of this.#items.slice(this.#head) as T[]) (wanted(item) ? extracted : rest).push(item);
    this.#items = rest;
    this.#head = 0;
    return extracted;
  }
}
