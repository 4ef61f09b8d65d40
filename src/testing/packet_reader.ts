import { type OutboundPacket, PacketType, type ProtocolVersion } from "../packet/packets.ts";
import type { Transport } from "../transport/transport.ts";
import { concat, decodeServerPackets } from "./client_codec.ts";
import { patiently } from "./patience.ts";

type Wanted<Packet extends OutboundPacket> = (packet: OutboundPacket) => packet is Packet;

/** What is waited for, and how long. */
interface Wait {
  readonly what: string;
  readonly ms: number;
}

/** Reads what the broker sends to its end, and keeps each packet until somebody asks for it. */
export class PacketReader {
  /** Resolves when nothing is left to read. */
  readonly ended: Promise<void>;
  readonly #version: ProtocolVersion;
  readonly #take: (packet: OutboundPacket) => OutboundPacket | undefined;
  readonly #kept: OutboundPacket[] = [];
  readonly #waiting = new Set<() => void>();
  #end: string | undefined;

  /** @param take sees each packet first, and gives what is to be kept of it */
  constructor(
    transport: Transport,
    version: ProtocolVersion,
    take: (packet: OutboundPacket) => OutboundPacket | undefined,
  ) {
    this.#version = version;
    this.#take = take;
    this.ended = this.#readAll(transport);
  }

  /** The first packet of the wanted kind, past others. */
  async find<Packet extends OutboundPacket>(wanted: Wanted<Packet>, { what, ms }: Wait): Promise<Packet> {
    let look = () => {};
    const found = new Promise<Packet>((resolve, reject) => {
      look = () => {
        const index = this.#kept.findIndex(wanted);
        if (index >= 0) {
          this.#waiting.delete(look);
          resolve(this.#kept.splice(index, 1)[0] as Packet);
        } else if (this.#end !== undefined) reject(new Error(`waited for ${what}: ${this.#end}`));
      };
      this.#waiting.add(look);
      look();
    });
    try {
      return await patiently(what, found, ms);
    } finally {
      this.#waiting.delete(look);
    }
  }

  /** All packets of the wanted kind that have come. */
  takeAll<Packet extends OutboundPacket>(wanted: Wanted<Packet>): Packet[] {
    const found = this.#kept.filter(wanted);
    const rest = this.#kept.filter((packet) => !wanted(packet));
    this.#kept.splice(0, this.#kept.length, ...rest);
    return found;
  }

  async #readAll(transport: Transport): Promise<void> {
    const chunk = new Uint8Array(16_384);
    let unread: Uint8Array = new Uint8Array();
    let end = "the broker closed the connection";
    try {
      for (let count = await transport.read(chunk); count !== null; count = await transport.read(chunk)) {
        const { packets, rest } = decodeServerPackets(concat(unread, chunk.subarray(0, count)), this.#version);
        unread = rest;
        for (const packet of packets) this.#keep(packet);
      }
    } catch (error) {
      end = (error as Error).message;
    }
    const farewell = this.#kept.find(({ type }) => type === PacketType.Disconnect);
    this.#end = farewell && "reasonCode" in farewell ? `${end} with ${describeEnd(farewell.reasonCode)}` : end;
    this.#wake();
  }

  #keep(packet: OutboundPacket): void {
    const kept = this.#take(packet);
    if (kept === undefined) return;
    this.#kept.push(kept);
    this.#wake();
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

function describeEnd(reasonCode: number): string {
  return `DISCONNECT 0x${reasonCode.toString(16)}`;
}
