import type { OutputBuffer } from "./output_buffer.ts";
import type { MessageProperties, ProtocolVersion } from "./packets.ts";
import { propertyBytes } from "./property_codec.ts";
import { readMessageProperties } from "./publish_properties.ts";

/** Where the parts of a PUBLISH are in the memory it was read into. */
export interface PublishLayout {
  /** The length of the topic name, with which the variable header begins. */
  readonly start: number;
  /** The packet identifier; 0: there is none. */
  readonly identifierAt: number;
  /** The message's own properties; those from `constantsStart` on are the same in every copy. */
  readonly propertiesStart: number;
  readonly constantsStart: number;
  readonly payloadStart: number;
  readonly end: number;
  /** What stands from `start` on can be passed on as it is to clients of 3.x, or of 5.0; `undefined`: to nobody. */
  readonly form: "3.x" | "5.0" | undefined;
}

/**
 * A payload and its properties, and around them the rest of the PUBLISH that they came in as long as that can be passed on
 * as it is: a copy for another client then is one copy of bytes, and a packet identifier.
 *
 * It may be borrowed from the publisher's read buffer, which spares a copy for messages that are only passed on. Whatever
 * keeps it beyond the current turn calls {@linkcode PublishBody.keep} or {@linkcode PublishBody.keepBriefly} first.
 */
export class PublishBody {
  #bytes: Uint8Array;
  #start: number;
  /** From `#start` on; 0: there is no packet identifier. */
  #identifierOffset: number;
  #propertiesStart: number;
  #constantsStart: number;
  #payloadStart: number;
  #end: number;
  #form: PublishLayout["form"];
  /** Whose memory it is in: the read buffer's, a block's that it shares with others, or its own. */
  #held: "borrowed" | "shared" | "own";
  #whole: Uint8Array | undefined = undefined;
  #content: Uint8Array | undefined = undefined;
  #payload: Uint8Array | undefined = undefined;

  /** Its parts one by one: an object around them would be made for each PUBLISH. */
  private constructor(
    bytes: Uint8Array,
    start: number,
    identifierAt: number,
    propertiesStart: number,
    constantsStart: number,
    payloadStart: number,
    end: number,
    form: PublishLayout["form"],
    held: "borrowed" | "shared" | "own",
  ) {
    this.#bytes = bytes;
    this.#start = start;
    this.#identifierOffset = identifierAt === 0 ? 0 : identifierAt - start;
    this.#propertiesStart = propertiesStart;
    this.#constantsStart = constantsStart;
    this.#payloadStart = payloadStart;
    this.#end = end;
    this.#form = form;
    this.#held = held;
  }

  /** The body of a PUBLISH in a read buffer that will be used again. */
  static borrowed(bytes: Uint8Array, layout: PublishLayout): PublishBody {
    const { start, identifierAt, propertiesStart, constantsStart, payloadStart, end, form } = layout;
    return new PublishBody(
      bytes,
      start,
      identifierAt,
      propertiesStart,
      constantsStart,
      payloadStart,
      end,
      form,
      "borrowed",
    );
  }

  /** As {@linkcode PublishBody.borrowed}, of a PUBLISH without properties. */
  static borrowedPlain(
    bytes: Uint8Array,
    start: number,
    identifierAt: number,
    payloadStart: number,
    end: number,
    form: PublishLayout["form"],
  ): PublishBody {
    return new PublishBody(bytes, start, identifierAt, payloadStart, payloadStart, payloadStart, end, form, "borrowed");
  }

  /**
   * A payload in memory of its own, and properties.
   *
   * @throws {RangeError} if a property is longer than the format can tell
   */
  static of(payload: Uint8Array, properties?: MessageProperties): PublishBody {
    const { messageExpiryIntervalSeconds, ...others } = properties ?? {};
    const expiry = properties ? propertyBytes("will", { messageExpiryIntervalSeconds }) : NOTHING;
    const constants = properties ? propertyBytes("will", others) : NOTHING;
    const constantsStart = expiry.length;
    const payloadStart = constantsStart + constants.length;
    const bytes = payloadStart === 0 ? payload : joined(expiry, constants, payload);
    const body = new PublishBody(bytes, 0, 0, 0, constantsStart, payloadStart, bytes.length, undefined, "own");
    if (payloadStart === 0) body.#payload = payload;
    return body;
  }

  /**
   * A body that is independent of this one and of the read buffer, with one more property.
   *
   * @param property encoded; the same in every copy
   */
  with(property: Uint8Array): PublishBody {
    const expirySize = this.#constantsStart - this.#propertiesStart;
    const payloadOffset = expirySize + property.length + this.constantsSizeBytes;
    const size = payloadOffset + this.payloadLength;
    const isSmall = size <= SMALL_BYTES;
    const start = isSmall ? blocks.room(size) : 0;
    const bytes = isSmall ? blocks.bytes : new Uint8Array(size);
    const constantsStart = start + expirySize;
    if (expirySize > 0) bytes.set(this.#bytes.subarray(this.#propertiesStart, this.#constantsStart), start);
    bytes.set(property, constantsStart);
    bytes.set(this.content, constantsStart + property.length);
    const held = isSmall ? "shared" : "own";
    return new PublishBody(
      bytes,
      start,
      0,
      start,
      constantsStart,
      start + payloadOffset,
      start + size,
      undefined,
      held,
    );
  }

  get payloadLength(): number {
    return this.#end - this.#payloadStart;
  }

  /** The payload where it is now. */
  get payload(): Uint8Array {
    return this.#payload ??= this.#bytes.subarray(this.#payloadStart, this.#end);
  }

  /** What the properties take, encoded and without their length. */
  get propertiesSizeBytes(): number {
    return this.#payloadStart - this.#propertiesStart;
  }

  /**
   * The properties; `undefined`: none. They are read anew each time: as objects they take many times their bytes, and must
   * not last as long as the message.
   */
  get properties(): MessageProperties | undefined {
    if (this.#propertiesStart === this.#payloadStart) return undefined;
    return readMessageProperties(this.#bytes, this.#propertiesStart, this.#payloadStart);
  }

  /** What the properties take that are the same in every copy: all but the message expiry interval. */
  get constantsSizeBytes(): number {
    return this.#payloadStart - this.#constantsStart;
  }

  /** Whether there is a message expiry interval. */
  get hasExpiry(): boolean {
    return this.#constantsStart > this.#propertiesStart;
  }

  /** Whether these bytes stand somewhere among the properties. If not, these need not be read to find out more. */
  mayHave(wanted: Uint8Array): boolean {
    const bytes = this.#bytes;
    for (let at = this.#constantsStart; at + wanted.length <= this.#payloadStart; at++) {
      let i = 0;
      while (i < wanted.length && bytes[at + i] === wanted[i]) i++;
      if (i === wanted.length) return true;
    }
    return false;
  }

  /** The properties that are the same in every copy, and behind them the payload. */
  get content(): Uint8Array {
    return this.#content ??= this.#bytes.subarray(this.#constantsStart, this.#end);
  }

  /** Whether all that send it share one copy: a write of its own then costs less than copying it for each. */
  get isLarge(): boolean {
    return this.#end - this.#start >= LARGE_BYTES;
  }

  /** Makes it independent of the read buffer, for a while: a small one shares a block of memory with others. */
  keepBriefly(): void {
    if (this.#held !== "borrowed") return;
    const size = this.#end - this.#start;
    this.#held = size > SMALL_BYTES ? "own" : "shared";
    if (size > SMALL_BYTES) this.#moved(this.#bytes.slice(this.#start, this.#end), 0);
    else {
      const at = blocks.copy(this.#wholeBytes());
      this.#moved(blocks.bytes, at);
    }
  }

  /** Moves it out of a block whose other bodies may be needed no longer, together with others that are moved. */
  repack(): void {
    if (this.#held !== "shared" || this.#bytes === blocks.bytes) return;
    const at = blocks.copy(this.#wholeBytes());
    this.#moved(blocks.bytes, at);
  }

  /** Gives payload and properties memory of their own, for a message that may last. Cheap when they have that already. */
  keep(): void {
    if (this.#held === "own") return;
    this.#held = "own";
    this.#form = undefined;
    this.#start = this.#propertiesStart;
    this.#moved(this.#bytes.slice(this.#start, this.#end), 0);
  }

  /** The topic name that it came with is no longer the message's: it is not passed on as it is. */
  rename(): void {
    this.#form = undefined;
  }

  /**
   * Appends it as the PUBLISH that it came in.
   *
   * @param firstByte the whole first byte, flags included
   * @param packetIdentifier 0 at QoS 0
   * @returns false if it does not have that form, and nothing was appended
   */
  writeAsReceived(out: OutputBuffer, firstByte: number, packetIdentifier: number, version: ProtocolVersion): boolean {
    const offset = this.#identifierOffset;
    const size = this.#end - this.#start;
    if (size >= LARGE_BYTES) return false;
    if (this.#form !== (version === 5 ? "5.0" : "3.x") || (offset === 0) !== (packetIdentifier === 0)) return false;
    out.reserve(5 + size);
    const { bytes } = out;
    let at = out.length;
    bytes[at++] = firstByte;
    if (size < 0x80) bytes[at++] = size;
    else {
      out.length = at;
      out.variableByteInteger(size);
      at = out.length;
    }
    bytes.set(this.#wholeBytes(), at);
    out.length = at + size;
    if (offset === 0) return true;
    bytes[at + offset] = packetIdentifier >>> 8;
    bytes[at + offset + 1] = packetIdentifier;
    return true;
  }

  #wholeBytes(): Uint8Array {
    return this.#whole ??= this.#bytes.subarray(this.#start, this.#end);
  }

  #moved(bytes: Uint8Array, start: number): void {
    const by = start - this.#start;
    this.#bytes = bytes;
    this.#start = start;
    this.#propertiesStart += by;
    this.#constantsStart += by;
    this.#payloadStart += by;
    this.#end += by;
    this.#whole = undefined;
    this.#content = undefined;
    this.#payload = undefined;
  }
}

const NOTHING = new Uint8Array(0);

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Bodies from this size on are not copied for each who sends them. */
const LARGE_BYTES = 64 * 1024;
/** Bodies up to this size are copied into a block together with others. */
const SMALL_BYTES = 256;
/** Each costs a request to the system; one message that lasts holds the whole block, until it is moved. */
const BLOCK_BYTES = 4096;

/** Copies small bodies side by side: an array of its own for each would cost several times the copy. */
class Blocks {
  bytes = new Uint8Array(0);
  #used = 0;

  /** @returns where the copy begins in `bytes` */
  copy(bytes: Uint8Array): number {
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
    return at;
  }

  /** @returns where in `bytes`, which may be another array from now on, there is room for so many */
  room(size: number): number {
    if (this.#used + size > this.bytes.length) {
      this.bytes = new Uint8Array(BLOCK_BYTES);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += size;
    return at;
  }
}

/** One for all: it holds no state but where the next copy goes. */
const blocks = new Blocks();
