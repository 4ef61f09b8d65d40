/** One thing with its time. */
interface Deadline<T> {
  readonly item: T;
  readonly atMs: number;
}

/** What does not count any longer and is not worth looking for. */
const SPARE = 1000;

/**
 * Things by the time that they are due, the earliest at hand: a binary heap. Nothing is taken out before its time; what
 * does not count any longer by then is passed over, and never makes up much more than half of all.
 */
export class Deadlines<T> {
  #heap: Deadline<T>[] = [];
  readonly #counts: (item: T, atMs: number) => boolean;
  #mostBeforeSifting = SPARE;

  /** @param counts whether something is still to be taken at this time; what is not may be forgotten at once */
  constructor(counts: (item: T, atMs: number) => boolean) {
    this.#counts = counts;
  }

  /** With what does not count any longer. */
  get size(): number {
    return this.#heap.length;
  }

  /** @param atMs when it is due, in milliseconds of the clock that {@linkcode Deadlines.take} is asked by */
  add(item: T, atMs: number): void {
    this.#heap.push({ item, atMs });
    this.#rise(this.#heap.length - 1);
    if (this.#heap.length > this.#mostBeforeSifting) this.#sift();
  }

  /** Takes out what is due first; `undefined`: nothing is due yet. */
  take(nowMs: number): T | undefined {
    for (let first = this.#heap[0]; first && first.atMs <= nowMs; first = this.#heap[0]) {
      this.#removeFirst();
      if (this.#counts(first.item, first.atMs)) return first.item;
    }
    return undefined;
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #sift(): void {
    this.#heap = this.#heap.filter(({ item, atMs }) => this.#counts(item, atMs));
    for (let index = (this.#heap.length >> 1) - 1; index >= 0; index--) this.#sink(index);
    this.#mostBeforeSifting = 2 * this.#heap.length + SPARE;
  }

  #rise(index: number): void {
    const heap = this.#heap;
    const rising = heap[index]!;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.atMs <= rising.atMs) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = rising;
  }

  #sink(index: number): void {
    const heap = this.#heap;
    const sinking = heap[index]!;
    for (let child = 2 * index + 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && heap[child + 1]!.atMs < heap[child]!.atMs) child++;
      if (heap[child]!.atMs >= sinking.atMs) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = sinking;
  }
}
