/** Numbers, texts and bytes, one after the other, as records have them. */
import { Buffer } from "node:buffer";

const FIRST_BYTES = 256;
/** The decoder takes longer to call than so many characters take. */
const SHORT_TEXT = 100;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes are not what they should be. */
export class BytesError extends Error {
  /** Tells this error from others. */
  override readonly name = "BytesError";
}

/** Takes bytes in and grows. */
export class ByteSink {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  /** One byte. */
  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A whole number from 0 up to 2^53 - 1, in one to eight bytes: seven bits in each, the lowest first. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`a record's number is ${value}: expected 0 to 2^53-1`);
    }
    this.#reserve(8);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[this.#length++] = rest % 0x80 | 0x80;
    this.#bytes[this.#length++] = rest;
  }

  /** Bytes behind their length. */
  bytes(value: Uint8Array): void {
    this.number(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** UTF-8 behind its length. */
  text(value: string): void {
    this.bytes(Buffer.from(value, "utf8"));
  }

  /** A number and then so many items. */
  list<Item>(items: readonly Item[], write: (item: Item) => void): void {
    this.number(items.length);
    for (const item of items) write(item);
  }

  /** All of it; the sink is not used afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.buffer, 0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Gives back what a {@linkcode ByteSink} took in; throws {@linkcode BytesError} where that cannot be. */
export class ByteSource {
  readonly #bytes: Uint8Array;
  #at: number;

  /** Reads `bytes` from `at` on. */
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** One byte. */
  u8(): number {
    if (this.remaining < 1) throw new BytesError("it ends too early");
    return this.#bytes[this.#at++]!;
  }

  /** A number in its shortest form. */
  number(): number {
    let value = 0;
    let scale = 1;
    for (let count = 1; count <= 8; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && count > 1) throw new BytesError("a number is longer than it need be");
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new BytesError("a number is above 2^53-1");
  }

  /** A part of the array that is read, not a copy. */
  bytes(): Uint8Array {
    const length = this.number();
    if (length > this.remaining) throw new BytesError("it ends too early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Well-formed UTF-8. */
  text(): string {
    const bytes = this.bytes();
    if (bytes.length <= SHORT_TEXT && isAscii(bytes)) return String.fromCharCode.apply(undefined, bytes as never);
    try {
      return decoder.decode(bytes);
    } catch (error) {
      throw error instanceof BytesError ? error : new BytesError("a text is not UTF-8");
    }
  }

  /** Items behind their number; each takes a byte at least, so that no number makes it read on for nothing. */
  list<Item>(read: () => Item): Item[] {
    const count = this.number();
    if (count > this.remaining) throw new BytesError("it ends too early");
    return Array.from({ length: count }, read);
  }
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! >= 0x80) return false;
  return true;
}
