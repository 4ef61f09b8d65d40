import { ByteReader } from "./byte_reader.ts";
import type { Frame } from "./frame_reader.ts";
import { packetIdentifierAt } from "./packet_identifier.ts";
import { type MessageProperties, PacketType, type ProtocolVersion, type PublishPacket, type QoS } from "./packets.ts";
import { readProperties } from "./property_codec.ts";
import { malformed, protocolError } from "./protocol_error.ts";
import { PublishBody } from "./publish_body.ts";
import type { TopicName } from "./topic.ts";
import type { TopicNames } from "./topic_names.ts";

/** What stands in a PUBLISH behind its first byte. */
type ReceivedFields =
  & Pick<ReceivedPublish, "topicName" | "packetIdentifier" | "body">
  & Partial<Pick<ReceivedPublish, "properties" | "topicAlias">>;

/** A PUBLISH as it was received: its payload is looked at only if somebody asks. */
export class ReceivedPublish implements PublishPacket {
  readonly type = PacketType.Publish;
  readonly dup: boolean;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly topicName: TopicName | "";
  readonly packetIdentifier: number;
  /** Good until the connection's next read, unless it is kept. */
  readonly body: PublishBody;
  readonly properties: MessageProperties | undefined;
  readonly topicAlias: number | undefined;

  constructor(firstByte: number, fields: ReceivedFields) {
    this.dup = (firstByte & 8) !== 0;
    this.qos = (firstByte >> 1 & 3) as QoS;
    this.retain = (firstByte & 1) !== 0;
    this.topicName = fields.topicName;
    this.packetIdentifier = fields.packetIdentifier;
    this.body = fields.body;
    this.properties = fields.properties;
    this.topicAlias = fields.topicAlias;
  }

  get payload(): Uint8Array {
    return this.body.payload;
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
 * @throws {ProtocolError} 0x81 or 0x82 as MQTT 5.0 §3.3 tells them apart, 0x94 for topic alias 0
 */
export function decodePublish(frame: Frame, version: ProtocolVersion, topicNames: TopicNames): ReceivedPublish {
  const { bytes, firstByte, start, end } = frame;
  if (end - start < 2) throw malformed(`PUBLISH: topic name's length must have 2 bytes: got ${end - start}`);
  const nameStart = start + 2;
  const nameEnd = nameStart + (bytes[start]! << 8 | bytes[start + 1]!);
  if (nameEnd > end) {
    throw malformed(`PUBLISH: topic name must have ${nameEnd - nameStart} bytes: got ${end - nameStart}`);
  }
  const topicName = nameStart === nameEnd && version === 5 ? "" : topicNames.read(bytes, nameStart, nameEnd);
  const hasIdentifier = (firstByte & 6) !== 0;
  const packetIdentifier = hasIdentifier ? packetIdentifierAt(bytes, nameEnd, end, "PUBLISH") : 0;
  const identifierAt = hasIdentifier ? nameEnd : 0;
  const restStart = hasIdentifier ? nameEnd + 2 : nameEnd;
  if (version === 5) return decodePublish5(frame, { restStart, identifierAt, topicName, packetIdentifier });
  const body = PublishBody.borrowed(bytes, { start, identifierAt, payloadStart: restStart, end, form: "3.x" });
  return new ReceivedPublish(firstByte, { topicName, packetIdentifier, body });
}

interface Begun {
  readonly restStart: number;
  readonly identifierAt: number;
  readonly topicName: TopicName | "";
  readonly packetIdentifier: number;
}

/** The rest of a PUBLISH of 5.0, which begins with its properties. */
function decodePublish5(
  frame: Frame,
  { restStart, identifierAt, topicName, packetIdentifier }: Begun,
): ReceivedPublish {
  const { bytes, firstByte, start, end } = frame;
  if (restStart < end && bytes[restStart] === 0) {
    checkNamed(topicName, undefined);
    const body = PublishBody.borrowed(bytes, { start, identifierAt, payloadStart: restStart + 1, end, form: "5.0" });
    return new ReceivedPublish(firstByte, { topicName, packetIdentifier, body });
  }
  const reader = new ByteReader(bytes, restStart, end, "PUBLISH");
  const { topicAlias, ...others } = readProperties(reader, PacketType.Publish);
  checkNamed(topicName, topicAlias);
  const properties = Object.keys(others).length > 0 ? others : undefined;
  // An alias holds on one connection only, and the expiry interval gets smaller while the message waits.
  const isConstant = topicAlias === undefined && others.messageExpiryIntervalSeconds === undefined;
  const payloadStart = end - reader.remaining;
  const form = isConstant ? "5.0" : undefined;
  const body = PublishBody.borrowed(bytes, { start, identifierAt, payloadStart, end, form });
  return new ReceivedPublish(firstByte, { topicName, packetIdentifier, body, properties, topicAlias });
}

/** MQTT 5.0 §3.3.2.1: a name may be empty only if an alias stands for it. */
function checkNamed(topicName: string, topicAlias: number | undefined): void {
  if (topicName === "" && topicAlias === undefined) {
    throw protocolError("PUBLISH: topic name must not be empty without a topic alias");
  }
}
