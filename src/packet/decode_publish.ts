import { ByteReader } from "./byte_reader.ts";
import type { DecodeLimits } from "./decode_limits.ts";
import type { Frame } from "./frame_reader.ts";
import { packetIdentifierAt } from "./packet_identifier.ts";
import { type MessageProperties, PacketType, type ProtocolVersion, type PublishPacket, type QoS } from "./packets.ts";
import { readProperties } from "./property_codec.ts";
import { malformed, type ProtocolError, protocolError } from "./protocol_error.ts";
import { PublishBody } from "./publish_body.ts";
import { arrangeProperties } from "./publish_properties.ts";
import type { TopicName } from "./topic.ts";
import type { TopicNames } from "./topic_names.ts";

/** A PUBLISH as it was received: its payload and most of its properties are looked at only if somebody asks. */
export class ReceivedPublish implements PublishPacket {
  readonly type = PacketType.Publish;
  readonly dup: boolean;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly topicName: TopicName | "";
  readonly packetIdentifier: number;
  /** Good until the connection's next read, unless it is kept. */
  readonly body: PublishBody;
  readonly topicAlias: number | undefined;
  readonly messageExpiryIntervalSeconds: number | undefined;

  constructor(
    firstByte: number,
    topicName: TopicName | "",
    packetIdentifier: number,
    body: PublishBody,
    topicAlias?: number,
    messageExpiryIntervalSeconds?: number,
  ) {
    this.dup = (firstByte & 8) !== 0;
    this.qos = (firstByte >> 1 & 3) as QoS;
    this.retain = (firstByte & 1) !== 0;
    this.topicName = topicName;
    this.packetIdentifier = packetIdentifier;
    this.body = body;
    this.topicAlias = topicAlias;
    this.messageExpiryIntervalSeconds = messageExpiryIntervalSeconds;
  }

  get payload(): Uint8Array {
    return this.body.payload;
  }

  get properties(): MessageProperties | undefined {
    return this.body.properties;
  }

  /** The same as a plain object, for hooks. */
  plain(): PublishPacket {
    const { type, dup, qos, retain, topicName, packetIdentifier, payload, properties, topicAlias } = this;
    return {
      type,
      dup,
      qos,
      retain,
      topicName,
      packetIdentifier,
      payload,
      ...properties !== undefined && { properties },
      ...topicAlias !== undefined && { topicAlias },
    };
  }
}

/**
 * Reads a PUBLISH, which stays where it is.
 *
 * @throws {ProtocolError} 0x81 or 0x82 as MQTT 5.0 §3.3 tells them apart, 0x94 for topic alias 0, 0x97 for more user
 * properties than `limits` allow
 */
export function decodePublish(
  frame: Frame,
  version: ProtocolVersion,
  topicNames: TopicNames,
  limits: DecodeLimits,
): ReceivedPublish {
  const { bytes, firstByte, start, end } = frame;
  const nameStart = start + 2;
  const nameEnd = nameStart + (bytes[start]! << 8 | bytes[start + 1]!);
  if (nameStart > end || nameEnd > end) throw incompleteName(end - start, nameEnd - nameStart);
  const topicName = nameStart === nameEnd && version === 5 ? "" : topicNames.read(bytes, nameStart, nameEnd);
  let packetIdentifier = 0;
  let identifierAt = 0;
  let restStart = nameEnd;
  if ((firstByte & 6) !== 0) {
    packetIdentifier = packetIdentifierAt(bytes, nameEnd, end, "PUBLISH");
    identifierAt = nameEnd;
    restStart += 2;
  }
  if (version === 5) {
    // Without a name it needs an alias, which is among the properties.
    if (restStart === end || bytes[restStart] !== 0 || topicName === "") {
      return decodePublish5(frame, { restStart, identifierAt, topicName, packetIdentifier }, limits);
    }
    restStart++;
  }
  const form = version === 5 ? "5.0" : "3.x";
  const body = PublishBody.borrowedPlain(bytes, start, identifierAt, restStart, end, form);
  return new ReceivedPublish(firstByte, topicName, packetIdentifier, body);
}

function incompleteName(sizeBytes: number, nameSizeBytes: number): ProtocolError {
  return sizeBytes < 2
    ? malformed(`PUBLISH: topic name's length must have 2 bytes: got ${sizeBytes}`)
    : malformed(`PUBLISH: topic name must have ${nameSizeBytes} bytes: got ${sizeBytes - 2}`);
}

interface Begun {
  readonly restStart: number;
  readonly identifierAt: number;
  readonly topicName: TopicName | "";
  readonly packetIdentifier: number;
}

/** The rest of a PUBLISH of 5.0 that has properties, or lacks them wrongly; it begins with them. */
function decodePublish5(frame: Frame, begun: Begun, limits: DecodeLimits): ReceivedPublish {
  const { restStart, identifierAt, topicName, packetIdentifier } = begun;
  const { bytes, firstByte, start, end } = frame;
  const arranged = arrangeProperties(bytes, restStart, end, limits.maxUserProperties);
  if (arranged === undefined) return decodeUnusual(frame, begun, limits);
  const { topicAlias, messageExpiryIntervalSeconds, propertiesStart, constantsStart, payloadStart } = arranged;
  checkNamed(topicName, topicAlias);
  // An alias holds on one connection only, and the expiry interval gets smaller while the message waits.
  const isConstant = topicAlias === undefined && messageExpiryIntervalSeconds === undefined;
  const body = PublishBody.borrowed(bytes, {
    start: isConstant ? start : propertiesStart,
    identifierAt: isConstant ? identifierAt : 0,
    propertiesStart,
    constantsStart,
    payloadStart,
    end,
    form: isConstant ? "5.0" : undefined,
  });
  return new ReceivedPublish(firstByte, topicName, packetIdentifier, body, topicAlias, messageExpiryIntervalSeconds);
}

/** Reads property by property, and says what is wrong. */
function decodeUnusual(
  { bytes, firstByte, end }: Frame,
  { restStart, topicName, packetIdentifier }: Begun,
  limits: DecodeLimits,
): ReceivedPublish {
  const reader = new ByteReader(bytes, restStart, end, "PUBLISH");
  const { topicAlias, ...properties } = readProperties(reader, PacketType.Publish, limits);
  checkNamed(topicName, topicAlias);
  const body = PublishBody.of(bytes.slice(end - reader.remaining, end), properties);
  const { messageExpiryIntervalSeconds } = properties;
  return new ReceivedPublish(firstByte, topicName, packetIdentifier, body, topicAlias, messageExpiryIntervalSeconds);
}

/** MQTT 5.0 §3.3.2.1: a name may be empty only if an alias stands for it. */
function checkNamed(topicName: string, topicAlias: number | undefined): void {
  if (topicName === "" && topicAlias === undefined) {
    throw protocolError("PUBLISH: topic name must not be empty without a topic alias");
  }
}
