import { decodeAck, decodeAuth, decodeDisconnect } from "./decode_ack.ts";
import { decodeConnect } from "./decode_connect.ts";
import { type DecodeLimits, noDecodeLimits } from "./decode_limits.ts";
import { decodePublish, ReceivedPublish } from "./decode_publish.ts";
import { decodeSubscribe, decodeUnsubscribe } from "./decode_subscribe.ts";
import type { Frame } from "./frame_reader.ts";
import {
  type AckPacket,
  type InboundPacket,
  PacketType,
  type PingreqPacket,
  type ProtocolVersion,
  type PublishPacket,
} from "./packets.ts";
import { malformed, protocolError } from "./protocol_error.ts";
import { TopicNames } from "./topic_names.ts";

export { ConnectError } from "./decode_connect.ts";
export { ReceivedPublish } from "./decode_publish.ts";

/** A packet that a client sent; a PUBLISH is still where it was read. */
export type ReceivedPacket = Exclude<InboundPacket, PublishPacket> | ReceivedPublish;

const pingreq: PingreqPacket = { type: PacketType.Pingreq };

/** Reads one packet that a client sent, as {@linkcode receive} does, into a plain object. */
export function decode(frame: Frame, version: ProtocolVersion | undefined): InboundPacket {
  return plain(receive(frame, version, new TopicNames()));
}

/** The packet as a plain object, for hooks. */
export function plain(packet: ReceivedPacket): InboundPacket {
  return packet instanceof ReceivedPublish ? packet.plain() : packet;
}

/**
 * Reads one packet that a client sent.
 *
 * A PUBLISH's body is borrowed from `frame.bytes`; everything else is independent of the frame.
 *
 * @param version the connection's, as its CONNECT told; `undefined` before that, when only CONNECT is taken
 * @param topicNames those that came before
 * @param limits how much of a kind a packet may hold
 * @throws {ConnectError} if CONNECT asks for a level that is not spoken here
 * @throws {ProtocolError} if the client must be cut off: 0x81 for bytes that cannot be read, 0x82 for what is not allowed,
 * 0x84 for a foreign protocol name, 0x94 for topic alias 0, 0x97 for more than `limits` allow
 */
export function receive(
  frame: Frame,
  version: ProtocolVersion | undefined,
  topicNames: TopicNames,
  limits: DecodeLimits = noDecodeLimits,
): ReceivedPacket {
  if (version === undefined) return receiveFirst(frame, limits);
  const type = frame.firstByte >> 4;
  if (type === PacketType.Publish) return decodePublish(frame, version, topicNames, limits);
  if (isAck(type)) return decodeAck(frame, type, version, limits);
  return receiveSeldom(frame, version, limits);
}

function isAck(type: number): type is AckPacket["type"] {
  return type >= PacketType.Puback && type <= PacketType.Pubcomp;
}

function receiveFirst(frame: Frame, limits: DecodeLimits): ReceivedPacket {
  const type = frame.firstByte >> 4;
  // [MQTT-3.1.0-1] 3.1.1 and 5.0
  if (type !== PacketType.Connect) throw protocolError(`first packet must be CONNECT: got packet type ${type}`);
  return decodeConnect(frame, limits);
}

/** Apart from what comes often, so that the engine keeps the way of that short. */
function receiveSeldom(frame: Frame, version: ProtocolVersion, limits: DecodeLimits): ReceivedPacket {
  const type = frame.firstByte >> 4;
  switch (type) {
    case PacketType.Pingreq:
      if (frame.start !== frame.end) throw malformed("PINGREQ must have no body");
      return pingreq;
    case PacketType.Subscribe:
      return decodeSubscribe(frame, version, limits);
    case PacketType.Unsubscribe:
      return decodeUnsubscribe(frame, version, limits);
    case PacketType.Disconnect:
      return decodeDisconnect(frame, version, limits);
    case PacketType.Auth:
      return decodeAuth(frame, version, limits);
    case PacketType.Connect:
      // [MQTT-3.1.0-2] 3.1.1 and 5.0
      throw protocolError("CONNECT must be sent once: got a second one");
    default:
      throw protocolError(`packet must be one that a client may send: got packet type ${type}`);
  }
}
