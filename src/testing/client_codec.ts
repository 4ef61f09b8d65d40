/**
 * The client's side of the codec, for tests: written on its own, so that a fault of `src/packet/` does not cancel itself
 * out. Only the property table is shared, as data. Nothing is checked: a test may want to send what is wrong.
 */
import {
  type AckPacket,
  type ConnectPacket,
  type InboundPacket,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  type SubscribePacket,
} from "../packet/packets.ts";
import { type Properties, propertiesAt, type PropertyDefinition, type PropertyPlace } from "../packet/properties.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { TopicName } from "../packet/topic.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Puts pieces together: numbers are bytes. */
export function concat(...pieces: (number | Iterable<number>)[]): Uint8Array {
  const parts = pieces.map((piece) => typeof piece === "number" ? Uint8Array.of(piece) : Uint8Array.from(piece));
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A Two Byte Integer. */
export function u16(value: number): Uint8Array {
  return concat(value >> 8 & 255, value & 255);
}

/** A Four Byte Integer. */
export function u32(value: number): Uint8Array {
  return concat(u16(Math.floor(value / 65536)), u16(value % 65536));
}

/** A Variable Byte Integer. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

/** Binary Data with its length. */
export function binary(bytes: Iterable<number>): Uint8Array {
  const all = Uint8Array.from(bytes);
  return concat(u16(all.length), all);
}

/** A UTF-8 Encoded String with its length. */
export function string(text: string): Uint8Array {
  return binary(encoder.encode(text));
}

/** A packet of a first byte and a body. */
export function packetOf(firstByte: number, ...body: (number | Iterable<number>)[]): Uint8Array {
  const bytes = concat(...body);
  const length = varint(bytes.length);
  const packet = new Uint8Array(1 + length.length + bytes.length);
  packet[0] = firstByte;
  packet.set(length, 1);
  packet.set(bytes, 1 + length.length);
  return packet;
}

/** The properties of `values` that may stand at `place`, with their length; nothing at all before 5.0. */
export function encodeProperties(
  place: PropertyPlace,
  values: object | undefined,
  version: ProtocolVersion,
): Uint8Array {
  if (version !== 5) return new Uint8Array(0);
  const bag = (values ?? {}) as Record<string, unknown>;
  const pieces: Uint8Array[] = [];
  for (const definition of propertiesAt(place).values()) {
    const value = bag[definition.name];
    if (value === undefined) continue;
    for (const one of definition.repeats ? value as unknown[] : [value]) {
      pieces.push(concat(definition.identifier, encodeValue(definition, one)));
    }
  }
  const all = concat(...pieces);
  return concat(varint(all.length), all);
}

function encodeValue(definition: PropertyDefinition, value: unknown): Uint8Array {
  switch (definition.type) {
    case "boolean":
    case "byte":
      return concat(Number(value));
    case "twoByteInteger":
      return u16(value as number);
    case "fourByteInteger":
      return u32(value as number);
    case "variableByteInteger":
      return varint(value as number);
    case "string":
    case "topicName":
      return string(value as string);
    case "binary":
      return binary(value as Uint8Array);
    case "stringPair":
      return concat(...(value as [string, string]).map(string));
  }
}

/** What a client of `version` sends for `packet`. */
export function encodeClientPacket(packet: InboundPacket, version: ProtocolVersion): Uint8Array {
  switch (packet.type) {
    case PacketType.Connect:
      return encodeConnect(packet, version);
    case PacketType.Publish:
      return encodePublish(packet, version);
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return encodeAck(packet, version);
    case PacketType.Subscribe:
      return encodeSubscribe(packet, version);
    case PacketType.Unsubscribe:
      return packetOf(
        0xa2,
        u16(packet.packetIdentifier),
        encodeProperties(packet.type, packet, version),
        ...packet.topicFilters.map(string),
      );
    case PacketType.Pingreq:
      return packetOf(0xc0);
    case PacketType.Disconnect:
    case PacketType.Auth:
      if (version !== 5) return packetOf(packet.type << 4);
      return packetOf(packet.type << 4, packet.reasonCode, encodeProperties(packet.type, packet.properties, version));
  }
}

function encodeConnect(packet: ConnectPacket, version: ProtocolVersion): Uint8Array {
  const { will, username, password } = packet;
  const flags = (packet.cleanStart ? 0x02 : 0) | (will === undefined ? 0 : 0x04 | will.qos << 3) |
    (will?.retain ? 0x20 : 0) | (password === undefined ? 0 : 0x40) | (username === undefined ? 0 : 0x80);
  const willBytes = will === undefined ? [] : concat(
    encodeProperties("will", { ...will.properties, delayIntervalSeconds: will.delayIntervalSeconds }, version),
    string(will.topicName),
    binary(will.payload),
  );
  return packetOf(
    0x10,
    string(version === 3 ? "MQIsdp" : "MQTT"),
    version | (packet.isBridge ? 0x80 : 0),
    flags,
    u16(packet.keepAliveSeconds),
    encodeProperties(packet.type, packet, version),
    string(packet.clientIdentifier),
    willBytes,
    username === undefined ? [] : string(username),
    password === undefined ? [] : binary(password),
  );
}

function encodePublish(packet: PublishPacket, version: ProtocolVersion): Uint8Array {
  const { topicAlias, subscriptionIdentifiers } = packet;
  return packetOf(
    0x30 | (packet.dup ? 8 : 0) | packet.qos << 1 | (packet.retain ? 1 : 0),
    string(packet.topicName),
    packet.qos === 0 ? [] : u16(packet.packetIdentifier),
    encodeProperties(packet.type, { ...packet.properties, topicAlias, subscriptionIdentifiers }, version),
    packet.payload,
  );
}

function encodeAck(packet: AckPacket, version: ProtocolVersion): Uint8Array {
  const firstByte = packet.type << 4 | (packet.type === PacketType.Pubrel ? 2 : 0);
  if (version !== 5) return packetOf(firstByte, u16(packet.packetIdentifier));
  const properties = encodeProperties(packet.type, packet.properties, version);
  return packetOf(firstByte, u16(packet.packetIdentifier), packet.reasonCode, properties);
}

function encodeSubscribe(packet: SubscribePacket, version: ProtocolVersion): Uint8Array {
  const filters = packet.subscriptions.map((one) => {
    const options5 = (one.noLocal ? 4 : 0) | (one.retainAsPublished ? 8 : 0) | one.retainHandling << 4;
    return concat(string(one.topicFilter), version === 5 ? one.qos | options5 : one.qos);
  });
  return packetOf(0x82, u16(packet.packetIdentifier), encodeProperties(packet.type, packet, version), ...filters);
}

/** Steps through the bytes of one packet; reading past the end is an error of the server. */
class Cursor {
  #at = 0;
  constructor(readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.#at;
  }

  take(count: number): Uint8Array {
    if (count > this.left) throw new Error(`server's packet ends too early: wanted ${count} bytes, got ${this.left}`);
    this.#at += count;
    return this.bytes.slice(this.#at - count, this.#at);
  }

  number(byteCount: number): number {
    return this.take(byteCount).reduce((value, byte) => value * 256 + byte, 0);
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.number(1);
      value += (byte % 128) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }

  binary(): Uint8Array {
    return this.take(this.number(2));
  }

  string(): string {
    return decoder.decode(this.binary());
  }
}

/**
 * Reads the whole packets in what a server sent to a client of `version`. Return codes of 3.x stand as they are where
 * reason codes stand in 5.0.
 *
 * @returns the packets, and the bytes of one that has not come to its end
 */
export function decodeServerPackets(
  bytes: Uint8Array,
  version: ProtocolVersion,
): { packets: OutboundPacket[]; rest: Uint8Array } {
  const packets: OutboundPacket[] = [];
  let rest = bytes;
  for (;;) {
    const size = wholeSize(rest);
    if (size === undefined || size.end > rest.length) return { packets, rest };
    packets.push(decodePacket(rest[0]!, new Cursor(rest.slice(size.start, size.end)), version));
    rest = rest.slice(size.end);
  }
}

function wholeSize(bytes: Uint8Array): { start: number; end: number } | undefined {
  let length = 0;
  for (let i = 1; i < bytes.length; i++) {
    length += (bytes[i]! % 128) * 128 ** (i - 1);
    if (bytes[i]! < 128) return { start: i + 1, end: i + 1 + length };
  }
  return undefined;
}

function decodePacket(firstByte: number, body: Cursor, version: ProtocolVersion): OutboundPacket {
  const packet = decodeBody(firstByte, body, version);
  if (body.left > 0) throw new Error(`server's packet of type ${packet.type} has ${body.left} bytes too many`);
  return packet;
}

function decodeBody(firstByte: number, body: Cursor, version: ProtocolVersion): OutboundPacket {
  const type = firstByte >> 4;
  switch (type) {
    case PacketType.Connack: {
      const sessionPresent = body.number(1) === 1;
      const reasonCode = body.number(1) as ReasonCode;
      return { type, sessionPresent, reasonCode, ...decodeProperties(body, type, version) };
    }
    case PacketType.Publish:
      return decodePublish(firstByte, body, version);
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp: {
      const packetIdentifier = body.number(2);
      const reasonCode = (version === 5 && body.left > 0 ? body.number(1) : 0) as ReasonCode;
      return { type, packetIdentifier, reasonCode, ...decodeProperties(body, type, version) };
    }
    case PacketType.Suback:
    case PacketType.Unsuback: {
      const packetIdentifier = body.number(2);
      const properties = decodeProperties(body, type, version);
      const reasonCodes = [...body.take(body.left)] as ReasonCode[];
      return { type, packetIdentifier, reasonCodes, ...properties };
    }
    case PacketType.Pingresp:
      return { type };
    case PacketType.Disconnect:
    case PacketType.Auth: {
      const reasonCode = (body.left > 0 ? body.number(1) : 0) as ReasonCode;
      return { type, reasonCode, ...decodeProperties(body, type, version) };
    }
    default:
      throw new Error(`server sent a packet of type ${type}`);
  }
}

function decodePublish(firstByte: number, body: Cursor, version: ProtocolVersion): PublishPacket {
  const topicName = body.string() as TopicName | "";
  const qos = (firstByte >> 1 & 3) as QoS;
  const packetIdentifier = qos === 0 ? 0 : body.number(2);
  const { topicAlias, subscriptionIdentifiers, ...properties } =
    decodeProperties(body, PacketType.Publish, version).properties ?? {};
  return {
    type: PacketType.Publish,
    dup: (firstByte & 8) !== 0,
    qos,
    retain: (firstByte & 1) !== 0,
    topicName,
    packetIdentifier,
    payload: body.take(body.left),
    ...Object.keys(properties).length > 0 && { properties },
    ...topicAlias !== undefined && { topicAlias },
    ...subscriptionIdentifiers !== undefined && { subscriptionIdentifiers },
  };
}

function decodeProperties(body: Cursor, place: PropertyPlace, version: ProtocolVersion): { properties?: Properties } {
  if (version !== 5 || body.left === 0) return {};
  const part = new Cursor(body.take(body.varint()));
  const found: Record<string, unknown> = {};
  while (part.left > 0) {
    const identifier = part.varint();
    const definition = propertiesAt(place).get(identifier);
    if (definition === undefined || definition.sender === "client") {
      throw new Error(`server sent property 0x${identifier.toString(16)} in ${place}`);
    }
    const value = decodeValue(part, definition);
    if (definition.repeats) found[definition.name] = [...(found[definition.name] as unknown[] ?? []), value];
    else if (definition.name in found) throw new Error(`server sent ${definition.name} twice`);
    else found[definition.name] = value;
  }
  return Object.keys(found).length > 0 ? { properties: found as Properties } : {};
}

function decodeValue(part: Cursor, definition: PropertyDefinition): unknown {
  switch (definition.type) {
    case "boolean":
      return part.number(1) === 1;
    case "byte":
      return part.number(1);
    case "twoByteInteger":
      return part.number(2);
    case "fourByteInteger":
      return part.number(4);
    case "variableByteInteger":
      return part.varint();
    case "string":
    case "topicName":
      return part.string();
    case "binary":
      return part.binary();
    case "stringPair":
      return [part.string(), part.string()];
  }
}
