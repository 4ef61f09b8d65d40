import { ByteReader } from "./byte_reader.ts";
import type { Frame } from "./frame_reader.ts";
import { parseSubscribe, parseUnsubscribe } from "./mqtt_packet.ts";
import { packetIdentifierAt } from "./packet_identifier.ts";
import {
  PacketType,
  type ProtocolVersion,
  type QoS,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from "./packets.ts";
import { readProperties } from "./property_codec.ts";
import { malformed, protocolError } from "./protocol_error.ts";
import type { TopicFilter } from "./topic.ts";
import { topicFilterField } from "./topic_field.ts";

/**
 * Reads a SUBSCRIBE.
 *
 * @throws {ProtocolError} 0x81 if it cannot be read, 0x82 if it has no topic filter or asks for what does not exist
 */
export function decodeSubscribe(frame: Frame, version: ProtocolVersion): SubscribePacket {
  const packetIdentifier = packetIdentifierAt(frame.bytes, frame.start, frame.end, "SUBSCRIBE");
  const packet = version === 5 ? readSubscribe5(frame, packetIdentifier) : subscribe3(frame, packetIdentifier);
  // [MQTT-3.8.3-3] 3.1.1, [MQTT-3.8.3-2] 5.0
  if (packet.subscriptions.length === 0) throw protocolError("SUBSCRIBE must have at least one topic filter");
  return packet;
}

/**
 * Reads an UNSUBSCRIBE.
 *
 * @throws {ProtocolError} 0x81 if it cannot be read, 0x82 if it has no topic filter
 */
export function decodeUnsubscribe(frame: Frame, version: ProtocolVersion): UnsubscribePacket {
  const packetIdentifier = packetIdentifierAt(frame.bytes, frame.start, frame.end, "UNSUBSCRIBE");
  const packet = version === 5 ? readUnsubscribe5(frame, packetIdentifier) : unsubscribe3(frame, packetIdentifier);
  // [MQTT-3.10.3-2] 3.1.1 and 5.0
  if (packet.topicFilters.length === 0) throw protocolError("UNSUBSCRIBE must have at least one topic filter");
  return packet;
}

function subscribe3(frame: Frame, packetIdentifier: number): SubscribePacket {
  const { subscriptions } = parseSubscribe(frame.bytes.subarray(frame.start, frame.end));
  return {
    type: PacketType.Subscribe,
    packetIdentifier,
    subscriptions: subscriptions.map(({ topicFilter, qos }) => ({
      topicFilter: topicFilterField(topicFilter, "SUBSCRIBE"),
      qos,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    })),
  };
}

function unsubscribe3(frame: Frame, packetIdentifier: number): UnsubscribePacket {
  const { topicFilters } = parseUnsubscribe(frame.bytes.subarray(frame.start, frame.end));
  return {
    type: PacketType.Unsubscribe,
    packetIdentifier,
    topicFilters: topicFilters.map((text) => topicFilterField(text, "UNSUBSCRIBE")),
  };
}

function readSubscribe5(frame: Frame, packetIdentifier: number): SubscribePacket {
  const reader = new ByteReader(frame.bytes, frame.start + 2, frame.end, "SUBSCRIBE");
  const properties = readProperties(reader, PacketType.Subscribe);
  const subscriptions: SubscriptionRequest[] = [];
  while (reader.remaining > 0) {
    const topicFilter = topicFilterField(reader.string("topic filter"), "SUBSCRIBE");
    subscriptions.push({ topicFilter, ...readOptions(reader) });
  }
  return { type: PacketType.Subscribe, packetIdentifier, subscriptions, ...properties };
}

/** Subscription Options (MQTT 5.0 §3.8.3.1). */
function readOptions(reader: ByteReader): Omit<SubscriptionRequest, "topicFilter"> {
  const options = reader.u8("subscription options");
  // [MQTT-3.8.3-5] 5.0
  if ((options & 0xc0) !== 0) throw malformed("SUBSCRIBE: reserved bits of the subscription options must be 0");
  const qos = options & 3;
  if (qos === 3) throw protocolError("SUBSCRIBE: maximum QoS must be 0 to 2: got 3");
  const retainHandling = options >> 4 & 3;
  if (retainHandling === 3) throw protocolError("SUBSCRIBE: retain handling must be 0 to 2: got 3");
  return {
    qos: qos as QoS,
    noLocal: (options & 4) !== 0,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

function readUnsubscribe5(frame: Frame, packetIdentifier: number): UnsubscribePacket {
  const reader = new ByteReader(frame.bytes, frame.start + 2, frame.end, "UNSUBSCRIBE");
  const properties = readProperties(reader, PacketType.Unsubscribe);
  const topicFilters: TopicFilter[] = [];
  while (reader.remaining > 0) topicFilters.push(topicFilterField(reader.string("topic filter"), "UNSUBSCRIBE"));
  return { type: PacketType.Unsubscribe, packetIdentifier, topicFilters, ...properties };
}
