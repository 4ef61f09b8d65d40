import type { InboundPacket, OutboundPacket, ProtocolVersion } from "../../src/packet/packets.ts";
import { decodeServerPackets, encodeClientPacket } from "../support/client_codec.ts";

/** One TCP connection to the broker: packets both ways. Whatever goes wrong is the end of it, and nothing throws. */
export class Wire {
  readonly #conn: Deno.TcpConn;
  readonly #version: ProtocolVersion;
  #out: Uint8Array[] = [];
  #writing = false;
  #closed = false;

  constructor(conn: Deno.TcpConn, version: ProtocolVersion) {
    this.#conn = conn;
    this.#version = version;
  }

  static async open(port: number, version: ProtocolVersion): Promise<Wire | undefined> {
    try {
      return new Wire(await Deno.connect({ hostname: "127.0.0.1", port }), version);
    } catch {
      return undefined;
    }
  }

  send(packet: InboundPacket): void {
    this.#out.push(encodeClientPacket(packet, this.#version));
    if (!this.#writing) void this.#flush();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#conn.close();
    } catch {
      // The other side was first.
    }
  }

  /** Gives every packet to `take` until the connection ends. */
  async read(take: (packet: OutboundPacket) => void): Promise<void> {
    const chunk = new Uint8Array(16384);
    let rest = new Uint8Array(0);
    for (;;) {
      const count = await this.#readInto(chunk);
      if (count === null) return this.close();
      const bytes = joined([rest, chunk.subarray(0, count)]);
      const decoded = decodeServerPackets(bytes, this.#version);
      rest = decoded.rest.slice();
      for (const packet of decoded.packets) take(packet);
    }
  }

  async #readInto(chunk: Uint8Array): Promise<number | null> {
    try {
      return await this.#conn.read(chunk);
    } catch {
      return null;
    }
  }

  async #flush(): Promise<void> {
    this.#writing = true;
    // What is sent in one turn leaves in one piece.
    await Promise.resolve();
    while (this.#out.length > 0 && !this.#closed) {
      const bytes = joined(this.#out);
      this.#out = [];
      try {
        for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
      } catch {
        this.close();
      }
    }
    this.#writing = false;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
