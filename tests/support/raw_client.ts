/** A client for tests that shows each packet as it comes and sends whatever it is told, right or wrong. */
import { assertEquals } from "@std/assert";
import {
  type AckPacket,
  type AuthPacket,
  type ConnackPacket,
  type DisconnectPacket,
  type InboundPacket,
  type MessageProperties,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  type ReasonProperties,
} from "../../src/packet/packets.ts";
import type { ReasonCode } from "../../src/packet/reason_code.ts";
import { concat, encodeClientPacket } from "./client_codec.ts";
import {
  type ConnectOptions,
  connectPacket,
  type FilterOptions,
  type PublishFlags,
  publishPacket,
  type SubscribeOptions,
  subscribePacket,
  unsubscribePacket,
} from "./client_packets.ts";
import { type Duplex, PacketInbox, type ServerPackets } from "./packet_inbox.ts";

export { type ConnectOptions, connectPacket, type Duplex, type PublishFlags, subscribePacket, unsubscribePacket };

/** A received PUBLISH with its payload as text; `packetIdentifier` is 0 at QoS 0, what is not there is `undefined`. */
export interface ReceivedMessage {
  readonly topicName: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetIdentifier: number;
  readonly properties: MessageProperties | undefined;
  readonly topicAlias: number | undefined;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
}

type Acknowledgement = "Puback" | "Pubrec" | "Pubrel" | "Pubcomp";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class RawClient {
  /** Waits until what others have sent before is here, where that goes another way than this connection. */
  othersArrived: (() => Promise<void>) | undefined;
  /** Waits until what was retained at QoS 0 is so everywhere, of which a broker tells nobody. */
  retainedArrived: (() => Promise<void>) | undefined;
  readonly #duplex: Duplex;
  readonly #inbox: PacketInbox;
  #protocolVersion: ProtocolVersion = 4;
  #lastPacketIdentifier = 0;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    this.#inbox = new PacketInbox(duplex, () => this.#protocolVersion);
  }

  /** The last CONNACK that came. */
  get connack(): ConnackPacket {
    const { connack } = this.#inbox;
    if (connack === undefined) throw new Error("CONNACK: none has come");
    return connack;
  }

  /** Sends bytes as they are. A connection that the broker has closed swallows them. */
  async send(bytes: Uint8Array | readonly number[]): Promise<void> {
    let rest = Uint8Array.from(bytes);
    try {
      while (rest.length > 0) rest = rest.subarray(await this.#duplex.write(rest) ?? rest.length);
    } catch {
      // The broker has closed the connection; the test sees that when it waits for the next packet.
    }
  }

  sendPacket(...packets: InboundPacket[]): Promise<void> {
    return this.send(this.encode(...packets));
  }

  /** The bytes of packets, to be changed or cut by a test. A CONNECT decides on the version until CONNACK comes. */
  encode(...packets: InboundPacket[]): Uint8Array {
    return concat(...packets.map((packet) => {
      if (packet.type !== PacketType.Connect) return encodeClientPacket(packet, this.#protocolVersion);
      if (this.#inbox.connack === undefined) this.#protocolVersion = packet.protocolVersion;
      return encodeClientPacket(packet, packet.protocolVersion);
    }));
  }

  /** Sends CONNECT and returns the CONNACK, whatever its code. */
  async connect(options: ConnectOptions = {}): Promise<ConnackPacket> {
    await this.sendConnect(options);
    return await this.expect("Connack");
  }

  sendConnect(options: ConnectOptions = {}): Promise<void> {
    return this.sendPacket(connectPacket(options));
  }

  /**
   * Sends PUBLISH and waits until the broker has taken it on or refused it, at QoS 0 with a PINGREQ behind it. Other
   * packets that come meanwhile are kept for later.
   *
   * @returns the reason code of the last answer; 0 at QoS 0 and before 5.0
   */
  async publish(topicName: string, payload: string | Uint8Array = "", flags: PublishFlags = {}): Promise<number> {
    const packetIdentifier = await this.sendPublish(topicName, payload, flags);
    if (flags.qos === 1) return (await this.#inbox.pick("Puback", packetIdentifier)).reasonCode;
    if (flags.qos === 2) {
      const { reasonCode } = await this.#inbox.pick("Pubrec", packetIdentifier);
      if (reasonCode >= 0x80) return reasonCode;
      await this.sendAck("Pubrel", packetIdentifier);
      return (await this.#inbox.pick("Pubcomp", packetIdentifier)).reasonCode;
    }
    await this.sendPacket({ type: PacketType.Pingreq });
    await this.#inbox.pick("Pingresp");
    if (flags.retain) await this.retainedArrived?.();
    return 0;
  }

  /** Sends PUBLISH and returns its packet identifier. */
  async sendPublish(topicName: string, payload: string | Uint8Array = "", flags: PublishFlags = {}): Promise<number> {
    const packet = this.publishPacket(topicName, payload, flags);
    await this.sendPacket(packet);
    return packet.packetIdentifier;
  }

  publishPacket(topicName: string, payload: string | Uint8Array = "", flags: PublishFlags = {}): PublishPacket {
    const { qos = 0, packetIdentifier } = flags;
    const identifier = qos === 0 ? 0 : packetIdentifier ?? this.#nextPacketIdentifier();
    return publishPacket(identifier, topicName, payload, flags);
  }

  /** Subscribes and returns the reason codes of the SUBACK; messages that come before it are kept for later. */
  async subscribe(
    topicFilters: string | FilterOptions | readonly (string | FilterOptions)[],
    options: QoS | SubscribeOptions = 0,
  ): Promise<number[]> {
    const packetIdentifier = this.#nextPacketIdentifier();
    const filters = [topicFilters].flat().map((one) => typeof one === "string" ? { topicFilter: one } : one);
    const general = typeof options === "number" ? { qos: options } : options;
    await this.sendPacket(subscribePacket(packetIdentifier, filters, general));
    return [...(await this.#inbox.pick("Suback", packetIdentifier)).reasonCodes];
  }

  /** Ends subscriptions and returns the reason codes of the UNSUBACK, which are none before 5.0. */
  async unsubscribe(...topicFilters: string[]): Promise<number[]> {
    const packetIdentifier = this.#nextPacketIdentifier();
    await this.sendPacket(unsubscribePacket(packetIdentifier, topicFilters));
    return [...(await this.#inbox.pick("Unsuback", packetIdentifier)).reasonCodes];
  }

  /** Reason code and properties are sent in 5.0 only. */
  sendAck(
    name: Acknowledgement,
    packetIdentifier: number,
    reasonCode = 0,
    properties?: ReasonProperties,
  ): Promise<void> {
    const type = PacketType[name];
    return this.sendPacket({ type, packetIdentifier, reasonCode: reasonCode as ReasonCode, properties });
  }

  sendAuth(reasonCode: number, properties?: AuthPacket["properties"]): Promise<void> {
    return this.sendPacket({ type: PacketType.Auth, reasonCode: reasonCode as ReasonCode, properties });
  }

  /** Says goodbye, and waits until the broker has closed the connection. */
  async disconnect(reasonCode = 0, properties?: DisconnectPacket["properties"]): Promise<void> {
    await this.sendPacket({ type: PacketType.Disconnect, reasonCode: reasonCode as ReasonCode, properties });
    await this.expectClosed();
    this.close();
  }

  /** The next packet, whatever it is. Rejects if the connection was closed or nothing comes. */
  async next(): Promise<OutboundPacket> {
    const packet = await this.#inbox.nextOrEnd();
    if (packet === undefined) throw this.#inbox.fault ?? new Error("next packet: the broker closed the connection");
    return packet;
  }

  /** The next packet, which must be of this kind. */
  expect<Name extends keyof ServerPackets>(name: Name): Promise<ServerPackets[Name]> {
    return this.#inbox.expect(name);
  }

  /** The next packet, which must be this answer, with this reason code if one is given. */
  async expectAck(name: Acknowledgement, packetIdentifier: number, reasonCode?: number): Promise<AckPacket> {
    const packet = await this.expect(name);
    assertEquals(packet.packetIdentifier, packetIdentifier, `packet identifier of ${name}`);
    if (reasonCode !== undefined) assertEquals<number>(packet.reasonCode, reasonCode, `reason code of ${name}`);
    return packet;
  }

  /** The broker says DISCONNECT with this reason code next, and closes the connection. */
  async expectDisconnect(reasonCode: number): Promise<DisconnectPacket> {
    const packet = await this.expect("Disconnect");
    assertEquals<number>(packet.reasonCode, reasonCode, "reason code of DISCONNECT");
    await this.expectClosed();
    return packet;
  }

  /** The next packet, which must be a PUBLISH with what is given; nothing is acknowledged. */
  async expectMessage(expected: Partial<ReceivedMessage> = {}): Promise<ReceivedMessage> {
    const { topicName, payload, qos, retain, dup, packetIdentifier, ...more } = await this.expect("Publish");
    const { properties, topicAlias, subscriptionIdentifiers } = more;
    const message = {
      ...{ topicName, payload: decoder.decode(payload), qos, retain, dup, packetIdentifier },
      ...{ properties, topicAlias, subscriptionIdentifiers },
    };
    assertEquals({ ...message, ...expected }, message);
    return message;
  }

  /** Takes a message as {@linkcode expectMessage} and acknowledges it to the end. */
  async takeMessage(expected: Partial<ReceivedMessage> = {}): Promise<ReceivedMessage> {
    const message = await this.expectMessage(expected);
    if (message.qos === 1) await this.sendAck("Puback", message.packetIdentifier);
    if (message.qos === 2) {
      await this.sendAck("Pubrec", message.packetIdentifier);
      await this.#inbox.pick("Pubrel", message.packetIdentifier);
      await this.sendAck("Pubcomp", message.packetIdentifier);
    }
    return message;
  }

  /** Shows that nothing else is on its way: the answer to a PINGREQ comes next. */
  async expectNothing(): Promise<void> {
    await this.othersArrived?.();
    await this.sendPacket({ type: PacketType.Pingreq });
    await this.expect("Pingresp");
  }

  /** The broker closes the connection, and sends nothing before. */
  expectClosed(): Promise<void> {
    return this.#inbox.expectEnd();
  }

  /** Breaks the connection off as a lost network does, and waits until nothing of it is left here. */
  async close(): Promise<void> {
    try {
      this.#duplex.close();
    } catch {
      // It was closed before.
    }
    await this.#inbox.ended;
  }

  #nextPacketIdentifier(): number {
    return ++this.#lastPacketIdentifier;
  }
}
