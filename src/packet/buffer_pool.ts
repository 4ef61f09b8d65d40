/** Log₂ of the sizes that are kept. Smaller arrays cost little to make, larger ones are rare. */
const SMALLEST = 7;
const LARGEST = 18;
/** What is kept of each size. */
const KEPT_BYTES = 2 * 1024 * 1024;
const KEPT_ARRAYS = 1024;

/**
 * Byte arrays that are used again and again: making one means clearing it, and leaves garbage. Those of 128 bytes to
 * 256 KiB are kept, of each power of two up to 1,024 and up to 2 MiB.
 */
export class BufferPool {
  /** By log₂ of their size. */
  readonly #kept: Uint8Array<ArrayBuffer>[][] = Array.from({ length: LARGEST + 1 }, () => []);

  /** An array of at least so many bytes, with anything in it. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const power = Math.max(SMALLEST, 32 - Math.clz32(bytes - 1));
    if (power > LARGEST) return new Uint8Array(bytes);
    return this.#kept[power]!.pop() ?? new Uint8Array(1 << power);
  }

  /** Takes back an array that nobody looks at any longer. */
  giveBack(array: Uint8Array): void {
    const size = array.length;
    const power = 31 - Math.clz32(size);
    if (power < SMALLEST || power > LARGEST || size !== 1 << power) return;
    const kept = this.#kept[power]!;
    if (kept.length < KEPT_ARRAYS && kept.length * size < KEPT_BYTES) kept.push(array as Uint8Array<ArrayBuffer>);
  }
}
