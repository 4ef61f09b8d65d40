/** The remote of a bridge, which says what a test lets it say. */
import { decode } from "../../src/packet/decode.ts";
import { encode } from "../../src/packet/encode.ts";
import { FrameReader } from "../../src/packet/frame_reader.ts";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";
import {
  type ConnackProperties,
  type ConnectPacket,
  type InboundPacket,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
} from "../../src/packet/packets.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";

/** How a {@linkcode FakeRemote} answers. */
export interface FakeRemoteOptions {
  /** What CONNACK grants. */
  readonly granted?: ConnackProperties;
  /** @default whether there was a connection before */
  readonly sessionPresent?: () => boolean;
  /** Reason code of CONNACK. @default Success */
  readonly welcome?: (connect: ConnectPacket) => ReasonCode;
  /** Reason code of PUBACK and PUBREC; `undefined`: none is sent. @default Success */
  readonly answer?: (publish: PublishPacket) => ReasonCode | undefined;
  /** What it is silent to. @default nothing */
  readonly ignores?: (packet: InboundPacket) => boolean;
}

/** Answers at most one connection at a time, and notes all that it is sent. */
export class FakeRemote implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #options: FakeRemoteOptions;
  readonly #serving: Promise<void>;
  #conn: Deno.Conn | undefined;
  /** All packets, in their order. */
  readonly packets: InboundPacket[] = [];

  constructor(options: FakeRemoteOptions = {}) {
    this.#options = options;
    this.#serving = this.#accept();
  }

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  /** What CONNECTs have said. */
  get connects(): ConnectPacket[] {
    return this.packets.filter((packet) => packet.type === PacketType.Connect);
  }

  /** Payloads of the messages that it was sent, as text. */
  get payloads(): string[] {
    return this.messages.map(({ payload }) => new TextDecoder().decode(payload));
  }

  get messages(): PublishPacket[] {
    return this.packets.filter((packet) => packet.type === PacketType.Publish);
  }

  count(type: PacketType): number {
    return this.packets.filter((packet) => packet.type === type).length;
  }

  /** Ends the connection. */
  cut(): void {
    try {
      this.#conn?.close();
    } catch {
      // The bridge was first.
    }
    this.#conn = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#serving;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      this.#conn = conn;
      try {
        await this.#serve(conn);
      } catch {
        // Cut on either side.
      }
      this.cut();
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const reader = new FrameReader({ maximumPacketSizeBytes: 1e6, limitedBy: "a test" });
    const present = this.#options.sessionPresent?.() ?? this.connects.length > 0;
    let version: ProtocolVersion | undefined;
    for (;;) {
      const count = await conn.read(reader.space());
      if (count === null) return;
      reader.filled(count);
      for (let frame = reader.next(); frame; frame = reader.next()) {
        const packet = decode(frame, version);
        if (packet.type === PacketType.Connect) reader.version = version = packet.protocolVersion;
        this.packets.push(structuredClone(packet));
        if (packet.type === PacketType.Disconnect) return;
        if (this.#options.ignores?.(packet)) continue;
        const answer = this.#answerTo(packet, present);
        if (!answer) continue;
        const out = new OutputBuffer();
        encode(out, answer, version!);
        await conn.write(out.take());
      }
    }
  }

  #answerTo(packet: InboundPacket, sessionPresent: boolean): OutboundPacket | undefined {
    const { granted, welcome = () => ReasonCode.Success, answer = () => ReasonCode.Success } = this.#options;
    switch (packet.type) {
      case PacketType.Connect: {
        const reasonCode = welcome(packet);
        const isLetIn = reasonCode === ReasonCode.Success;
        const properties = packet.protocolVersion === 5 && isLetIn ? granted : undefined;
        return { type: PacketType.Connack, sessionPresent: isLetIn && sessionPresent, reasonCode, properties };
      }
      case PacketType.Subscribe: {
        const reasonCodes = packet.subscriptions.map(({ qos }) => qos as ReasonCode);
        return { type: PacketType.Suback, packetIdentifier: packet.packetIdentifier, reasonCodes };
      }
      case PacketType.Unsubscribe: {
        const reasonCodes = packet.topicFilters.map(() => ReasonCode.Success);
        return { type: PacketType.Unsuback, packetIdentifier: packet.packetIdentifier, reasonCodes };
      }
      case PacketType.Publish: {
        const reasonCode = packet.qos === 0 ? undefined : answer(packet);
        if (reasonCode === undefined) return undefined;
        const type = packet.qos === 1 ? PacketType.Puback : PacketType.Pubrec;
        return { type, packetIdentifier: packet.packetIdentifier, reasonCode };
      }
      case PacketType.Pubrel:
        return {
          type: PacketType.Pubcomp,
          packetIdentifier: packet.packetIdentifier,
          reasonCode: ReasonCode.Success,
        };
      case PacketType.Pingreq:
        return { type: PacketType.Pingresp };
      default:
        return undefined;
    }
  }
}
