import type { OutputBuffer } from "./output_buffer.ts";
import { type MessageProperties, PacketType, type ProtocolVersion, type QoS } from "./packets.ts";
import { propertyBytes } from "./property_codec.ts";

/** What {@linkcode encodePublish} writes. A `PublishPacket` is one. */
export interface PublishFields {
  /** May be empty if there is a topic alias (5.0). */
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly dup: boolean;
  readonly retain: boolean;
  /** 1 to 65,535; not looked at for QoS 0. */
  readonly packetIdentifier: number;
  /** Not written before 5.0, as are all the following. */
  readonly properties?: MessageProperties;
  /** 1 to 65,535. */
  readonly topicAlias?: number;
  /** Each 1 to 268,435,455. */
  readonly subscriptionIdentifiers?: readonly number[];
  /** Written instead of `topicName`, unless that is empty, and of `properties` but for their message expiry interval. */
  readonly prepared?: PreparedMessage;
}

/** Largest remaining length (MQTT 5.0 §2.1.4). */
export const MAX_REMAINING_LENGTH_BYTES = 268_435_455;

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/**
 * What is the same in every copy of one message, encoded when it is first needed. Made once by whoever sends a message
 * to many, and given to {@linkcode encodePublish} with each. The message expiry interval is not part of it: it gets
 * smaller while a copy waits.
 */
export class PreparedMessage {
  readonly #topicName: string;
  readonly #properties: MessageProperties | undefined;
  #topicNameBytes: Uint8Array | undefined;
  #propertyBytes: Uint8Array | undefined;

  constructor(topicName: string, properties?: MessageProperties) {
    this.#topicName = topicName;
    this.#properties = properties;
  }

  /** The topic name as UTF-8, without its length. */
  get topicNameBytes(): Uint8Array {
    return this.#topicNameBytes ??= encoder.encode(this.#topicName);
  }

  /** The message's own properties as they stand in a 5.0 PUBLISH, without their length. */
  get propertyBytes(): Uint8Array {
    return this.#propertyBytes ??= messagePropertyBytes(
      this.#properties && { ...this.#properties, messageExpiryIntervalSeconds: undefined },
    );
  }
}

/**
 * Appends a PUBLISH (MQTT 5.0 §3.3).
 *
 * @throws {RangeError} if topic name, a property or the whole is longer than the format can tell; nothing is appended
 */
export function encodePublish(out: OutputBuffer, fields: PublishFields, version: ProtocolVersion): void {
  const { payload, qos } = fields;
  const nameSize = topicNameSize(fields);
  const properties = version === 5 ? messageProperties(fields) : NOTHING;
  const propertiesSize = version === 5 ? properties.length + ownPropertiesSize(fields) : 0;
  const remaining = remainingLength(fields, version, nameSize, propertiesSize);
  out.reserve(5 + remaining);
  out.bytes[out.length++] = publishFirstByte(qos, fields.retain, fields.dup);
  out.variableByteInteger(remaining);
  writeTopicName(out, fields, nameSize);
  if (qos > 0) out.u16(fields.packetIdentifier);
  if (version === 5) {
    out.variableByteInteger(propertiesSize);
    writeOwnProperties(out, fields);
    if (properties.length > 0) out.set(properties);
  }
  out.bytes.set(payload, out.length);
  out.length += payload.length;
}

/** Type and flags of a PUBLISH (MQTT 5.0 §3.3.1). */
export function publishFirstByte(qos: QoS, retain: boolean, dup: boolean): number {
  return PacketType.Publish << 4 | (dup ? 8 : 0) | qos << 1 | (retain ? 1 : 0);
}

/**
 * How many bytes {@linkcode encodePublish} would append, to be held against the client's maximum packet size.
 *
 * @throws {RangeError} as {@linkcode encodePublish}
 */
export function publishSizeBytes(fields: PublishFields, version: ProtocolVersion): number {
  const propertiesSize = version === 5 ? messageProperties(fields).length + ownPropertiesSize(fields) : 0;
  const remaining = remainingLength(fields, version, topicNameSize(fields), propertiesSize);
  return 1 + variableByteIntegerSize(remaining) + remaining;
}

/** How many bytes a Variable Byte Integer takes (MQTT 5.0 §1.5.5). */
export function variableByteIntegerSize(value: number): 1 | 2 | 3 | 4 {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

function remainingLength(
  fields: PublishFields,
  version: ProtocolVersion,
  nameSize: number,
  propertiesSize: number,
): number {
  let remaining = 2 + nameSize + fields.payload.length;
  if (fields.qos > 0) remaining += 2;
  if (version === 5) remaining += variableByteIntegerSize(propertiesSize) + propertiesSize;
  if (nameSize > 0xffff || remaining > MAX_REMAINING_LENGTH_BYTES) {
    throw new RangeError(`PUBLISH must have a topic name of at most 65535 bytes and at most \
${MAX_REMAINING_LENGTH_BYTES} bytes in all: got ${nameSize} and ${remaining}`);
  }
  return remaining;
}

function messageProperties(fields: PublishFields): Uint8Array {
  return fields.prepared !== undefined ? fields.prepared.propertyBytes : messagePropertyBytes(fields.properties);
}

function messagePropertyBytes(properties: MessageProperties | undefined): Uint8Array {
  // The will's table has the message's properties only: alias and subscription identifiers are the copy's own.
  return properties === undefined ? NOTHING : propertyBytes("will", properties);
}

function topicNameSize(fields: PublishFields): number {
  const { topicName, prepared } = fields;
  if (prepared !== undefined) return topicName === "" ? 0 : prepared.topicNameBytes.length;
  return utf8Size(topicName);
}

function utf8Size(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) >= 0x80) return encoder.encode(text).length;
  }
  return text.length;
}

function writeTopicName(out: OutputBuffer, fields: PublishFields, size: number): void {
  const { topicName, prepared } = fields;
  out.u16(size);
  const { bytes, length } = out;
  out.length = length + size;
  if (size === 0) return;
  if (prepared !== undefined) return bytes.set(prepared.topicNameBytes, length);
  if (size !== topicName.length) {
    encoder.encodeInto(topicName, bytes.subarray(length));
    return;
  }
  for (let i = 0; i < size; i++) bytes[length + i] = topicName.charCodeAt(i);
}

function ownPropertiesSize(fields: PublishFields): number {
  let size = fields.topicAlias === undefined ? 0 : 3;
  if (ownExpiry(fields) !== undefined) size += 5;
  for (const identifier of fields.subscriptionIdentifiers ?? []) size += 1 + variableByteIntegerSize(identifier);
  return size;
}

/** The message expiry interval where it is not among the message's own properties. */
function ownExpiry({ prepared, properties }: PublishFields): number | undefined {
  return prepared === undefined ? undefined : properties?.messageExpiryIntervalSeconds;
}

const MESSAGE_EXPIRY_INTERVAL = 0x02;
const TOPIC_ALIAS = 0x23;
const SUBSCRIPTION_IDENTIFIER = 0x0b;

/** The properties that each copy has for itself. */
function writeOwnProperties(out: OutputBuffer, fields: PublishFields): void {
  const expiry = ownExpiry(fields);
  if (expiry !== undefined) {
    out.u8(MESSAGE_EXPIRY_INTERVAL);
    out.u32(expiry);
  }
  if (fields.topicAlias !== undefined) {
    out.u8(TOPIC_ALIAS);
    out.u16(fields.topicAlias);
  }
  for (const identifier of fields.subscriptionIdentifiers ?? []) {
    out.u8(SUBSCRIPTION_IDENTIFIER);
    out.variableByteInteger(identifier);
  }
}
