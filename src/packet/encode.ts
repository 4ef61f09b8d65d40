import { encodePublish, MAX_REMAINING_LENGTH_BYTES, publishSizeBytes } from "./encode_publish.ts";
import { OutputBuffer } from "./output_buffer.ts";
import {
  type AckPacket,
  type AuthPacket,
  type ConnackPacket,
  type DisconnectPacket,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type ReasonProperties,
  type SubackPacket,
  type UnsubackPacket,
} from "./packets.ts";
import { propertyBytes, writeProperties } from "./property_codec.ts";
import { ReasonCode } from "./reason_code.ts";
import { connectReturnCode, subscribeReturnCode } from "./return_code.ts";

export {
  copySizeBytes,
  encodeCopy,
  encodePublish,
  type PublishCopy,
  type PublishFields,
  publishFirstByte,
  publishSizeBytes,
} from "./encode_publish.ts";

/**
 * Appends a packet in the form of `version`. What a version has no word for is left out: properties, reason codes of
 * acknowledgements; the others become return codes (see `return_code.ts`).
 *
 * @returns false if the version has no such packet, and nothing was appended: DISCONNECT and AUTH before 5.0
 * @throws {RangeError} if a text, binary value or the whole is longer than the format can tell; nothing is appended
 */
export function encode(out: OutputBuffer, packet: OutboundPacket, version: ProtocolVersion): boolean {
  switch (packet.type) {
    case PacketType.Publish:
      encodePublish(out, packet, version);
      return true;
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      encodeAck(out, packet.type, packet.packetIdentifier, packet.reasonCode, version, packet.properties);
      return true;
    case PacketType.Pingresp:
      out.u16(PacketType.Pingresp << 12);
      return true;
    case PacketType.Connack:
      encodeConnack(out, packet, version);
      return true;
    case PacketType.Suback:
      encodeSuback(out, packet, version);
      return true;
    case PacketType.Unsuback:
      encodeUnsuback(out, packet, version);
      return true;
    case PacketType.Disconnect:
    case PacketType.Auth:
      if (version === 5) encodeReason(out, packet);
      return version === 5;
  }
}

/**
 * How many bytes {@linkcode encode} would append, to be held against the client's maximum packet size.
 *
 * @throws {RangeError} as {@linkcode encode}
 */
export function encodedSizeBytes(packet: OutboundPacket, version: ProtocolVersion): number {
  if (packet.type === PacketType.Publish) return publishSizeBytes(packet, version);
  const out = new OutputBuffer();
  encode(out, packet, version);
  return out.size;
}

/**
 * Appends a PUBACK, PUBREC, PUBREL or PUBCOMP. Reason code and properties are written in 5.0 only, and there only if
 * they say something (MQTT 5.0 §3.4.2).
 *
 * @throws {RangeError} if a property is longer than the format can tell; nothing is appended
 */
export function encodeAck(
  out: OutputBuffer,
  type: AckPacket["type"],
  packetIdentifier: number,
  reasonCode: ReasonCode,
  version: ProtocolVersion,
  properties?: ReasonProperties,
): void {
  const firstByte = type === PacketType.Pubrel ? type << 4 | 2 : type << 4;
  if (version === 5 && properties !== undefined) {
    return encodeLongAck(out, firstByte, { type, packetIdentifier, reasonCode, properties });
  }
  const withReasonCode = version === 5 && reasonCode !== ReasonCode.Success;
  out.reserve(5);
  const { bytes, length } = out;
  bytes[length] = firstByte;
  bytes[length + 1] = withReasonCode ? 3 : 2;
  bytes[length + 2] = packetIdentifier >>> 8;
  bytes[length + 3] = packetIdentifier;
  // Where there is none, what comes next takes its place.
  bytes[length + 4] = reasonCode;
  out.length = length + (withReasonCode ? 5 : 4);
}

function encodeLongAck(out: OutputBuffer, firstByte: number, packet: AckPacket): void {
  const body = new OutputBuffer();
  body.u16(packet.packetIdentifier);
  const properties = propertyBytes(packet.type, packet.properties);
  if (packet.reasonCode !== ReasonCode.Success || properties.length > 0) body.u8(packet.reasonCode);
  if (properties.length > 0) {
    body.variableByteInteger(properties.length);
    body.set(properties);
  }
  writePacket(out, firstByte, body);
}

function encodeConnack(out: OutputBuffer, packet: ConnackPacket, version: ProtocolVersion): void {
  // [MQTT-3.2.2-4] 3.1.1, [MQTT-3.2.2-6] 5.0; 3.1 has the bit reserved.
  const sessionPresent = packet.sessionPresent && packet.reasonCode === ReasonCode.Success && version !== 3;
  const body = new OutputBuffer();
  body.u8(sessionPresent ? 1 : 0);
  body.u8(version === 5 ? packet.reasonCode : connectReturnCode(packet.reasonCode));
  if (version === 5) writeProperties(body, PacketType.Connack, packet.properties);
  writePacket(out, PacketType.Connack << 4, body);
}

function encodeSuback(out: OutputBuffer, packet: SubackPacket, version: ProtocolVersion): void {
  const body = new OutputBuffer();
  body.u16(packet.packetIdentifier);
  if (version === 5) writeProperties(body, PacketType.Suback, packet.properties);
  for (const code of packet.reasonCodes) body.u8(version === 5 ? code : subscribeReturnCode(code, version));
  writePacket(out, PacketType.Suback << 4, body);
}

function encodeUnsuback(out: OutputBuffer, packet: UnsubackPacket, version: ProtocolVersion): void {
  const body = new OutputBuffer();
  body.u16(packet.packetIdentifier);
  if (version === 5) {
    writeProperties(body, PacketType.Unsuback, packet.properties);
    for (const code of packet.reasonCodes) body.u8(code);
  }
  writePacket(out, PacketType.Unsuback << 4, body);
}

/** DISCONNECT or AUTH; a body that says nothing is left out (MQTT 5.0 §3.14.2.1, §3.15.2.1). */
function encodeReason(out: OutputBuffer, packet: DisconnectPacket | AuthPacket): void {
  const body = new OutputBuffer();
  const properties = propertyBytes(packet.type, packet.properties);
  if (packet.reasonCode !== ReasonCode.Success || properties.length > 0) body.u8(packet.reasonCode);
  if (properties.length > 0) {
    body.variableByteInteger(properties.length);
    body.set(properties);
  }
  writePacket(out, packet.type << 4, body);
}

function writePacket(out: OutputBuffer, firstByte: number, body: OutputBuffer): void {
  if (body.length > MAX_REMAINING_LENGTH_BYTES) {
    throw new RangeError(`packet must have at most ${MAX_REMAINING_LENGTH_BYTES} bytes: got ${body.length}`);
  }
  out.u8(firstByte);
  out.variableByteInteger(body.length);
  out.set(body.take());
}
