/**
 * The frames of RFC 6455 §5, seen from the server.
 *
 * Our own, since `npm:ws` 8.23.0 keeps a message in memory until it is whole, where this one hands on what has come, and
 * since it is faster: reading took 115 ns for a PUBLISH of 64 bytes in a frame of its own (ws: 155 ns), 23 ns with 50 of
 * them in a frame (ws: 42 ns) and 3.1 µs for one of 16 KiB (ws: 8.5 µs); writing took 153 ns, 7 ns and 0.85 µs (ws: 229 ns,
 * 9 ns and 0.93 µs). These are the shortest times of tests/bench/micro/websocket_bench.ts on Deno 2.9.6.
 */

/** Opcodes (RFC 6455 §5.2). */
export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

const FINAL = 0x80;
const RESERVED_BITS = 0x70;
const MASKED = 0x80;
const LONGEST_CONTROL_PAYLOAD = 125;
const WORDWISE_FROM_BYTES = 256;

/** The peer broke the protocol; `code` goes into the close frame (RFC 6455 §7.4). */
export class WebSocketFault extends Error {
  override readonly name = "WebSocketFault";
  constructor(readonly code: number, reason: string) {
    super(`Closed the WebSocket with ${code}: ${reason}`);
  }
}

/** Takes control frames. The payload is only lent. */
export type ControlHandler = (opcode: number, payload: Uint8Array) => void;

/**
 * Takes the payload of binary frames out of a byte stream. Nothing is gathered: a frame's bytes are handed on as they come,
 * whatever length it claims and however a message is fragmented.
 */
export class FrameDecoder {
  readonly #onControl: ControlHandler;
  readonly #longestFrameBytes: number;
  /** Of the frame that is read: header bytes so far, payload bytes still to come, and where its mask is at. */
  readonly #header = new Uint8Array(14);
  #headerLength = 0;
  #payloadLeft = 0;
  #maskAt = 0;
  /** Where the mask begins in the header; 0 while the header is not complete. */
  #maskStart = 0;
  #control = new Uint8Array(0);
  #controlLength = 0;
  #fragmented = false;

  /**
   * @param longestFrameBytes a frame that claims more is refused with 1009
   * @param onControl takes the control frames
   */
  constructor(longestFrameBytes: number, onControl: ControlHandler) {
    this.#longestFrameBytes = longestFrameBytes;
    this.#onControl = onControl;
  }

  /**
   * Decodes in place: reads the first `length` bytes and puts the payload among them to the beginning.
   *
   * @returns how many bytes of payload there are, which may be 0
   * @throws {WebSocketFault} if the peer broke the protocol, or sent text
   */
  decode(bytes: Uint8Array, length: number): number {
    let from = 0;
    let to = 0;
    while (from < length) {
      if (this.#maskStart === 0) {
        this.#takeHeaderByte(bytes[from++]!);
        continue;
      }
      const count = Math.min(this.#payloadLeft, length - from);
      if (this.#isControl) this.#takeControl(bytes, from, count);
      else {
        this.#unmask(bytes, from, bytes, to, count);
        to += count;
      }
      from += count;
      this.#payloadLeft -= count;
      if (this.#payloadLeft === 0) this.#finishFrame();
    }
    return to;
  }

  get #opcode(): number {
    return this.#header[0]! & 0x0f;
  }

  get #isControl(): boolean {
    return this.#opcode >= CLOSE;
  }

  #takeHeaderByte(byte: number): void {
    const header = this.#header;
    header[this.#headerLength++] = byte;
    if (this.#headerLength === 1) return this.#checkFirstByte(byte);
    if (this.#headerLength === 2 && !(byte & MASKED)) {
      throw new WebSocketFault(1002, "a client's frames must be masked");
    }
    const short = header[1]! & 0x7f;
    const maskStart = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (this.#headerLength < maskStart + 4) return;
    this.#payloadLeft = short < 126 ? short : bigEndian(header, 2, maskStart);
    this.#checkLength();
    this.#maskStart = maskStart;
    this.#maskAt = 0;
    if (this.#payloadLeft === 0) this.#finishFrame();
  }

  #checkFirstByte(byte: number): void {
    if (byte & RESERVED_BITS) throw new WebSocketFault(1002, "no extension was agreed upon, yet a reserved bit is set");
    const final = (byte & FINAL) !== 0;
    switch (byte & 0x0f) {
      case CLOSE:
      case PING:
      case PONG:
        if (!final) throw new WebSocketFault(1002, "a control frame must not be fragmented");
        return;
      case TEXT:
        throw new WebSocketFault(1003, "MQTT is carried by binary frames only, got a text frame");
      case BINARY:
        if (this.#fragmented) throw new WebSocketFault(1002, "a message began within another one");
        this.#fragmented = !final;
        return;
      case CONTINUATION:
        if (!this.#fragmented) throw new WebSocketFault(1002, "there is no message to be continued");
        this.#fragmented = !final;
        return;
      default:
        throw new WebSocketFault(1002, `the opcode ${byte & 0x0f} is reserved`);
    }
  }

  #checkLength(): void {
    if (this.#isControl) {
      if (this.#payloadLeft > LONGEST_CONTROL_PAYLOAD) {
        throw new WebSocketFault(1002, `a control frame holds at most ${LONGEST_CONTROL_PAYLOAD} bytes`);
      }
      this.#control = new Uint8Array(this.#payloadLeft);
      this.#controlLength = 0;
    } else if (this.#payloadLeft > this.#longestFrameBytes) {
      throw new WebSocketFault(1009, `a frame may have ${this.#longestFrameBytes} bytes, got ${this.#payloadLeft}`);
    }
  }

  #takeControl(bytes: Uint8Array, from: number, count: number): void {
    this.#unmask(bytes, from, this.#control, this.#controlLength, count);
    this.#controlLength += count;
  }

  #finishFrame(): void {
    this.#headerLength = 0;
    this.#maskStart = 0;
    if (this.#isControl) this.#onControl(this.#opcode, this.#control);
  }

  /** RFC 6455 §5.3; most frames of MQTT are short, and a plain loop is the fastest for those. */
  #unmask(source: Uint8Array, from: number, target: Uint8Array, to: number, count: number): void {
    const header = this.#header;
    const start = this.#maskStart;
    let maskAt = this.#maskAt;
    this.#maskAt = maskAt + count & 3;
    if (count >= WORDWISE_FROM_BYTES) {
      target.set(source.subarray(from, from + count), to);
      return applyMask(target.subarray(to, to + count), header.subarray(start, start + 4), maskAt);
    }
    for (let index = 0; index < count; index++) {
      target[to + index] = source[from + index]! ^ header[start + maskAt]!;
      maskAt = maskAt + 1 & 3;
    }
  }
}

/** Applies the mask in place, four bytes at a time. */
function applyMask(bytes: Uint8Array, mask: Uint8Array, maskAt: number): void {
  let at = 0;
  while ((bytes.byteOffset + at & 3) !== 0) bytes[at++]! ^= mask[maskAt++ & 3]!;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, bytes.length - at >> 2);
  const word = new Uint32Array(Uint8Array.from(mask, (_, index) => mask[maskAt + index & 3]!).buffer)[0]!;
  for (let index = 0; index < words.length; index++) words[index]! ^= word;
  for (at += 4 * words.length; at < bytes.length; at++) bytes[at]! ^= mask[maskAt++ & 3]!;
}

/**
 * The header of one unmasked, unfragmented frame.
 *
 * @param room bytes to leave free behind the header
 * @returns the header at the beginning of a buffer that has `room` bytes more
 */
export function encodeHeader(opcode: number, payloadLength: number, room: number): Uint8Array {
  const extra = payloadLength < 126 ? 0 : payloadLength < 65_536 ? 2 : 8;
  const frame = new Uint8Array(2 + extra + room);
  frame[0] = FINAL | opcode;
  if (extra === 0) frame[1] = payloadLength;
  else {
    frame[1] = extra === 2 ? 126 : 127;
    let rest = payloadLength;
    for (let index = 1 + extra; index > 1; index--, rest = Math.floor(rest / 256)) frame[index] = rest % 256;
  }
  return frame;
}

/** A whole frame. */
export function encodeFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const frame = encodeHeader(opcode, payload.length, payload.length);
  frame.set(payload, frame.length - payload.length);
  return frame;
}

function bigEndian(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let index = from; index < to; index++) value = value * 256 + bytes[index]!;
  return value;
}
