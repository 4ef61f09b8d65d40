import { asciiText, ByteReader, decodeText } from "./byte_reader.ts";
import type { Frame } from "./frame_reader.ts";
import { packetIdentifierAt } from "./packet_identifier.ts";
import { PacketType, type ProtocolVersion, type PublishPacket, type QoS } from "./packets.ts";
import { readProperties } from "./property_codec.ts";
import { malformed, protocolError } from "./protocol_error.ts";
import type { TopicName } from "./topic.ts";
import { topicNameField } from "./topic_field.ts";

/**
 * Reads a PUBLISH. Its payload is a view into the frame's bytes.
 *
 * @throws {ProtocolError} 0x81 or 0x82 as MQTT 5.0 §3.3 tells them apart, 0x94 for topic alias 0
 */
export function decodePublish(frame: Frame, version: ProtocolVersion): PublishPacket {
  const { bytes, firstByte, start, end } = frame;
  if (end - start < 2) throw malformed(`PUBLISH: topic name's length must have 2 bytes: got ${end - start}`);
  const nameStart = start + 2;
  const nameEnd = nameStart + (bytes[start]! << 8 | bytes[start + 1]!);
  if (nameEnd > end) {
    throw malformed(`PUBLISH: topic name must have ${nameEnd - nameStart} bytes: got ${end - nameStart}`);
  }
  const topicName = decodeTopicName(bytes, nameStart, nameEnd, version);
  const qos = (firstByte >> 1 & 3) as QoS;
  const packetIdentifier = qos === 0 ? 0 : packetIdentifierAt(bytes, nameEnd, end, "PUBLISH");
  const restStart = qos === 0 ? nameEnd : nameEnd + 2;
  if (version === 5 && bytes[restStart] !== 0) return decodePublish5(frame, restStart, topicName, packetIdentifier);
  if (version === 5) checkNamed(topicName, undefined);
  return {
    type: PacketType.Publish,
    dup: (firstByte & 8) !== 0,
    qos,
    retain: (firstByte & 1) !== 0,
    topicName,
    packetIdentifier,
    payload: payloadAt(bytes, version === 5 ? restStart + 1 : restStart, end),
  };
}

/** A PUBLISH that has properties. */
function decodePublish5(
  frame: Frame,
  propertiesStart: number,
  topicName: TopicName | "",
  packetIdentifier: number,
): PublishPacket {
  const { bytes, firstByte, end } = frame;
  const reader = new ByteReader(bytes, propertiesStart, end, "PUBLISH");
  const { topicAlias, ...properties } = readProperties(reader, PacketType.Publish);
  checkNamed(topicName, topicAlias);
  return {
    type: PacketType.Publish,
    dup: (firstByte & 8) !== 0,
    qos: (firstByte >> 1 & 3) as QoS,
    retain: (firstByte & 1) !== 0,
    topicName,
    packetIdentifier,
    payload: payloadAt(bytes, end - reader.remaining, end),
    ...Object.keys(properties).length > 0 && { properties },
    ...topicAlias !== undefined && { topicAlias },
  };
}

function payloadAt(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start > end) throw malformed("PUBLISH: property length is missing");
  return bytes.subarray(start, end);
}

/** MQTT 5.0 §3.3.2.1: a name may be empty only if an alias stands for it. */
function checkNamed(topicName: string, topicAlias: number | undefined): void {
  if (topicName === "" && topicAlias === undefined) {
    throw protocolError("PUBLISH: topic name must not be empty without a topic alias");
  }
}

/** One pass over the bytes finds whatever `parseTopicName` would refuse, as long as they are ASCII. */
function decodeTopicName(bytes: Uint8Array, start: number, end: number, version: ProtocolVersion): TopicName | "" {
  if (start === end && version === 5) return "";
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x80 || byte === HASH || byte === PLUS || byte === 0) return unusualTopicName(bytes, start, end);
  }
  return start === end ? unusualTopicName(bytes, start, end) : asciiText(bytes, start, end) as TopicName;
}

const HASH = 0x23;
const PLUS = 0x2b;

function unusualTopicName(bytes: Uint8Array, start: number, end: number): TopicName {
  return topicNameField(decodeText(bytes, start, end, "PUBLISH: topic name"), "PUBLISH");
}
