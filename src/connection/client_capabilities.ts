/** What a client takes, and what is left of a packet for it. */
import type { Message } from "../message.ts";
import { encodedSizeBytes } from "../packet/encode.ts";
import { type ConnectPacket, type OutboundPacket, PacketType, type ProtocolVersion } from "../packet/packets.ts";
import { ProtocolError } from "../packet/protocol_error.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { Shown } from "./client_view.ts";

/** What a client has said about what it takes. */
export type ClientCapabilities = Pick<
  ConnectPacket,
  "protocolVersion" | "receiveMaximum" | "maximumPacketSizeBytes" | "requestProblemInformation"
>;

/** What clients take that have not said anything else, by their version. */
export const UNSAID: Readonly<Record<ProtocolVersion, ClientCapabilities>> = {
  3: unsaid(3),
  4: unsaid(4),
  5: unsaid(5),
};

function unsaid(protocolVersion: ProtocolVersion): ClientCapabilities {
  return { protocolVersion, receiveMaximum: 65_535, requestProblemInformation: true };
}

/** What a message of this size takes as a packet is within what the format can tell. */
const SURELY_FITS_BYTES = 200_000_000;

/**
 * Leaves out what a client of 5.0 does not want to read or has no room for.
 *
 * @returns `undefined` if even the rest is too large
 * @throws {ProtocolError} 0x95 if that is an answer that the client waits for
 */
export function fit(packet: OutboundPacket, takes: ClientCapabilities): OutboundPacket | undefined {
  const { maximumPacketSizeBytes = Infinity, requestProblemInformation } = takes;
  const told = packet.type === PacketType.Connack || packet.type === PacketType.Disconnect;
  // [MQTT-3.1.2-29] 5.0
  const fitting = requestProblemInformation || told ? packet : withoutReason(packet);
  if (maximumPacketSizeBytes === Infinity || encodedSizeBytes(fitting, 5) <= maximumPacketSizeBytes) return fitting;
  // [MQTT-3.2.2-19], [MQTT-3.4.2-2], [MQTT-3.14.2-3] 5.0 and their like
  const bare = withoutReason(packet);
  if (encodedSizeBytes(bare, 5) <= maximumPacketSizeBytes) return bare;
  // A client that waits for this answer would wait for ever.
  if (isAwaited(packet)) {
    const reason = `an answer is larger than the ${maximumPacketSizeBytes} bytes that the client takes`;
    throw new ProtocolError(ReasonCode.PacketTooLarge, reason);
  }
  return undefined;
}

function isAwaited({ type }: OutboundPacket): boolean {
  return type === PacketType.Suback || type === PacketType.Unsuback || type === PacketType.Auth;
}

/** The packet without reason string and user properties. */
function withoutReason(packet: OutboundPacket): OutboundPacket {
  if (!("properties" in packet) || packet.type === PacketType.Publish || packet.properties === undefined) return packet;
  return {
    ...packet,
    properties: { ...packet.properties, reasonString: undefined, userProperties: undefined },
  } as typeof packet;
}

/** Whether it cannot be too large for any packet at all. */
export function surelyFits(message: Message, shown: Shown): boolean {
  if (shown === message) return message.sizeBytes < SURELY_FITS_BYTES;
  return shown.body.propertiesSizeBytes + shown.body.payloadLength < SURELY_FITS_BYTES;
}

/** Fixed header, packet identifier, expiry interval and alias, and the lengths of topic and properties. */
const AROUND_BYTES = 5 + 2 + 5 + 3 + 2 + 4;
/** The most that one UTF-16 code unit takes as UTF-8. */
const CODE_UNIT_BYTES = 3;

/** What it takes at most as a packet without subscription identifiers; `Infinity`: that has to be looked at closely. */
export function atMostBytes({ topicName, body, extraProperties }: Shown): number {
  const bytes = AROUND_BYTES + CODE_UNIT_BYTES * topicName.length + body.propertiesSizeBytes + body.payloadLength +
    (extraProperties?.length ?? 0);
  return bytes < SURELY_FITS_BYTES ? bytes : Infinity;
}
