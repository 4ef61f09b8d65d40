import { quote } from "../quote.ts";
import { ByteReader } from "./byte_reader.ts";
import type { DecodeLimits } from "./decode_limits.ts";
import type { Frame } from "./frame_reader.ts";
import { type ConnectPacket, PacketType, type ProtocolVersion, type QoS, type Will } from "./packets.ts";
import { readProperties } from "./property_codec.ts";
import { malformed, ProtocolError, protocolError } from "./protocol_error.ts";
import { ReasonCode } from "./reason_code.ts";
import { topicNameField } from "./topic_field.ts";
import { compactWill } from "./will.ts";

/** A CONNECT that cannot be served but whose sender understands a CONNACK: its level is not spoken here, or it is 5.0. */
export class ConnectError extends ProtocolError {
  /** @param respondAs the version in whose form the CONNACK is written */
  constructor(readonly respondAs: ProtocolVersion, reasonCode: ReasonCode, message: string) {
    super(reasonCode, message);
  }
}

/** Set in the level by a bridge of 3.x: a habit of brokers, not of the specification. */
const BRIDGE_BIT = 0x80;
const RESERVED_FLAG = 0x01;
const CLEAN_START_FLAG = 0x02;
const WILL_FLAG = 0x04;
const WILL_RETAIN_FLAG = 0x20;
const PASSWORD_FLAG = 0x40;
const USERNAME_FLAG = 0x80;

/**
 * Reads a CONNECT; its own protocol name and level tell how.
 *
 * @throws {ConnectError} 0x84 if the level is not 3 (`MQIsdp`), 4 or 5 (`MQTT`), the bridge bit of 3.x aside; 0x81 or 0x82 for a fault in 5.0
 * @throws {ProtocolError} 0x84 for another protocol name, 0x81 or 0x82 for a fault in 3.x
 */
export function decodeConnect(frame: Frame, limits: DecodeLimits): ConnectPacket {
  const reader = new ByteReader(frame.bytes, frame.start, frame.end, "CONNECT");
  const { protocolVersion, isBridge } = readVersion(reader);
  checkFixedHeader(frame, protocolVersion);
  const flags = reader.u8("connect flags");
  if (protocolVersion === 5) return decodeConnect5(reader, flags, limits);
  checkFlags(flags, protocolVersion);
  return { ...readConnect(reader, flags, protocolVersion, limits), ...isBridge && { isBridge } };
}

function readVersion(reader: ByteReader): { protocolVersion: ProtocolVersion; isBridge: boolean } {
  const name = reader.string("protocol name");
  const level = reader.u8("protocol level");
  if (name !== "MQTT" && name !== "MQIsdp") {
    // [MQTT-3.1.2-1] 3.1.1 and 5.0
    const shown = quote(name);
    throw new ProtocolError(
      ReasonCode.UnsupportedProtocolVersion,
      `protocol name must be "MQTT" or "MQIsdp": got ${shown}`,
    );
  }
  if (name === "MQTT" && level === 5) return { protocolVersion: 5, isBridge: false };
  const older = name === "MQTT" ? 4 : 3;
  if ((level & ~BRIDGE_BIT) === older) return { protocolVersion: older, isBridge: level !== older };
  const reason = `protocol level must be 3, 4 or 5 and fit "${name}": got ${level}`;
  throw new ConnectError(nearestVersion(name, level), ReasonCode.UnsupportedProtocolVersion, reason);
}

/** What the client of a level that is not served most likely reads. */
function nearestVersion(name: "MQTT" | "MQIsdp", level: number): ProtocolVersion {
  if (name === "MQIsdp") return 3;
  return level > 5 && level < BRIDGE_BIT ? 5 : 4;
}

/** What the frame's reader could not know. In 3.1 the flags are unused, and only 5.0 wants the shortest length. */
function checkFixedHeader({ bytes, firstByte, start }: Frame, version: ProtocolVersion): void {
  // [MQTT-2.2.2-2] 3.1.1, [MQTT-2.1.3-1] 5.0
  if (version !== 3 && (firstByte & 0x0f) !== 0) {
    const reason = `CONNECT: flags in the first byte must be 0: got 0x${firstByte.toString(16)}`;
    throw version === 5 ? new ConnectError(5, ReasonCode.MalformedPacket, reason) : malformed(reason);
  }
  // [MQTT-1.5.5-1] 5.0: a CONNECT is never empty, so that a last byte 0 has nothing to add.
  if (version === 5 && bytes[start - 1] === 0) {
    const reason = "CONNECT: remaining length must take as few bytes as it can: last is 0";
    throw new ConnectError(5, ReasonCode.MalformedPacket, reason);
  }
}

function checkFlags(flags: number, version: ProtocolVersion): void {
  // [MQTT-3.1.2-3] 3.1.1 and 5.0; in 3.1 the bit is unused.
  if (version !== 3 && (flags & RESERVED_FLAG) !== 0) throw malformed("CONNECT: reserved connect flag must be 0");
  const willQos = flags >> 3 & 3;
  // [MQTT-3.1.2-14] 3.1.1, [MQTT-3.1.2-12] 5.0
  if (willQos === 3) throw malformed("CONNECT: will QoS must be 0 to 2: got 3");
  // [MQTT-3.1.2-11], [MQTT-3.1.2-13], [MQTT-3.1.2-15] 3.1.1, [MQTT-3.1.2-11], [MQTT-3.1.2-13] 5.0
  if ((flags & WILL_FLAG) === 0 && (willQos !== 0 || (flags & WILL_RETAIN_FLAG) !== 0)) {
    throw malformed("CONNECT: will QoS and will retain must be 0 without the will flag");
  }
  // [MQTT-3.1.2-22] 3.1.1; 5.0 has a password on its own.
  if (version !== 5 && (flags & PASSWORD_FLAG) !== 0 && (flags & USERNAME_FLAG) === 0) {
    throw malformed("CONNECT: password flag must not be set without the username flag");
  }
}

/** What a CONNECT without properties means (MQTT 5.0 §3.1.2.11). */
const defaults = {
  receiveMaximum: 65535,
  topicAliasMaximum: 0,
  requestResponseInformation: false,
  requestProblemInformation: true,
};

/** MQTT 5.0 §4.13.1: the client may be told in a CONNACK what is wrong with its CONNECT. */
function decodeConnect5(reader: ByteReader, flags: number, limits: DecodeLimits): ConnectPacket {
  try {
    checkFlags(flags, 5);
    return readConnect(reader, flags, 5, limits);
  } catch (error) {
    if (error instanceof ProtocolError) throw new ConnectError(5, error.reasonCode, error.message);
    throw error;
  }
}

function readConnect(
  reader: ByteReader,
  flags: number,
  protocolVersion: ProtocolVersion,
  limits: DecodeLimits,
): ConnectPacket {
  const keepAliveSeconds = reader.u16("keep alive");
  const properties = protocolVersion === 5 && connectProperties(reader, limits);
  // In 3.1 the remaining length takes precedence over the flags: both may be announced and absent (MQTT 3.1 §3.1).
  const has = (flag: number) => (flags & flag) !== 0 && (protocolVersion !== 3 || reader.remaining > 0);
  const packet: ConnectPacket = {
    type: PacketType.Connect,
    protocolVersion,
    cleanStart: (flags & CLEAN_START_FLAG) !== 0,
    keepAliveSeconds,
    clientIdentifier: reader.string("client identifier"),
    ...(flags & WILL_FLAG) !== 0 && { will: readWill(reader, flags, protocolVersion, limits) },
    ...has(USERNAME_FLAG) && { username: reader.string("username") },
    ...has(PASSWORD_FLAG) && { password: reader.binary("password") },
    ...defaults,
    ...properties,
  };
  reader.finish();
  return packet;
}

function connectProperties(reader: ByteReader, limits: DecodeLimits) {
  const properties = readProperties(reader, PacketType.Connect, limits);
  // MQTT 5.0 §3.1.2.11.10
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw protocolError("CONNECT: authenticationData must not stand without authenticationMethod");
  }
  return { sessionExpiryIntervalSeconds: 0, ...properties };
}

function readWill(reader: ByteReader, flags: number, version: ProtocolVersion, limits: DecodeLimits): Will {
  const { delayIntervalSeconds = 0, ...properties } = version === 5 ? readProperties(reader, "will", limits) : {};
  return compactWill({
    topicName: topicNameField(reader.string("will topic"), "CONNECT: will topic"),
    payload: reader.binary("will payload"),
    qos: (flags >> 3 & 3) as QoS,
    retain: (flags & WILL_RETAIN_FLAG) !== 0,
    delayIntervalSeconds,
    properties,
  });
}
