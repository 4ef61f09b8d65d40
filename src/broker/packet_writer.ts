import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { DropReason } from "../message.ts";
import { encode, encodeAck, encodedSizeBytes, encodePublish, publishSizeBytes } from "../packet/encode.ts";
import {
  type AckPacket,
  type ConnectPacket,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type ReasonProperties,
} from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { Delivery } from "../session/delivery.ts";
import type { OutboundLink } from "../session/sender.ts";
import { OutboundTopicAliases } from "../session/topic_aliases.ts";
import type { Core } from "./core.ts";
import type { Outbox } from "./outbox.ts";

/** What a client has said about what it takes. */
export type ClientCapabilities = Pick<
  ConnectPacket,
  "protocolVersion" | "receiveMaximum" | "maximumPacketSizeBytes" | "topicAliasMaximum" | "requestProblemInformation"
>;

/** Before CONNECT nothing is known but that somebody is there. */
const UNKNOWN: ClientCapabilities = {
  protocolVersion: 4,
  receiveMaximum: 65_535,
  topicAliasMaximum: 0,
  requestProblemInformation: true,
};

/** Bytes that a topic alias adds to a PUBLISH: itself, and one more in each of two lengths. */
const ALIAS_BYTES = 5;

/** Writes packets for one client, in its version and within what it takes, into its outbox. */
export class PacketWriter implements OutboundLink {
  readonly #core: Core;
  readonly #outbox: Outbox;
  readonly #client: () => ClientSnapshot | undefined;
  #takes = UNKNOWN;
  #aliases: OutboundTopicAliases | undefined;

  /** @param client who it is; `undefined` until it is signed in */
  constructor(core: Core, outbox: Outbox, client: () => ClientSnapshot | undefined) {
    this.#core = core;
    this.#outbox = outbox;
    this.#client = client;
  }

  get version(): ProtocolVersion {
    return this.#takes.protocolVersion;
  }

  /** The rest of what a version other than 5.0 says in CONNECT is its defaults. */
  speak(protocolVersion: ProtocolVersion): void {
    this.#takes = { ...UNKNOWN, protocolVersion };
  }

  /**
   * CONNECT has come.
   *
   * @param topicAliasMaximum highest alias that the broker uses, however many the client takes
   */
  agree(takes: ClientCapabilities, topicAliasMaximum: number): void {
    this.#takes = takes;
    const aliases = Math.min(takes.topicAliasMaximum, topicAliasMaximum);
    this.#aliases = aliases > 0 ? new OutboundTopicAliases(aliases) : undefined;
  }

  /** Appends a packet, unless the version has none such or the client does not take one so large. */
  send(packet: OutboundPacket): void {
    const fitting = this.version === 5 ? this.#fit(packet) : packet;
    if (!fitting || !encode(this.#outbox.open(), fitting, this.version)) return;
    this.#core.statistics.packetsSent++;
    this.#core.hooks.packetSent?.(this.#client(), fitting);
  }

  /** Appends an acknowledgement. */
  acknowledge(
    type: AckPacket["type"],
    packetIdentifier: number,
    reasonCode: ReasonCode = ReasonCode.Success,
    properties?: ReasonProperties,
  ): void {
    if (properties && this.version === 5) return this.send({ type, packetIdentifier, reasonCode, properties });
    encodeAck(this.#outbox.open(), type, packetIdentifier, reasonCode, this.version);
    this.#core.statistics.packetsSent++;
    this.#core.hooks.packetSent?.(this.#client(), { type, packetIdentifier, reasonCode });
  }

  get congested(): boolean {
    return this.#outbox.congested;
  }

  get receiveMaximum(): number {
    return this.#takes.receiveMaximum;
  }

  refusal(delivery: Delivery): DropReason | undefined {
    const { message } = delivery;
    if (message.expiresAtMs !== undefined && message.isExpired(this.#core.clock.now())) return "message-expired";
    const { maximumPacketSizeBytes } = this.#takes;
    if (maximumPacketSizeBytes !== undefined && this.#publishSize(delivery) > maximumPacketSizeBytes) {
      // [MQTT-3.1.2-25] 5.0
      return "maximum-packet-size";
    }
    const { authorizeReceive } = this.#core.hooks;
    if (!authorizeReceive) return undefined;
    const client = this.#client();
    return client && authorizeReceive(client, message.snapshot()) ? undefined : "receive-denied";
  }

  sendPublish(delivery: Delivery, packetIdentifier: number, dup: boolean): void {
    const { message, qos, retain, subscriptionIdentifiers } = delivery;
    const { topicName, payload } = message;
    const properties = this.#propertiesNow(delivery);
    const alias = this.#aliases && this.#aliasFor(delivery);
    const fields = {
      topicName: alias === undefined || alias.isNew ? topicName : "" as const,
      topicAlias: alias?.alias,
      payload,
      qos,
      retain,
      dup,
      packetIdentifier,
      properties,
      subscriptionIdentifiers,
      prepared: properties && message.prepared,
    };
    encodePublish(this.#outbox.open(), fields, this.version);
    this.#core.statistics.packetsSent++;
    this.#core.statistics.publishesSent++;
    this.#core.hooks.packetSent?.(this.#client(), { type: PacketType.Publish, ...fields });
  }

  sendPubrel(packetIdentifier: number): void {
    this.acknowledge(PacketType.Pubrel, packetIdentifier);
  }

  /** The message's properties with the time that it has left ([MQTT-3.3.2-6] 5.0). */
  #propertiesNow({ message }: Delivery) {
    const { properties, expiresAtMs } = message;
    if (expiresAtMs === undefined) return properties;
    // The clock has fractions of a millisecond, which must not become a second.
    const leftSeconds = Math.max(0, Math.ceil(Math.round(expiresAtMs - this.#core.clock.now()) / 1000));
    return { ...properties, messageExpiryIntervalSeconds: leftSeconds };
  }

  #aliasFor(delivery: Delivery) {
    const { maximumPacketSizeBytes } = this.#takes;
    // [MQTT-3.1.2-24] 5.0: a name and a new alias together must not be too large either.
    if (maximumPacketSizeBytes !== undefined && this.#publishSize(delivery) + ALIAS_BYTES > maximumPacketSizeBytes) {
      return;
    }
    return this.#aliases?.choose(delivery.message.topicName);
  }

  #publishSize({ message, qos, subscriptionIdentifiers }: Delivery): number {
    const { topicName, payload, properties } = message;
    const prepared = properties && message.prepared;
    const fields = { topicName, payload, properties, prepared, qos, subscriptionIdentifiers };
    return publishSizeBytes({ ...fields, retain: false, dup: false, packetIdentifier: 0 }, this.version);
  }

  /** Leaves out what the client does not want to read or has no room for; `undefined`: even the rest is too large. */
  #fit(packet: OutboundPacket): OutboundPacket | undefined {
    const { maximumPacketSizeBytes = Infinity, requestProblemInformation } = this.#takes;
    const told = packet.type === PacketType.Connack || packet.type === PacketType.Disconnect;
    // [MQTT-3.1.2-29] 5.0
    const fitting = requestProblemInformation || told ? packet : withoutReason(packet);
    if (maximumPacketSizeBytes === Infinity || encodedSizeBytes(fitting, 5) <= maximumPacketSizeBytes) return fitting;
    // [MQTT-3.2.2-19], [MQTT-3.4.2-2], [MQTT-3.14.2-3] 5.0 and their like
    const bare = withoutReason(packet);
    if (encodedSizeBytes(bare, 5) <= maximumPacketSizeBytes) return bare;
    this.#core.logger.debug(
      `packet of type ${packet.type} is not sent: it is larger than the ${maximumPacketSizeBytes} bytes the client takes`,
    );
    return undefined;
  }
}

/** The packet without reason string and user properties. */
function withoutReason(packet: OutboundPacket): OutboundPacket {
  if (!("properties" in packet) || packet.type === PacketType.Publish || packet.properties === undefined) return packet;
  return {
    ...packet,
    properties: { ...packet.properties, reasonString: undefined, userProperties: undefined },
  } as typeof packet;
}
