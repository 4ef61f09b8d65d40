/** Ways of the bytes to the broker: TCP, TLS, and WebSocket framed by hand. */

/** One byte stream to the broker. */
export interface Channel {
  /** How many bytes in front of what is written must be free, for a frame header. */
  readonly headroomBytes: number;
  /** Resolves with how many bytes came, `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes `bytes` from `start` to `end`; the headroom before `start` is overwritten. One call at a time. */
  write(bytes: Uint8Array, start: number, end: number): Promise<void>;
  close(): void;
}

/** Where the broker is and how to talk to it. */
export interface ChannelOptions {
  readonly transport: "tcp" | "tls" | "ws";
  readonly hostname: string;
  readonly port: number;
  /** Authority of the broker's certificate, PEM; `undefined`: the system's. */
  readonly caCertificate: string | undefined;
}

/** Opens a connection, handshakes included. */
export async function openChannel(options: ChannelOptions): Promise<Channel> {
  const { transport, hostname, port, caCertificate } = options;
  if (transport === "tls") {
    const caCerts = caCertificate === undefined ? [] : [caCertificate];
    return new StreamChannel(await Deno.connectTls({ hostname, port, caCerts }));
  }
  const conn = await Deno.connect({ hostname, port });
  conn.setNoDelay(true);
  return transport === "ws" ? await openWebSocket(conn, hostname) : new StreamChannel(conn);
}

/** A plain TCP connection that is there already. */
export function channelOf(conn: Deno.Conn): Channel {
  return new StreamChannel(conn);
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await conn.write(rest));
}

class StreamChannel implements Channel {
  readonly headroomBytes = 0;
  readonly #conn: Deno.Conn;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#conn.read(into);
  }

  write(bytes: Uint8Array, start: number, end: number): Promise<void> {
    return writeAll(this.#conn, bytes.subarray(start, end));
  }

  close(): void {
    this.#conn.close();
  }
}

/** FIN, and the opcode of a binary frame (RFC 6455 §5.2). */
const BINARY_FRAME = 0x82;
const CLOSE = 8;
const RAW_BYTES = 256 * 1024;

/**
 * The frames of RFC 6455: all bytes of one write make one frame. The masking key is zero, so masking changes nothing:
 * a load generator has no intermediary to protect, and the broker's work is the same.
 */
export class WebSocketChannel implements Channel {
  /** Two bytes, eight of length, four of masking key. */
  readonly headroomBytes = 14;
  readonly #conn: Deno.Conn;
  readonly #raw = new Uint8Array(RAW_BYTES);
  #at = 0;
  #filled = 0;
  /** Bytes to come of the frame under way. */
  #left = 0;
  #isData = false;
  #ended = false;

  /** @param early what came behind the HTTP response */
  constructor(conn: Deno.Conn, early: Uint8Array = new Uint8Array(0)) {
    this.#conn = conn;
    this.#raw.set(early);
    this.#filled = early.length;
  }

  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      const count = this.#unframe(into);
      if (count > 0) return count;
      if (this.#ended) return null;
      this.#raw.copyWithin(0, this.#at, this.#filled);
      this.#filled -= this.#at;
      this.#at = 0;
      const read = await this.#conn.read(this.#raw.subarray(this.#filled));
      if (read === null) return null;
      this.#filled += read;
    }
  }

  write(bytes: Uint8Array, start: number, end: number): Promise<void> {
    const length = end - start;
    const headerBytes = length < 126 ? 6 : length < 65_536 ? 8 : 14;
    const at = start - headerBytes;
    bytes.fill(0, at, start);
    bytes[at] = BINARY_FRAME;
    if (length < 126) bytes[at + 1] = 0x80 | length;
    else {
      bytes[at + 1] = 0x80 | (length < 65_536 ? 126 : 127);
      const low = length < 65_536 ? at + 3 : at + 9;
      for (let i = low, rest = length; rest > 0; i--, rest >>>= 8) bytes[i] = rest;
    }
    return writeAll(this.#conn, bytes.subarray(at, end));
  }

  close(): void {
    this.#conn.close();
  }

  /** Copies what is there of the payload of data frames; 0: more has to be read. */
  #unframe(into: Uint8Array): number {
    let count = 0;
    while (count < into.length && this.#at < this.#filled && !this.#ended) {
      if (this.#left === 0) {
        if (!this.#takeHeader()) break;
        continue;
      }
      const n = Math.min(this.#left, this.#filled - this.#at, into.length - count);
      if (this.#isData) {
        into.set(this.#raw.subarray(this.#at, this.#at + n), count);
        count += n;
      }
      this.#at += n;
      this.#left -= n;
    }
    return count;
  }

  #takeHeader(): boolean {
    const raw = this.#raw;
    const at = this.#at;
    if (this.#filled - at < 2) return false;
    const short = raw[at + 1]! & 0x7f;
    const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (this.#filled - at < headerBytes) return false;
    let length = short;
    if (short >= 126) {
      length = 0;
      for (let i = at + 2; i < at + headerBytes; i++) length = length * 256 + raw[i]!;
    }
    const opcode = raw[at]! & 15;
    this.#ended = opcode === CLOSE;
    this.#isData = opcode < CLOSE;
    this.#left = length;
    this.#at = at + headerBytes;
    return true;
  }
}

/** The opening handshake (RFC 6455 §4.1). */
async function openWebSocket(conn: Deno.Conn, hostname: string): Promise<WebSocketChannel> {
  const request = `GET /mqtt HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n";
  await writeAll(conn, new TextEncoder().encode(request));
  const buffer = new Uint8Array(8192);
  let length = 0;
  for (;;) {
    const read = await conn.read(buffer.subarray(length));
    if (read === null) throw new Error("the connection ended within the WebSocket handshake");
    length += read;
    const text = new TextDecoder("latin1").decode(buffer.subarray(0, length));
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    if (!text.startsWith("HTTP/1.1 101 ")) throw new Error(`WebSocket refused: ${text.slice(0, text.indexOf("\r"))}`);
    return new WebSocketChannel(conn, buffer.slice(end + 4, length));
  }
}
