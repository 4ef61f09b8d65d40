import type { BufferPool } from "./buffer_pool.ts";

const NOTHING = new Uint8Array(0);
const SMALLEST_BYTES = 64;
const LARGEST_FIRST_BYTES = 64 * 1024;
const encoder = new TextEncoder();

/** A piece of what waits, in its order. */
export interface OutputPart {
  readonly array: Uint8Array;
  /** Bytes of it that are in use, from the beginning on. */
  readonly length: number;
  /** Somebody else's too: it is to be read only, and not to be used again. */
  readonly attached: boolean;
}

/**
 * Bytes on their way out: packets are appended, and whoever writes to the peer takes all of them at once.
 *
 * It holds no memory while empty. The first byte after {@linkcode OutputBuffer.take} makes room for about as much as was
 * taken last, so that a busy connection does not grow its buffer anew each turn.
 */
export class OutputBuffer {
  /** The backing array: `length` bytes of it are in use. Replaced by {@linkcode OutputBuffer.reserve}. */
  bytes: Uint8Array<ArrayBuffer> = NOTHING;
  /** How many bytes of `bytes` are in use. Those that write to `bytes` themselves move it on. */
  length = 0;
  /** What waits before `bytes`, once something was attached. */
  #parts: OutputPart[] | undefined;
  #partsBytes = 0;
  #firstBytes = SMALLEST_BYTES;
  readonly #pool: BufferPool | undefined;

  /** @param pool where arrays come from; who takes them away may give them back there. @default they are made anew */
  constructor(pool?: BufferPool) {
    this.#pool = pool;
  }

  /** How many bytes wait in all. */
  get size(): number {
    return this.#partsBytes + this.length;
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

  /** Appends `bytes`, which must not change any more, without copying them. */
  attach(bytes: Uint8Array): void {
    this.#closePart();
    this.#addPart({ array: bytes, length: bytes.length, attached: true });
  }

  /** Appends all that waits here to `out`; this is empty then. */
  moveTo(out: OutputBuffer): void {
    for (let part = this.takePart(); part; part = this.takePart()) {
      if (part.attached) out.attach(part.array);
      else out.set(part.array.subarray(0, part.length));
    }
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
    if (this.#parts) return this.#joined();
    const { length } = this;
    return this.#takeArray().subarray(0, length);
  }

  /** Hands out what waits first; an array that is not attached is the caller's from then on. */
  takePart(): OutputPart | undefined {
    const part = this.#parts?.shift();
    if (!part) {
      const { length } = this;
      return length === 0 ? undefined : { array: this.#takeArray(), length, attached: false };
    }
    this.#partsBytes -= part.length;
    if (this.#parts?.length === 0) this.#parts = undefined;
    return part;
  }

  /** Whether something is attached. */
  get hasAttached(): boolean {
    return this.#parts !== undefined;
  }

  /** What is attached. */
  *attached(): Generator<Uint8Array> {
    for (const { array, attached } of this.#parts ?? []) if (attached) yield array;
  }

  /** Hands out the whole array, of which `length` bytes were in use. */
  #takeArray(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes;
    this.#firstBytes = Math.min(LARGEST_FIRST_BYTES, Math.max(SMALLEST_BYTES, this.length));
    this.bytes = NOTHING;
    this.length = 0;
    return taken;
  }

  #joined(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.size);
    for (let at = 0, part = this.takePart(); part; part = this.takePart()) {
      all.set(part.array.subarray(0, part.length), at);
      at += part.length;
    }
    return all;
  }

  #closePart(): void {
    const { length } = this;
    if (length > 0) this.#addPart({ array: this.#takeArray(), length, attached: false });
  }

  #addPart(part: OutputPart): void {
    (this.#parts ??= []).push(part);
    this.#partsBytes += part.length;
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
