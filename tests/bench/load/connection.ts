import type { Channel } from "./channel.ts";

/** What is done with packets that arrive. */
export interface PacketHandler {
  /** One whole packet: its body is `bytes` from `start` to `end`, good until the call returns. */
  packet(connection: Connection, firstByte: number, start: number, end: number): void;
}

const FIRST_IN_BYTES = 512;
const LARGEST_IN_BYTES = 256 * 1024;
const FIRST_OUT_BYTES = 256;

let dirty: Connection[] = [];

function flushDirty(): void {
  const connections = dirty;
  dirty = [];
  for (const connection of connections) connection.flush();
}

/**
 * One client connection. Packets are scanned where they lie in the read buffer; what is appended to `out` within one turn
 * leaves in one write, and the next write waits for the one before.
 */
export class Connection {
  /** The read buffer, while packets are handled. */
  bytes = new Uint8Array(FIRST_IN_BYTES);
  /** The same as a view. */
  view = new DataView(this.bytes.buffer);
  /** When the packets at hand were read, in milliseconds of `performance.now()`. */
  readAtMs = 0;
  /** What waits to be written; those that call {@linkcode Connection.reserve} fill it and move `length` on. */
  out: Uint8Array<ArrayBuffer>;
  /** The same as a view. */
  outView: DataView;
  /** Where the next byte of `out` goes. */
  length: number;
  /** Set once the connection was closed from this side. */
  isClosed = false;
  readonly #channel: Channel;
  #spare: Uint8Array<ArrayBuffer>;
  #isDirty = false;
  #isWriting = false;

  /** @param index the number of the client */
  constructor(channel: Channel, readonly index: number) {
    this.#channel = channel;
    this.out = new Uint8Array(FIRST_OUT_BYTES);
    this.outView = new DataView(this.out.buffer);
    this.#spare = new Uint8Array(FIRST_OUT_BYTES);
    this.length = channel.headroomBytes;
  }

  /** Makes room for `count` bytes and lets them leave at the end of this turn. */
  reserve(count: number): void {
    if (this.length + count > this.out.length) {
      const grown = new Uint8Array(2 * (this.length + count));
      grown.set(this.out.subarray(0, this.length));
      this.#use(grown);
    }
    if (this.#isDirty || this.#isWriting) return;
    this.#isDirty = true;
    if (dirty.push(this) === 1) queueMicrotask(flushDirty);
  }

  /** Appends a packet, or several. */
  send(packet: Uint8Array): void {
    this.reserve(packet.length);
    this.out.set(packet, this.length);
    this.length += packet.length;
  }

  /** Appends a PUBACK, PUBREC, PUBREL or PUBCOMP without reason code. */
  sendAck(firstByte: number, packetIdentifier: number): void {
    this.reserve(4);
    this.outView.setUint32(this.length, (firstByte << 24 | 2 << 16 | packetIdentifier) >>> 0);
    this.length += 4;
  }

  /** Writes what has gathered, and what gathers meanwhile, until nothing is left. */
  async flush(): Promise<void> {
    this.#isDirty = false;
    if (this.#isWriting) return;
    this.#isWriting = true;
    const start = this.#channel.headroomBytes;
    try {
      while (this.length > start) {
        const bytes = this.out;
        const end = this.length;
        this.#use(this.#spare);
        this.length = start;
        await this.#channel.write(bytes, start, end);
        this.#spare = bytes;
      }
    } catch {
      // The read side tells of the loss.
    }
    this.#isWriting = false;
  }

  /**
   * Reads until the end.
   *
   * @throws {Error} if the connection is lost, unless it was closed from this side; and whatever `handler` throws
   */
  async run(handler: PacketHandler): Promise<void> {
    let filled = 0;
    for (;;) {
      const read = await this.#read(filled);
      if (this.isClosed) return;
      if (read === null) throw new Error(`client ${this.index}: the broker closed the connection`);
      filled += read;
      this.readAtMs = performance.now();
      const isFull = filled === this.bytes.length;
      const taken = this.#scan(handler, filled);
      if (taken < filled) this.bytes.copyWithin(0, taken, filled);
      filled -= taken;
      if (isFull) this.#growIn(filled);
    }
  }

  /** Closes the connection; what waits is not written any more. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    try {
      this.#channel.close();
    } catch {
      // It is closed already.
    }
  }

  async #read(filled: number): Promise<number | null> {
    try {
      return await this.#channel.read(filled === 0 ? this.bytes : this.bytes.subarray(filled));
    } catch (error) {
      if (this.isClosed) return null;
      throw new Error(`client ${this.index}: the connection is lost: ${error}`);
    }
  }

  /** Hands out whole packets; returns how many bytes they took. */
  #scan(handler: PacketHandler, filled: number): number {
    const bytes = this.bytes;
    let at = 0;
    while (filled - at >= 2) {
      let start = at + 1;
      let remaining = 0;
      for (let shift = 0;; shift += 7) {
        if (start >= filled) return at;
        const byte = bytes[start++]!;
        remaining |= (byte & 127) << shift;
        if (byte < 128) break;
      }
      const end = start + remaining;
      if (end > filled) return at;
      handler.packet(this, bytes[at]!, start, end);
      at = end;
    }
    return at;
  }

  #growIn(filled: number): void {
    if (this.bytes.length >= LARGEST_IN_BYTES && filled < this.bytes.length) return;
    const grown = new Uint8Array(this.bytes.length * 4);
    grown.set(this.bytes.subarray(0, filled));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  #use(out: Uint8Array<ArrayBuffer>): void {
    this.out = out;
    this.outView = new DataView(out.buffer);
  }
}
