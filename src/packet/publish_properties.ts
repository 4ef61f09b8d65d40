/** The properties of a PUBLISH as bytes: messages pass, and are kept, without an object being made of them. */
import { isUtf8 } from "node:buffer";
import { ByteReader } from "./byte_reader.ts";
import { type MessageProperties, PacketType } from "./packets.ts";
import { readPropertyBlock } from "./property_codec.ts";

/** The properties of a PUBLISH in the order: topic alias, message expiry interval, all others. */
export interface ArrangedProperties {
  readonly topicAlias: number | undefined;
  readonly messageExpiryIntervalSeconds: number | undefined;
  /** Where the message's own begin: behind the alias. */
  readonly propertiesStart: number;
  /** Where those begin that are the same in every copy: behind the expiry interval, which gets smaller. */
  readonly constantsStart: number;
  readonly payloadStart: number;
}

const PAYLOAD_FORMAT_INDICATOR = 0x01;
const MESSAGE_EXPIRY_INTERVAL = 0x02;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const TOPIC_ALIAS = 0x23;
const USER_PROPERTY = 0x26;

/** With the identifier. */
const ALIAS_BYTES = 3;
const EXPIRY_BYTES = 5;

/** Behind the end of anything. */
const NOWHERE = Infinity;

/**
 * Checks the properties that begin at `start` with their length, and brings in front what is not the same in every copy:
 * the order of different properties means nothing (MQTT 5.0 §2.2.2.2).
 *
 * @param maxUserProperties more of them are wrong
 * @returns `undefined` if something is wrong: who reads them one by one finds out what
 */
export function arrangeProperties(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxUserProperties: number,
): ArrangedProperties | undefined {
  let size = 0;
  let first = start;
  for (let shift = 0;; shift += 7) {
    const byte = bytes[first++]!;
    size += (byte & 0x7f) << shift;
    // A length of more bytes, or of more than it needs.
    if (first > end || shift > 21 || byte === 0 && shift > 0) return undefined;
    if (byte < 0x80) break;
  }
  if (first + size > end) return undefined;
  const arrangement = new Arrangement(first, first + size, maxUserProperties);
  return arrangement.make(bytes) ? arrangement : undefined;
}

/** The message's own properties, from `start` to `end`, which are known to be right. */
export function readMessageProperties(bytes: Uint8Array, start: number, end: number): MessageProperties {
  return readPropertyBlock(new ByteReader(bytes, start, end, "PUBLISH"), PacketType.Publish);
}

class Arrangement implements ArrangedProperties {
  topicAlias: number | undefined = undefined;
  messageExpiryIntervalSeconds: number | undefined = undefined;
  propertiesStart: number;
  constantsStart: number;
  readonly payloadStart: number;
  /** A bit for each identifier that must not come again, or not so often. */
  #seen = 0;
  #userPropertiesLeft: number;

  constructor(start: number, end: number, maxUserProperties: number) {
    this.#userPropertiesLeft = maxUserProperties;
    this.propertiesStart = start;
    this.constantsStart = start;
    this.payloadStart = end;
  }

  make(bytes: Uint8Array): boolean {
    for (let at = this.constantsStart; at < this.payloadStart;) {
      const identifier = bytes[at]!;
      const next = endOfProperty(bytes, at, this.payloadStart);
      if (next > this.payloadStart || this.#repeats(identifier)) return false;
      if (identifier === TOPIC_ALIAS) this.#takeAlias(bytes, at);
      else if (identifier === MESSAGE_EXPIRY_INTERVAL) this.#takeExpiry(bytes, at);
      at = next;
    }
    return true;
  }

  #repeats(identifier: number): boolean {
    if (identifier === USER_PROPERTY) return --this.#userPropertiesLeft < 0;
    const bit = identifier === TOPIC_ALIAS ? 1 : 1 << identifier;
    const repeats = (this.#seen & bit) !== 0;
    this.#seen |= bit;
    return repeats;
  }

  #takeAlias(bytes: Uint8Array, at: number): void {
    this.topicAlias = u16(bytes, at + 1);
    bringForward(bytes, at, ALIAS_BYTES, this.propertiesStart);
    this.propertiesStart += ALIAS_BYTES;
    this.constantsStart += ALIAS_BYTES;
  }

  #takeExpiry(bytes: Uint8Array, at: number): void {
    this.messageExpiryIntervalSeconds = u16(bytes, at + 1) * 0x10000 + u16(bytes, at + 3);
    bringForward(bytes, at, EXPIRY_BYTES, this.propertiesStart);
    this.constantsStart += EXPIRY_BYTES;
  }
}

/** Where the property at `at` ends; {@linkcode NOWHERE} if it has to be looked at more closely. */
function endOfProperty(bytes: Uint8Array, at: number, limit: number): number {
  switch (bytes[at]) {
    case PAYLOAD_FORMAT_INDICATOR:
      return bytes[at + 1]! <= 1 ? at + 2 : NOWHERE;
    case MESSAGE_EXPIRY_INTERVAL:
      return at + EXPIRY_BYTES;
    case CONTENT_TYPE:
      return endOfText(bytes, at + 1, limit);
    case RESPONSE_TOPIC:
      return endOfTopicName(bytes, at + 1, limit);
    case CORRELATION_DATA:
      return at + 3 + u16(bytes, at + 1);
    case TOPIC_ALIAS:
      return u16(bytes, at + 1) > 0 ? at + ALIAS_BYTES : NOWHERE;
    case USER_PROPERTY:
      return endOfText(bytes, endOfText(bytes, at + 1, limit), limit);
    default:
      return NOWHERE;
  }
}

/** Where a UTF-8 Encoded String without NUL ends. */
function endOfText(bytes: Uint8Array, at: number, limit: number): number {
  const start = at + 2;
  const end = start > limit ? NOWHERE : start + u16(bytes, at);
  if (end > limit) return NOWHERE;
  let bits = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 0) return NOWHERE;
    bits |= byte;
  }
  // No byte of a character beyond ASCII looks like one of ASCII.
  return bits < 0x80 || isUtf8(bytes.subarray(start, end)) ? end : NOWHERE;
}

const HASH = 0x23;
const PLUS = 0x2b;

function endOfTopicName(bytes: Uint8Array, at: number, limit: number): number {
  const end = endOfText(bytes, at, limit);
  if (end === NOWHERE || end === at + 2) return NOWHERE;
  for (let i = at + 2; i < end; i++) {
    if (bytes[i] === HASH || bytes[i] === PLUS) return NOWHERE;
  }
  return end;
}

function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 8 | bytes[at + 1]!;
}

/** Moves `count` bytes from `from` to `to`, and what lies between behind them. */
function bringForward(bytes: Uint8Array, from: number, count: number, to: number): void {
  if (from === to) return;
  const moved = bytes.slice(from, from + count);
  bytes.copyWithin(to + count, to, from);
  bytes.set(moved, to);
}
