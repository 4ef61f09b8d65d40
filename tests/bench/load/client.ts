import type { Channel } from "./channel.ts";
import { Connection, type PacketHandler } from "./connection.ts";
import { connectPacket, subscribePacket, type Version } from "./packets.ts";

const FILTERS_PER_PACKET = 100;

/** The rare packets of one client: signing in and subscribing. Everything else goes to `inner`. */
export class Client implements PacketHandler {
  /** QoS 1 and 2 messages the broker takes at a time (5.0). */
  receiveMaximum = 65_535;
  readonly #version: Version;
  readonly #inner: PacketHandler;
  #awaited: { readonly type: number; resolve(): void; reject(error: Error): void } | undefined;

  private constructor(readonly connection: Connection, version: Version, inner: PacketHandler) {
    this.#version = version;
    this.#inner = inner;
  }

  /**
   * Signs in on a new connection.
   *
   * @param onLoss called when the connection is lost or the broker breaks the protocol
   */
  static async open(options: ClientOptions, inner: PacketHandler, onLoss: (error: Error) => void): Promise<Client> {
    const connection = new Connection(options.channel, options.index);
    const client = new Client(connection, options.version, inner);
    connection.run(client).catch((error: Error) => {
      client.#awaited?.reject(error);
      onLoss(error);
    });
    const { version, clientIdentifier, isDurable, topicAliasMaximum } = options;
    await client.#ask(2, connectPacket({ version, clientIdentifier, isDurable, topicAliasMaximum }));
    return client;
  }

  /** Subscribes to all of them; resolves with the last SUBACK. */
  async subscribe(topicFilters: readonly string[], qos: number): Promise<void> {
    for (let at = 0; at < topicFilters.length; at += FILTERS_PER_PACKET) {
      const batch = topicFilters.slice(at, at + FILTERS_PER_PACKET);
      await this.#ask(9, subscribePacket(this.#version, 1 + at / FILTERS_PER_PACKET, batch, qos));
    }
  }

  packet(connection: Connection, firstByte: number, start: number, end: number): void {
    const type = firstByte >> 4;
    if (type === 2) this.#connack(connection.bytes, start, end);
    else if (type === 9) this.#suback(connection.bytes, start, end);
    else if (type === 14) throw new Error(`DISCONNECT with reason code ${connection.bytes[start]}`);
    else this.#inner.packet(connection, firstByte, start, end);
  }

  #ask(type: number, packet: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#awaited = { type, resolve, reject };
      this.connection.send(packet);
    });
  }

  #answered(type: number): void {
    if (this.#awaited?.type !== type) throw new Error(`packet type ${type} came unasked`);
    this.#awaited.resolve();
    this.#awaited = undefined;
  }

  #connack(bytes: Uint8Array, start: number, end: number): void {
    if (bytes[start + 1] !== 0) throw new Error(`CONNACK with code ${bytes[start + 1]}`);
    if (this.#version === 5) this.receiveMaximum = receiveMaximumOf(bytes, start + 2, end);
    this.#answered(2);
  }

  #suback(bytes: Uint8Array, start: number, end: number): void {
    const from = start + 2 + (this.#version === 5 ? 1 + bytes[start + 2]! : 0);
    for (let i = from; i < end; i++) {
      if (bytes[i]! >= 0x80) throw new Error(`SUBACK with code ${bytes[i]}`);
    }
    this.#answered(9);
  }
}

/** How a client of the generator connects. */
export interface ClientOptions {
  readonly channel: Channel;
  /** Number of the client. */
  readonly index: number;
  readonly version: Version;
  readonly clientIdentifier: string;
  readonly isDurable: boolean;
  readonly topicAliasMaximum: number;
}

/** Bytes of the properties of CONNACK that are not texts (MQTT 5.0 §3.2.2.3). */
const sizes: Readonly<Record<number, number>> = {
  0x11: 4,
  0x13: 2,
  0x21: 2,
  0x22: 2,
  0x24: 1,
  0x25: 1,
  0x27: 4,
  0x28: 1,
  0x29: 1,
  0x2a: 1,
};

/** The Receive Maximum among the properties of a CONNACK. */
export function receiveMaximumOf(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (bytes[at]! >= 0x80) at++;
  at++;
  const textEnd = (from: number) => from + 2 + (bytes[from]! << 8 | bytes[from + 1]!);
  while (at < end) {
    const identifier = bytes[at++]!;
    if (identifier === 0x21) return bytes[at]! << 8 | bytes[at + 1]!;
    at = identifier === 0x26 ? textEnd(textEnd(at)) : sizes[identifier] ? at + sizes[identifier] : textEnd(at);
  }
  return 65_535;
}
