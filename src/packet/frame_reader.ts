import { malformed, ProtocolError } from "./protocol_error.ts";
import { ReasonCode } from "./reason_code.ts";
import { PacketType, type ProtocolVersion } from "./packets.ts";

/** One whole packet inside a read buffer. */
export interface Frame {
  /** The buffer that holds the packet, and more. */
  readonly bytes: Uint8Array;
  /** Type and flags (MQTT 5.0 §2.1.1). */
  readonly firstByte: number;
  /** Index in `bytes` of the first byte after the fixed header. */
  readonly start: number;
  /** Index in `bytes` just behind the packet. */
  readonly end: number;
}

const IDLE_BYTES = 512;
const MODEST_BYTES = 4 * 1024;
const BUSY_BYTES = 64 * 1024;
/** So many reads in a row that would have fitted the next smaller buffer make it return. */
const SMALL_READS_BEFORE_SHRINKING = 4;
/** First byte and four bytes of remaining length. */
const MAX_HEADER_BYTES = 5;
const NOTHING = new Uint8Array(0);

/**
 * Owns the read buffer of one connection and finds whole packets in it (MQTT 5.0 §2.1). Nothing is copied but the part
 * of a packet that has to wait for its rest.
 *
 * ```
 * loop: count = read(reader.space()); reader.filled(count); while (frame = reader.next()) …
 * ```
 *
 * An idle connection holds half a KiB. A read that fills it makes it 4 KiB, and then 64 KiB, until small reads return. A
 * larger packet gets room as its bytes arrive: at most twice what is there, whatever its header claims.
 */
export class FrameReader {
  /** A packet that is larger is refused, in bytes with its fixed header. May be changed between two packets. */
  maximumPacketSizeBytes: number;
  /**
   * The connection's, as its CONNECT told: some fixed headers are for some versions only. `undefined`: CONNECT has not
   * come, and has to be looked at by its decoder. May be changed between two packets.
   */
  version: ProtocolVersion | undefined;
  /** Where that limit comes from, for people: a key of the config. */
  limitedBy: string;
  #bytes: Uint8Array<ArrayBuffer> = NOTHING;
  /** Packets are taken from here … */
  #taken = 0;
  /** … to here. */
  #filled = 0;
  /** Whole size of the packet that waits for its rest; 0 while that is not known. */
  #awaitedBytes = 0;
  #roomBytes = 0;
  #lastReadBytes = 0;
  #smallReads = 0;
  #fault: ProtocolError | undefined;
  readonly #frame = { bytes: NOTHING, firstByte: 0, start: 0, end: 0 };

  constructor(options: { maximumPacketSizeBytes: number; limitedBy?: string }) {
    this.maximumPacketSizeBytes = options.maximumPacketSizeBytes;
    this.limitedBy = options.limitedBy ?? "maximum packet size";
  }

  /** Frees the memory: nothing will be read any more. Ends the life of every frame given out, and of views into it. */
  release(): void {
    if (this.#bytes !== NOTHING) this.#bytes.buffer.transfer(0);
    this.#bytes = NOTHING;
    this.#taken = this.#filled = 0;
  }

  /** How many bytes were read and not given out in a packet. */
  get bufferedBytes(): number {
    return this.#filled - this.#taken;
  }

  /** What has been read since the last {@linkcode FrameReader.space}, and what waited then; packets given out included. */
  get read(): Uint8Array {
    return this.#bytes.subarray(0, this.#filled);
  }

  /** What the read buffer takes in memory. */
  get capacityBytes(): number {
    return this.#bytes.length;
  }

  /** Where the next read goes: at least one byte. Ends the life of every frame given out, and of views into it. */
  space(): Uint8Array {
    const capacity = this.#nextCapacity();
    const waiting = this.#bytes.subarray(this.#taken, this.#filled);
    if (capacity > this.#bytes.length && this.#bytes.length >= BUSY_BYTES) this.#growInPlace(capacity);
    else if (capacity !== this.#bytes.length) {
      const grown = new Uint8Array(capacity);
      grown.set(waiting);
      this.#bytes = grown;
    } else if (this.#taken > 0 && waiting.length > 0) {
      this.#bytes.copyWithin(0, this.#taken, this.#filled);
    }
    this.#filled -= this.#taken;
    this.#taken = 0;
    // Mostly nothing waits, and a view of its own would stay as long as the client is idle.
    const space = this.#filled === 0 ? this.#bytes : this.#bytes.subarray(this.#filled);
    this.#roomBytes = space.length;
    return space;
  }

  /** Says that `count` bytes were read into the beginning of the space. */
  filled(count: number): void {
    this.#filled += count;
    this.#lastReadBytes = count;
    this.#smallReads = count < sizeBelow(this.#bytes.length) ? this.#smallReads + 1 : 0;
  }

  /**
   * The next whole packet, or `undefined` if more has to be read first. It is the same object each time: good until
   * the next call, and its bytes until the next {@linkcode FrameReader.space}.
   *
   * @throws {ProtocolError} 0x81 for a reserved type, wrong flags or a wrong remaining length, 0x95 for a packet that is
   * too large; as soon as it shows, and again at every further call
   */
  next(): Frame | undefined {
    if (this.#fault !== undefined) throw this.#fault;
    const at = this.#taken;
    const available = this.#filled - at;
    if (available === 0) return undefined;
    const bytes = this.#bytes;
    const firstByte = bytes[at]!;
    if (possibleFirstBytes[firstByte] === 0) this.#checkOldFirstByte(firstByte);
    if (available === 1) return undefined;
    const remaining = bytes[at + 1]!;
    return remaining < 0x80 ? this.#frameOf(at, at + 2, remaining) : this.#longFrame();
  }

  /** The packet that begins at `at` and whose remaining length is told before `start`; `undefined`: it is not whole. */
  #frameOf(at: number, start: number, remaining: number): Frame | undefined {
    const end = start + remaining;
    if (end - at > this.maximumPacketSizeBytes) this.#failOfSize(end - at);
    if (end > this.#filled) {
      this.#awaitedBytes = end - at;
      return undefined;
    }
    this.#taken = end;
    this.#awaitedBytes = 0;
    const frame = this.#frame;
    const bytes = this.#bytes;
    frame.bytes = bytes;
    frame.firstByte = bytes[at]!;
    frame.start = start;
    frame.end = end;
    return frame;
  }

  /** As {@linkcode FrameReader.next}, of a packet whose remaining length takes more than one byte. */
  #longFrame(): Frame | undefined {
    const at = this.#taken;
    const lengthBytes = this.#lengthBytes();
    if (lengthBytes === 0) return undefined;
    return this.#frameOf(at, at + 1 + lengthBytes, remainingLength(this.#bytes, at + 1, lengthBytes));
  }

  /** How many bytes the remaining length at hand takes, 0 if it has not arrived to its end. */
  #lengthBytes(): number {
    const first = this.#taken + 1;
    const last = Math.min(this.#filled, this.#taken + MAX_HEADER_BYTES);
    for (let i = first; i < last; i++) {
      const byte = this.#bytes[i]!;
      if (byte >= 0x80) continue;
      // [MQTT-1.5.5-1] 5.0: the shortest form is the only one. Earlier versions know no such rule.
      if (byte === 0 && i > first && this.version === 5) {
        this.#fail(malformed("remaining length must take as few bytes as it can: last is 0"));
      }
      return i - first + 1;
    }
    if (last - first === MAX_HEADER_BYTES - 1) {
      this.#fail(malformed("remaining length must end within 4 bytes: got a fourth byte that goes on"));
    }
    return 0;
  }

  #checkOldFirstByte(firstByte: number): void {
    if (!this.#isOldFirstByte(firstByte)) this.#fail(malformed(describeFirstByte(firstByte)));
  }

  /** Before CONNECT has come nobody knows that the client does not speak 3.1. */
  #isOldFirstByte(firstByte: number): boolean {
    if (this.version === undefined) return firstByte >> 4 === PacketType.Connect;
    return this.version === 3 && isFirstByteOf31(firstByte);
  }

  #nextCapacity(): number {
    const capacity = this.#bytes.length;
    if (capacity === 0) return IDLE_BYTES;
    const waiting = this.#filled - this.#taken;
    if (waiting === capacity) return this.#grownCapacity();
    const needed = Math.max(waiting + 1, this.#awaitedBytes);
    if (capacity > BUSY_BYTES) return needed > BUSY_BYTES ? capacity : BUSY_BYTES;
    const smaller = sizeBelow(capacity);
    if (this.#smallReads >= SMALL_READS_BEFORE_SHRINKING && needed <= smaller) {
      this.#smallReads = 0;
      return smaller;
    }
    return this.#lastReadBytes === this.#roomBytes ? sizeAbove(capacity) : capacity;
  }

  /** The memory of before is free at once: as garbage it would lie there for a while, as much again as what came. */
  #growInPlace(capacity: number): void {
    this.#bytes.copyWithin(0, this.#taken, this.#filled);
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(capacity));
  }

  /** Only what really came makes the buffer larger than the busy size, never a header's claim. */
  #grownCapacity(): number {
    const capacity = this.#bytes.length;
    if (capacity < BUSY_BYTES) return sizeAbove(capacity);
    const doubled = capacity * 2;
    return this.#awaitedBytes > capacity ? Math.min(doubled, Math.max(BUSY_BYTES, this.#awaitedBytes)) : doubled;
  }

  #failOfSize(sizeBytes: number): never {
    const limit = `${this.maximumPacketSizeBytes} bytes (${this.limitedBy})`;
    this.#fail(new ProtocolError(ReasonCode.PacketTooLarge, `packet must have at most ${limit}: got ${sizeBytes}`));
  }

  #fail(fault: ProtocolError): never {
    this.#fault = fault;
    throw fault;
  }
}

/** The next smaller size of a read buffer; 0: there is none. */
function sizeBelow(capacity: number): number {
  if (capacity > MODEST_BYTES) return MODEST_BYTES;
  return capacity > IDLE_BYTES ? IDLE_BYTES : 0;
}

function sizeAbove(capacity: number): number {
  return capacity < MODEST_BYTES ? MODEST_BYTES : BUSY_BYTES;
}

function remainingLength(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 0x80 + (bytes[at + i]! & 0x7f);
  return value;
}

function describeFirstByte(firstByte: number): string {
  const shown = `0x${firstByte.toString(16).padStart(2, "0")}`;
  if (firstByte < 0x10) return `packet type must be 1 to 15: got 0 in first byte ${shown}`;
  return `flags in the first byte must fit the packet type (MQTT 5.0 §2.1.3): got ${shown}`;
}

/** 1 for each first byte that every version allows (MQTT 5.0 §2.1.3). */
const possibleFirstBytes = new Uint8Array(256);
for (let type = 1; type <= 15; type++) {
  for (let flags = 0; flags <= 15; flags++) {
    possibleFirstBytes[type << 4 | flags] = flagsArePossible(type, flags) ? 1 : 0;
  }
}

function flagsArePossible(type: number, flags: number): boolean {
  switch (type) {
    case PacketType.Publish: {
      const qos = flags >> 1 & 3;
      // [MQTT-3.3.1-4] 3.1.1 and 5.0: no QoS 3. [MQTT-3.3.1-2] 3.1.1 and 5.0: no DUP at QoS 0.
      return qos !== 3 && !(qos === 0 && flags >= 8);
    }
    case PacketType.Pubrel:
    case PacketType.Subscribe:
    case PacketType.Unsubscribe:
      return flags === 2;
    default:
      return flags === 0;
  }
}

/**
 * Whether 3.1 allows a first byte that later versions do not (MQTT 3.1 §2.1, §3): flags that a packet does not use may be
 * anything, and PUBREL, SUBSCRIBE and UNSUBSCRIBE use QoS, which is 1, and DUP, which is set when they are sent again.
 */
function isFirstByteOf31(firstByte: number): boolean {
  const type = firstByte >> 4;
  switch (type) {
    case PacketType.Publish:
    case PacketType.Auth:
      return false;
    case PacketType.Pubrel:
    case PacketType.Subscribe:
    case PacketType.Unsubscribe:
      return (firstByte >> 1 & 3) === 1;
    default:
      return type !== 0;
  }
}
