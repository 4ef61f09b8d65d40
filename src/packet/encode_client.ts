/** What only a client sends, for bridges: the rest is what the broker sends too, in `encode.ts`. */
import { OutputBuffer } from "./output_buffer.ts";
import {
  type ConnectPacket,
  PacketType,
  type ProtocolVersion,
  type SubscribePacket,
  type UnsubscribePacket,
} from "./packets.ts";
import { writeProperties } from "./property_codec.ts";
import type { ReasonCode } from "./reason_code.ts";

/**
 * Appends a CONNECT in its own version (MQTT 3.1.1 §3.1, MQTT 5.0 §3.1); with `isBridge` the level has the bit by which
 * bridges of 3.x tell of themselves.
 *
 * @throws {RangeError} if a text or binary value is longer than the format can tell; nothing is appended
 */
export function encodeConnect(out: OutputBuffer, packet: ConnectPacket): void {
  const { protocolVersion, will, username, password } = packet;
  const body = new OutputBuffer();
  body.string(protocolVersion === 3 ? "MQIsdp" : "MQTT");
  body.u8(protocolVersion | (packet.isBridge ? 0x80 : 0));
  const willFlags = will ? 0x04 | will.qos << 3 | (will.retain ? 0x20 : 0) : 0;
  const nameFlags = (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
  body.u8((packet.cleanStart ? 0x02 : 0) | willFlags | nameFlags);
  body.u16(packet.keepAliveSeconds);
  if (protocolVersion === 5) writeProperties(body, PacketType.Connect, packet);
  body.string(packet.clientIdentifier);
  if (will) {
    const { properties, delayIntervalSeconds } = will;
    if (protocolVersion === 5) writeProperties(body, "will", { ...properties, delayIntervalSeconds });
    body.string(will.topicName);
    body.binary(will.payload);
  }
  if (username !== undefined) body.string(username);
  if (password !== undefined) body.binary(password);
  writePacket(out, PacketType.Connect << 4, body);
}

/**
 * Appends a SUBSCRIBE (MQTT 5.0 §3.8); before 5.0 QoS is all that is asked for.
 *
 * @throws {RangeError} if a topic filter or property is longer than the format can tell; nothing is appended
 */
export function encodeSubscribe(out: OutputBuffer, packet: SubscribePacket, version: ProtocolVersion): void {
  const body = new OutputBuffer();
  body.u16(packet.packetIdentifier);
  if (version === 5) writeProperties(body, PacketType.Subscribe, packet);
  for (const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    body.string(topicFilter);
    const options = (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | retainHandling << 4;
    body.u8(version === 5 ? qos | options : qos);
  }
  writePacket(out, PacketType.Subscribe << 4 | 2, body);
}

/**
 * Appends an UNSUBSCRIBE (MQTT 5.0 §3.10).
 *
 * @throws {RangeError} if a topic filter or property is longer than the format can tell; nothing is appended
 */
export function encodeUnsubscribe(out: OutputBuffer, packet: UnsubscribePacket, version: ProtocolVersion): void {
  const body = new OutputBuffer();
  body.u16(packet.packetIdentifier);
  if (version === 5) writeProperties(body, PacketType.Unsubscribe, packet);
  for (const topicFilter of packet.topicFilters) body.string(topicFilter);
  writePacket(out, PacketType.Unsubscribe << 4 | 2, body);
}

/** Appends a PINGREQ (MQTT 5.0 §3.12). */
export function encodePingreq(out: OutputBuffer): void {
  out.u16(PacketType.Pingreq << 12);
}

/** Appends a DISCONNECT (MQTT 5.0 §3.14); before 5.0 it gives no reason. */
export function encodeGoodbye(out: OutputBuffer, reasonCode: ReasonCode, version: ProtocolVersion): void {
  if (version !== 5 || reasonCode === 0) return out.u16(PacketType.Disconnect << 12);
  out.u16(PacketType.Disconnect << 12 | 1);
  out.u8(reasonCode);
}

function writePacket(out: OutputBuffer, firstByte: number, body: OutputBuffer): void {
  out.u8(firstByte);
  out.variableByteInteger(body.length);
  out.set(body.take());
}
