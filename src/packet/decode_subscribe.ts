import { ByteReader } from "./byte_reader.ts";
import { type DecodeLimits, tooMany } from "./decode_limits.ts";
import type { Frame } from "./frame_reader.ts";
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
 * @throws {ProtocolError} 0x81 if it cannot be read, 0x82 if it has no topic filter or asks for what does not exist, 0x97 if
 * it has more than `limits` allow
 */
export function decodeSubscribe(frame: Frame, version: ProtocolVersion, limits: DecodeLimits): SubscribePacket {
  const packetIdentifier = packetIdentifierAt(frame.bytes, frame.start, frame.end, "SUBSCRIBE");
  const reader = new ByteReader(frame.bytes, frame.start + 2, frame.end, "SUBSCRIBE");
  const properties = version === 5 ? readProperties(reader, PacketType.Subscribe, limits) : undefined;
  const subscriptions: SubscriptionRequest[] = [];
  while (reader.remaining > 0) {
    checkCount(subscriptions.length, "SUBSCRIBE", limits);
    const topicFilter = topicFilterField(reader.string("topic filter"), "SUBSCRIBE");
    subscriptions.push({ topicFilter, ...readOptions(reader, version) });
  }
  // [MQTT-3.8.3-3] 3.1.1, [MQTT-3.8.3-2] 5.0
  if (subscriptions.length === 0) throw protocolError("SUBSCRIBE must have at least one topic filter");
  return { type: PacketType.Subscribe, packetIdentifier, subscriptions, ...properties };
}

/**
 * Reads an UNSUBSCRIBE.
 *
 * @throws {ProtocolError} 0x81 if it cannot be read, 0x82 if it has no topic filter, 0x97 if it has more than `limits` allow
 */
export function decodeUnsubscribe(frame: Frame, version: ProtocolVersion, limits: DecodeLimits): UnsubscribePacket {
  const packetIdentifier = packetIdentifierAt(frame.bytes, frame.start, frame.end, "UNSUBSCRIBE");
  const reader = new ByteReader(frame.bytes, frame.start + 2, frame.end, "UNSUBSCRIBE");
  const properties = version === 5 ? readProperties(reader, PacketType.Unsubscribe, limits) : undefined;
  const topicFilters: TopicFilter[] = [];
  while (reader.remaining > 0) {
    checkCount(topicFilters.length, "UNSUBSCRIBE", limits);
    topicFilters.push(topicFilterField(reader.string("topic filter"), "UNSUBSCRIBE"));
  }
  // [MQTT-3.10.3-2] 3.1.1 and 5.0
  if (topicFilters.length === 0) throw protocolError("UNSUBSCRIBE must have at least one topic filter");
  return { type: PacketType.Unsubscribe, packetIdentifier, topicFilters, ...properties };
}

/** @param count those that were read */
function checkCount(count: number, what: string, { maxFiltersPerPacket }: DecodeLimits): void {
  if (count === maxFiltersPerPacket) {
    throw tooMany(`topic filters of one ${what}`, maxFiltersPerPacket, "max-filters-per-packet");
  }
}

/** Subscription Options (MQTT 5.0 §3.8.3.1), of which 3.x has the QoS alone. */
function readOptions(reader: ByteReader, version: ProtocolVersion): Omit<SubscriptionRequest, "topicFilter"> {
  const options = reader.u8("subscription options");
  const reserved = version === 5 ? 0xc0 : 0xfc;
  // [MQTT-3.8.3-4] 3.1.1, [MQTT-3.8.3-5] 5.0
  if ((options & reserved) !== 0) throw malformed("SUBSCRIBE: reserved bits of the subscription options must be 0");
  const qos = options & 3;
  if (qos === 3) throw (version === 5 ? protocolError : malformed)("SUBSCRIBE: maximum QoS must be 0 to 2: got 3");
  const retainHandling = options >> 4 & 3;
  if (retainHandling === 3) throw protocolError("SUBSCRIBE: retain handling must be 0 to 2: got 3");
  return {
    qos: qos as QoS,
    noLocal: (options & 4) !== 0,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}
