/** The packets that come to a client of a test, in their order. */
import {
  type AckPacket,
  type AuthPacket,
  type ConnackPacket,
  type DisconnectPacket,
  type OutboundPacket,
  PacketType,
  type PingrespPacket,
  type ProtocolVersion,
  type PublishPacket,
  type SubackPacket,
  type UnsubackPacket,
} from "../../src/packet/packets.ts";
import { concat, decodeServerPackets } from "./client_codec.ts";
import { patiently } from "./patience.ts";

/** What carries the client's bytes: a `Deno.Conn` or one end of a memory pair. */
export interface Duplex {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number | void>;
  close(): void;
}

export interface ServerPackets {
  Connack: ConnackPacket;
  Publish: PublishPacket;
  Puback: AckPacket;
  Pubrec: AckPacket;
  Pubrel: AckPacket;
  Pubcomp: AckPacket;
  Suback: SubackPacket;
  Unsuback: UnsubackPacket;
  Pingresp: PingrespPacket;
  Disconnect: DisconnectPacket;
  Auth: AuthPacket;
}

/** Reads a connection to its end, and keeps each packet until a test asks for it. */
export class PacketInbox {
  /** Settled when the connection has ended and nothing is left to read. */
  readonly ended: Promise<void>;
  /** The last CONNACK that came. */
  connack: ConnackPacket | undefined;
  /** Why reading has failed, if it was more than the end of the connection. */
  fault: Error | undefined;
  readonly #duplex: Duplex;
  readonly #version: () => ProtocolVersion;
  readonly #arrived: OutboundPacket[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(duplex: Duplex, version: () => ProtocolVersion) {
    this.#duplex = duplex;
    this.#version = version;
    this.ended = this.#readAll();
  }

  /** The first packet of this kind and identifier, past others that have come before it. */
  async pick<Name extends keyof ServerPackets>(name: Name, packetIdentifier?: number): Promise<ServerPackets[Name]> {
    const isIt = (packet: OutboundPacket) =>
      packet.type === PacketType[name] &&
      (packet as { packetIdentifier?: number }).packetIdentifier === packetIdentifier;
    for (;;) {
      const index = this.#arrived.findIndex(isIt);
      if (index >= 0) return this.#arrived.splice(index, 1)[0] as ServerPackets[Name];
      if (this.#closed) throw this.fault ?? new Error(`expected ${name}: got ${this.#describe(this.#farewell())}`);
      await this.#something();
    }
  }

  /** The next packet, or `undefined` at the end of the connection. */
  async nextOrEnd(): Promise<OutboundPacket | undefined> {
    while (this.#arrived.length === 0 && !this.#closed) await this.#something();
    return this.#arrived.shift();
  }

  /** The next packet, which must be of this kind. */
  async expect<Name extends keyof ServerPackets>(name: Name): Promise<ServerPackets[Name]> {
    const packet = await this.nextOrEnd();
    if (packet?.type !== PacketType[name]) throw new Error(`expected ${name}: got ${this.#describe(packet)}`);
    return packet as ServerPackets[Name];
  }

  /** The server closes the connection, and sends nothing before. */
  async expectEnd(): Promise<void> {
    const packet = await this.nextOrEnd();
    if (packet !== undefined || this.fault !== undefined) {
      throw new Error(`expected the end of the connection: got ${this.#describe(packet)}`);
    }
  }

  /** The DISCONNECT that came, which tells why there is nothing else. */
  #farewell(): OutboundPacket | undefined {
    return this.#arrived.find(({ type }) => type === PacketType.Disconnect);
  }

  #something(): Promise<void> {
    return patiently("next packet", new Promise((resolve) => this.#wake = resolve));
  }

  async #readAll(): Promise<void> {
    const chunk = new Uint8Array(16_384);
    let waiting: Uint8Array = new Uint8Array();
    try {
      for (let count = await this.#duplex.read(chunk); count !== null; count = await this.#duplex.read(chunk)) {
        const { packets, rest } = decodeServerPackets(concat(waiting, chunk.subarray(0, count)), this.#version());
        waiting = rest;
        this.#arrived.push(...packets);
        this.connack = packets.findLast((packet) => packet.type === PacketType.Connack) ?? this.connack;
        this.#wake?.();
      }
    } catch (error) {
      if (!isEndOfStream(error)) this.fault = error as Error;
    }
    this.#closed = true;
    this.#wake?.();
  }

  #describe(packet: OutboundPacket | undefined): string {
    if (packet === undefined) return this.fault?.message ?? "the end of the connection";
    const name = Object.entries(PacketType).find(([, type]) => type === packet.type)?.[0];
    return `${name} ${Deno.inspect(packet)}`;
  }
}

/** A cut connection is an end as good as any other to a test. */
function isEndOfStream(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BrokenPipe ||
    (error instanceof Error && /closed/.test(error.message));
}
