import type { BufferPool } from "./buffer_pool.ts";

const NOTHING = new Uint8Array(0);
const SMALLEST_BYTES = 64;
const LARGEST_FIRST_BYTES = 64 * 1024;
const encoder = new TextEncoder();

/**
 * Bytes on their way out: packets are appended, and whoever writes to the peer takes all of them at once.
 *
 * It holds no memory while empty. The first byte after {@linkcode OutputBuffer.take} makes room for about as much as was
 * taken last, so that a busy connection does not grow its buffer anew each turn.
 */
export class OutputBuffer {
  /** The backing array: `length` bytes of it are in use. Replaced by {@linkcode OutputBuffer.reserve}. */
  bytes: Uint8Array<ArrayBuffer> = NOTHING;
  /** How many bytes wait. Those that write to `bytes` themselves move it on. */
  length = 0;
  #firstBytes = SMALLEST_BYTES;
  readonly #pool: BufferPool | undefined;

  /** @param pool where arrays come from; who takes them away may give them back there. @default they are made anew */
  constructor(pool?: BufferPool) {
    this.#pool = pool;
  }

  /** Makes room for `count` more bytes in {@linkcode OutputBuffer.bytes}. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed > this.bytes.length) this.#grow(needed);
  }

  /** Appends one byte. */
  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Appends a Two Byte Integer (MQTT 5.0 §1.5.2). */
  u16(value: number): void {
    this.reserve(2);
    this.bytes[this.length++] = value >>> 8;
    this.bytes[this.length++] = value;
  }

  /** Appends a Four Byte Integer (MQTT 5.0 §1.5.3). */
  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value & 0xffff);
  }

  /** Appends `bytes` as they are. */
  set(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Appends a Variable Byte Integer, 0 to 268,435,455 (MQTT 5.0 §1.5.5). */
  variableByteInteger(value: number): void {
    this.reserve(4);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = rest & 0x7f | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /**
   * Appends a UTF-8 Encoded String with its length (MQTT 5.0 §1.5.4).
   *
   * @throws {RangeError} if it takes more than 65,535 bytes
   */
  string(text: string): void {
    const start = this.length;
    this.u16(0);
    this.#text(text);
    const size = this.length - start - 2;
    if (size > 0xffff) {
      this.length = start;
      throw new RangeError(`a string must take at most 65535 bytes: got ${size}`);
    }
    this.bytes[start] = size >>> 8;
    this.bytes[start + 1] = size;
  }

  /**
   * Appends Binary Data with its length (MQTT 5.0 §1.5.6).
   *
   * @throws {RangeError} if it has more than 65,535 bytes
   */
  binary(bytes: Uint8Array): void {
    if (bytes.length > 0xffff) throw new RangeError(`binary data must have at most 65535 bytes: got ${bytes.length}`);
    this.u16(bytes.length);
    this.set(bytes);
  }

  /** Hands out all that waits; the array is the caller's from then on, and this is empty. */
  take(): Uint8Array<ArrayBuffer> {
    const { length } = this;
    return this.takeArray().subarray(0, length);
  }

  /** Hands out the whole array, of which `length` bytes were in use; this is empty then. */
  takeArray(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes;
    this.#firstBytes = Math.min(LARGEST_FIRST_BYTES, Math.max(SMALLEST_BYTES, this.length));
    this.bytes = NOTHING;
    this.length = 0;
    return taken;
  }

  #text(text: string): void {
    const size = text.length;
    this.reserve(size);
    const bytes = this.bytes;
    const at = this.length;
    for (let i = 0; i < size; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return this.#unicode(text);
      bytes[at + i] = code;
    }
    this.length = at + size;
  }

  #unicode(text: string): void {
    // Three bytes hold any UTF-16 unit.
    this.reserve(text.length * 3);
    this.length += encoder.encodeInto(text, this.bytes.subarray(this.length)).written;
  }

  #grow(needed: number): void {
    const before = this.bytes;
    const size = Math.max(needed, before.length * 2, this.#firstBytes);
    this.bytes = this.#pool?.take(size) ?? new Uint8Array(size);
    if (before.length === 0) return;
    this.bytes.set(before.subarray(0, this.length));
    this.#pool?.giveBack(before);
  }
}
