/** Smaller arrays are made anew, which costs little. */
const SMALLEST_BYTES = 4 * 1024;
const LARGEST_BYTES = 64 * 1024;
/** What is kept of each size, in bytes. */
const KEPT_BYTES = 2 * 1024 * 1024;

/**
 * Byte arrays that are used again and again: making one means clearing it, and leaves garbage. Those of a size are kept
 * up to 2 MiB, 10 MiB in all.
 */
export class BufferPool {
  /** By size, in powers of two. */
  readonly #kept = new Map<number, Uint8Array<ArrayBuffer>[]>();

  /** An array of at least so many bytes, with anything in it. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes < SMALLEST_BYTES || bytes > LARGEST_BYTES) return new Uint8Array(bytes);
    let size = SMALLEST_BYTES;
    while (size < bytes) size *= 2;
    return this.#kept.get(size)?.pop() ?? new Uint8Array(size);
  }

  /** Takes back an array that nobody looks at any longer. */
  giveBack(array: Uint8Array<ArrayBuffer>): void {
    const size = array.length;
    if (size < SMALLEST_BYTES || size > LARGEST_BYTES || (size & size - 1) !== 0) return;
    let kept = this.#kept.get(size);
    if (!kept) this.#kept.set(size, kept = []);
    if (kept.length * size < KEPT_BYTES) kept.push(array);
  }
}
