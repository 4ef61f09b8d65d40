/** What a server sends, read by a bridge. */
import { ByteReader } from "./byte_reader.ts";
import { decodeAck } from "./decode_ack.ts";
import type { DecodeLimits } from "./decode_limits.ts";
import { decodePublish, type ReceivedPublish } from "./decode_publish.ts";
import type { Frame } from "./frame_reader.ts";
import { packetIdentifierAt } from "./packet_identifier.ts";
import {
  type AckPacket,
  type ConnackPacket,
  type ConnackProperties,
  type DisconnectPacket,
  PacketType,
  type PingrespPacket,
  type ProtocolVersion,
  type SubackPacket,
  type UnsubackPacket,
} from "./packets.ts";
import { readProperties } from "./property_codec.ts";
import { malformed, protocolError } from "./protocol_error.ts";
import { ReasonCode } from "./reason_code.ts";
import type { TopicNames } from "./topic_names.ts";

/** A packet that a server sent; a PUBLISH is still where it was read. */
export type ServerPacket =
  | ConnackPacket
  | ReceivedPublish
  | AckPacket
  | SubackPacket
  | UnsubackPacket
  | PingrespPacket
  | DisconnectPacket;

/** A server is bounded by the size of its packets alone. */
const limits: DecodeLimits = { maxFiltersPerPacket: Infinity, maxUserProperties: Infinity, sender: "server" };

const pingresp: PingrespPacket = { type: PacketType.Pingresp };

/**
 * Reads one packet that a server sent. A PUBLISH's body is borrowed from `frame.bytes`; everything else is independent of
 * the frame. Return codes of 3.x become reason codes.
 *
 * @param version that of the CONNECT
 * @param topicNames those that came before
 * @throws {ProtocolError} 0x81 for bytes that cannot be read, 0x82 for what a server must not send
 */
export function receiveFromServer(frame: Frame, version: ProtocolVersion, topicNames: TopicNames): ServerPacket {
  const type = frame.firstByte >> 4;
  switch (type) {
    case PacketType.Connack:
      return decodeConnack(frame, version);
    case PacketType.Publish:
      return decodePublish(frame, version, topicNames, limits);
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return decodeAck(frame, type, version, limits);
    case PacketType.Suback:
    case PacketType.Unsuback:
      return decodeSubscribed(frame, type, version);
    case PacketType.Pingresp:
      if (frame.start !== frame.end) throw malformed("PINGRESP must have no body");
      return pingresp;
    case PacketType.Disconnect:
      return decodeDisconnect(frame, version);
    default:
      throw protocolError(`packet must be one that a server may send: got packet type ${type}`);
  }
}

const returnCodes: Readonly<Record<number, ReasonCode>> = {
  0: ReasonCode.Success,
  1: ReasonCode.UnsupportedProtocolVersion,
  2: ReasonCode.ClientIdentifierNotValid,
  3: ReasonCode.ServerUnavailable,
  4: ReasonCode.BadUserNameOrPassword,
  5: ReasonCode.NotAuthorized,
};

/** A server that does not speak the version answers in the form of one that it does (MQTT 5.0 §3.1.2.2). */
function decodeConnack(frame: Frame, version: ProtocolVersion): ConnackPacket {
  const reader = new ByteReader(frame.bytes, frame.start, frame.end, "CONNACK");
  const flags = reader.u8("flags");
  if (flags > 1) throw malformed(`CONNACK: flags must be 0 or 1: got ${flags}`);
  const code = reader.u8("reason code");
  const properties = version === 5 && reader.remaining > 0
    ? readProperties(reader, PacketType.Connack, limits) as ConnackProperties
    : undefined;
  reader.finish();
  const isReturnCode = version !== 5 || code < ReasonCode.UnspecifiedError;
  const reasonCode = isReturnCode ? returnCodes[code] ?? ReasonCode.UnspecifiedError : code as ReasonCode;
  return { type: PacketType.Connack, sessionPresent: flags === 1, reasonCode, properties };
}

function decodeSubscribed(
  frame: Frame,
  type: typeof PacketType.Suback | typeof PacketType.Unsuback,
  version: ProtocolVersion,
): SubackPacket | UnsubackPacket {
  const what = type === PacketType.Suback ? "SUBACK" : "UNSUBACK";
  const packetIdentifier = packetIdentifierAt(frame.bytes, frame.start, frame.end, what);
  const reader = new ByteReader(frame.bytes, frame.start + 2, frame.end, what);
  const properties = version === 5 ? readProperties(reader, type, limits) : undefined;
  const reasonCodes = Array.from({ length: reader.remaining }, () => reader.u8("reason code") as ReasonCode);
  return { type, packetIdentifier, reasonCodes, properties };
}

function decodeDisconnect(frame: Frame, version: ProtocolVersion): DisconnectPacket {
  const type = PacketType.Disconnect;
  if (version !== 5) throw protocolError("DISCONNECT must not be sent by a server before 5.0");
  if (frame.start === frame.end) return { type, reasonCode: ReasonCode.Success };
  const reader = new ByteReader(frame.bytes, frame.start, frame.end, "DISCONNECT");
  const reasonCode = reader.u8("reason code") as ReasonCode;
  const properties = reader.remaining > 0 ? readProperties(reader, type, limits) : undefined;
  reader.finish();
  return { type, reasonCode, properties };
}
