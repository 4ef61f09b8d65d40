import type { OutputBuffer } from "./output_buffer.ts";
import { type MessageProperties, PacketType, type ProtocolVersion, type QoS } from "./packets.ts";
import { PublishBody } from "./publish_body.ts";

/** What one copy of a message has for itself. */
export interface PublishCopy {
  /** May be empty if there is a topic alias (5.0). */
  readonly topicName: string;
  readonly qos: QoS;
  readonly dup: boolean;
  readonly retain: boolean;
  /** 1 to 65,535; not looked at for QoS 0. */
  readonly packetIdentifier: number;
  /** Seconds, 0 to 4,294,967,295. Not written before 5.0, as are all the following. */
  readonly messageExpiryIntervalSeconds?: number;
  /** 1 to 65,535. */
  readonly topicAlias?: number;
  /** Each 1 to 268,435,455. */
  readonly subscriptionIdentifiers?: readonly number[];
  /** Further properties, encoded. */
  readonly extraProperties?: Uint8Array;
}

/** A whole PUBLISH. A `PublishPacket` is one. */
export interface PublishFields extends Omit<PublishCopy, "messageExpiryIntervalSeconds"> {
  readonly payload: Uint8Array;
  readonly properties?: MessageProperties;
}

/** Largest remaining length (MQTT 5.0 §2.1.4). */
export const MAX_REMAINING_LENGTH_BYTES = 268_435_455;

const MESSAGE_EXPIRY_INTERVAL = 0x02;
const TOPIC_ALIAS = 0x23;
const SUBSCRIPTION_IDENTIFIER = 0x0b;

const encoder = new TextEncoder();

/**
 * Appends a PUBLISH (MQTT 5.0 §3.3).
 *
 * @throws {RangeError} if topic name, a property or the whole is longer than the format can tell; nothing is appended
 */
export function encodePublish(out: OutputBuffer, fields: PublishFields, version: ProtocolVersion): void {
  encodeCopy(out, copyOf(fields), bodyOf(fields, version), version);
}

/**
 * How many bytes {@linkcode encodePublish} would append.
 *
 * @throws {RangeError} as {@linkcode encodePublish}
 */
export function publishSizeBytes(fields: PublishFields, version: ProtocolVersion): number {
  return copySizeBytes(copyOf(fields), bodyOf(fields, version), version);
}

function copyOf({ properties, ...own }: PublishFields): PublishCopy {
  return { ...own, messageExpiryIntervalSeconds: properties?.messageExpiryIntervalSeconds };
}

function bodyOf({ payload, properties }: PublishFields, version: ProtocolVersion): PublishBody {
  return PublishBody.of(payload, version === 5 ? properties : undefined);
}

/**
 * Appends a copy of a message as a PUBLISH (MQTT 5.0 §3.3).
 *
 * @throws {RangeError} if the topic name or the whole is longer than the format can tell; nothing is appended
 */
export function encodeCopy(out: OutputBuffer, copy: PublishCopy, body: PublishBody, version: ProtocolVersion): void {
  const nameSize = utf8Size(copy.topicName);
  const propertiesSize = version === 5 ? ownPropertiesSize(copy) + body.constantsSizeBytes : -1;
  const remaining = remainingLength(copy, body, nameSize, propertiesSize);
  const shared = body.isLarge;
  out.reserve(5 + remaining - (shared ? body.payloadLength + (version === 5 ? body.constantsSizeBytes : 0) : 0));
  out.bytes[out.length++] = publishFirstByte(copy.qos, copy.retain, copy.dup);
  out.variableByteInteger(remaining);
  writeTopicName(out, copy.topicName, nameSize);
  if (copy.qos > 0) out.u16(copy.packetIdentifier);
  if (version === 5) {
    out.variableByteInteger(propertiesSize);
    writeOwnProperties(out, copy);
  }
  if (shared) body.keep();
  const content = version === 5 ? body.content : body.payload;
  if (shared) out.attach(content);
  else out.set(content);
}

/**
 * How many bytes {@linkcode encodeCopy} would append, to be held against the client's maximum packet size.
 *
 * @throws {RangeError} as {@linkcode encodeCopy}
 */
export function copySizeBytes(copy: PublishCopy, body: PublishBody, version: ProtocolVersion): number {
  const propertiesSize = version === 5 ? ownPropertiesSize(copy) + body.constantsSizeBytes : -1;
  const remaining = remainingLength(copy, body, utf8Size(copy.topicName), propertiesSize);
  return 1 + variableByteIntegerSize(remaining) + remaining;
}

/** Type and flags of a PUBLISH (MQTT 5.0 §3.3.1). */
export function publishFirstByte(qos: QoS, retain: boolean, dup: boolean): number {
  return PacketType.Publish << 4 | (dup ? 8 : 0) | qos << 1 | (retain ? 1 : 0);
}

/** @param propertiesSize without their length; -1: the version has none */
function remainingLength(copy: PublishCopy, body: PublishBody, nameSize: number, propertiesSize: number): number {
  let remaining = 2 + nameSize + body.payloadLength;
  if (copy.qos > 0) remaining += 2;
  if (propertiesSize >= 0) remaining += variableByteIntegerSize(propertiesSize) + propertiesSize;
  if (nameSize > 0xffff || remaining > MAX_REMAINING_LENGTH_BYTES) {
    throw new RangeError(`PUBLISH must have a topic name of at most 65535 bytes and at most \
${MAX_REMAINING_LENGTH_BYTES} bytes in all: got ${nameSize} and ${remaining}`);
  }
  return remaining;
}

/** How many bytes a Variable Byte Integer takes (MQTT 5.0 §1.5.5). */
function variableByteIntegerSize(value: number): 1 | 2 | 3 | 4 {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

function utf8Size(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) >= 0x80) return encoder.encode(text).length;
  }
  return text.length;
}

function writeTopicName(out: OutputBuffer, topicName: string, size: number): void {
  out.u16(size);
  const { bytes, length } = out;
  out.length = length + size;
  if (size !== topicName.length) {
    encoder.encodeInto(topicName, bytes.subarray(length));
    return;
  }
  for (let i = 0; i < size; i++) bytes[length + i] = topicName.charCodeAt(i);
}

function ownPropertiesSize(copy: PublishCopy): number {
  let size = copy.topicAlias === undefined ? 0 : 3;
  if (copy.messageExpiryIntervalSeconds !== undefined) size += 5;
  if (copy.extraProperties !== undefined) size += copy.extraProperties.length;
  if (copy.subscriptionIdentifiers === undefined) return size;
  for (const identifier of copy.subscriptionIdentifiers) size += 1 + variableByteIntegerSize(identifier);
  return size;
}

/** The properties that each copy has for itself. */
function writeOwnProperties(out: OutputBuffer, copy: PublishCopy): void {
  if (copy.messageExpiryIntervalSeconds !== undefined) {
    out.u8(MESSAGE_EXPIRY_INTERVAL);
    out.u32(copy.messageExpiryIntervalSeconds);
  }
  if (copy.topicAlias !== undefined) {
    out.u8(TOPIC_ALIAS);
    out.u16(copy.topicAlias);
  }
  if (copy.extraProperties !== undefined) out.set(copy.extraProperties);
  if (copy.subscriptionIdentifiers === undefined) return;
  for (const identifier of copy.subscriptionIdentifiers) {
    out.u8(SUBSCRIPTION_IDENTIFIER);
    out.variableByteInteger(identifier);
  }
}
