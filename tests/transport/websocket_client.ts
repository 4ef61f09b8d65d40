/** A WebSocket client that can also do what clients should not. */
import type { Transport } from "../../src/transport/transport.ts";

/** A frame as the server sent it. */
export interface ReceivedFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** What the opening request says beyond the necessary. */
export interface OpeningRequest {
  readonly path?: string;
  /** @default `mqtt` */
  readonly subprotocols?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An open WebSocket over any byte stream. */
export class RawWebSocket {
  readonly #stream: Transport;
  readonly #buffer = new Uint8Array(131_072);
  #waiting = new Uint8Array(0);

  constructor(stream: Transport) {
    this.#stream = stream;
  }

  /** Sends the opening request, and returns the head of the response. */
  async open(request: OpeningRequest = {}): Promise<string> {
    await this.sendText(openingRequest(request));
    return await this.readHead();
  }

  /** Sends text as it is, outside of any frame. */
  sendText(text: string): Promise<void> {
    return this.#stream.write(new TextEncoder().encode(text));
  }

  /** Reads up to and with the empty line behind the header fields. */
  async readHead(): Promise<string> {
    for (;;) {
      const text = new TextDecoder().decode(this.#waiting);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#waiting = this.#waiting.slice(end + 4);
        return text.slice(0, end);
      }
      if (!await this.#readMore()) throw new Error(`The response ended early: ${text}`);
    }
  }

  /** Reads everything up to the end of the connection as text. */
  async readAll(): Promise<string> {
    while (await this.#readMore());
    return new TextDecoder().decode(this.#waiting);
  }

  /** Sends one masked frame. `firstByte` is the opcode with the FIN bit. */
  sendFrame(firstByte: number, payload: Uint8Array): Promise<void> {
    return this.#stream.write(maskedFrame(firstByte, payload));
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): Promise<void> {
    return this.#stream.write(bytes);
  }

  /** The next frame, or `null` at the end of the connection. */
  async readFrame(): Promise<ReceivedFrame | null> {
    for (;;) {
      const frame = this.#takeFrame();
      if (frame) return frame;
      if (!await this.#readMore()) return null;
    }
  }

  close(): void {
    this.#stream.close();
  }

  #takeFrame(): ReceivedFrame | undefined {
    const bytes = this.#waiting;
    if (bytes.length < 2) return undefined;
    const short = bytes[1]!;
    const start = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (bytes.length < start) return undefined;
    let length = start === 2 ? short : 0;
    for (let at = 2; at < start; at++) length = length * 256 + bytes[at]!;
    if (bytes.length < start + length) return undefined;
    this.#waiting = bytes.slice(start + length);
    return { opcode: bytes[0]! & 0x0f, payload: bytes.slice(start, start + length) };
  }

  async #readMore(): Promise<boolean> {
    const count = await this.#stream.read(this.#buffer);
    if (count === null) return false;
    const joined = new Uint8Array(this.#waiting.length + count);
    joined.set(this.#waiting);
    joined.set(this.#buffer.subarray(0, count), this.#waiting.length);
    this.#waiting = joined;
    return true;
  }
}

/** The opening request as text. */
export function openingRequest(request: OpeningRequest = {}): string {
  const headers = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": request.subprotocols ?? "mqtt",
    ...request.headers,
  };
  const lines = Object.entries(headers).filter(([, value]) => value !== "").map(([name, value]) => `${name}: ${value}`);
  return [`GET ${request.path ?? "/mqtt"} HTTP/1.1`, ...lines, "", ""].join("\r\n");
}

/** A frame as a client sends it. */
export function maskedFrame(firstByte: number, payload: Uint8Array): Uint8Array {
  const mask = Uint8Array.of(0x12, 0x34, 0x56, 0x78);
  const extra = payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8;
  const frame = new Uint8Array(2 + extra + 4 + payload.length);
  frame[0] = firstByte;
  frame[1] = 0x80 | (extra === 0 ? payload.length : extra === 2 ? 126 : 127);
  let rest = payload.length;
  for (let at = 1 + extra; extra > 0 && at > 1; at--, rest = Math.floor(rest / 256)) frame[at] = rest % 256;
  frame.set(mask, 2 + extra);
  for (let at = 0; at < payload.length; at++) frame[6 + extra + at] = payload[at]! ^ mask[at & 3]!;
  return frame;
}
