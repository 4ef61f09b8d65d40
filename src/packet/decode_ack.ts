import { ByteReader } from "./byte_reader.ts";
import type { DecodeLimits } from "./decode_limits.ts";
import type { Frame } from "./frame_reader.ts";
import { packetIdentifierAt } from "./packet_identifier.ts";
import { type AckPacket, type AuthPacket, type DisconnectPacket, PacketType, type ProtocolVersion } from "./packets.ts";
import type { Properties } from "./properties.ts";
import { readProperties } from "./property_codec.ts";
import { malformed, protocolError } from "./protocol_error.ts";
import { describeReasonCode, ReasonCode } from "./reason_code.ts";

const publishReasonCodes: ReadonlySet<number> = new Set([
  ReasonCode.Success,
  ReasonCode.NoMatchingSubscribers,
  ReasonCode.UnspecifiedError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.NotAuthorized,
  ReasonCode.TopicNameInvalid,
  ReasonCode.PacketIdentifierInUse,
  ReasonCode.QuotaExceeded,
  ReasonCode.PayloadFormatInvalid,
]);

const releaseReasonCodes: ReadonlySet<number> = new Set([ReasonCode.Success, ReasonCode.PacketIdentifierNotFound]);

/** What a client may give as its reason (MQTT 5.0 §3.14.2.1). */
const disconnectReasonCodes: ReadonlySet<number> = new Set([
  ReasonCode.Success,
  ReasonCode.DisconnectWithWill,
  ReasonCode.UnspecifiedError,
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.TopicNameInvalid,
  ReasonCode.ReceiveMaximumExceeded,
  ReasonCode.TopicAliasInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.MessageRateTooHigh,
  ReasonCode.QuotaExceeded,
  ReasonCode.AdministrativeAction,
  ReasonCode.PayloadFormatInvalid,
]);

/** What a client may say (MQTT 5.0 §3.15.2.1). */
const authReasonCodes: ReadonlySet<number> = new Set([
  ReasonCode.ContinueAuthentication,
  ReasonCode.ReAuthenticate,
]);

const acks = {
  [PacketType.Puback]: { what: "PUBACK", reasonCodes: publishReasonCodes },
  [PacketType.Pubrec]: { what: "PUBREC", reasonCodes: publishReasonCodes },
  [PacketType.Pubrel]: { what: "PUBREL", reasonCodes: releaseReasonCodes },
  [PacketType.Pubcomp]: { what: "PUBCOMP", reasonCodes: releaseReasonCodes },
};

/**
 * Reads a PUBACK, PUBREC, PUBREL or PUBCOMP.
 *
 * @throws {ProtocolError} 0x81 if it cannot be read, 0x82 for a packet identifier 0 or a reason code of other packets
 */
export function decodeAck(
  frame: Frame,
  type: AckPacket["type"],
  version: ProtocolVersion,
  limits: DecodeLimits,
): AckPacket {
  const { bytes, start, end } = frame;
  const packetIdentifier = packetIdentifierAt(bytes, start, end, acks[type].what);
  if (end - start === 2) return { type, packetIdentifier, reasonCode: ReasonCode.Success };
  return decodeLongAck(frame, type, packetIdentifier, version, limits);
}

/** Reads on, behind the packet identifier. */
function decodeLongAck(
  frame: Frame,
  type: AckPacket["type"],
  packetIdentifier: number,
  version: ProtocolVersion,
  limits: DecodeLimits,
): AckPacket {
  const { what, reasonCodes } = acks[type];
  const size = frame.end - frame.start;
  if (version !== 5) throw malformed(`${what} must have a body of 2 bytes: got ${size}`);
  const reader = new ByteReader(frame.bytes, frame.start + 2, frame.end, what);
  const { reasonCode, properties } = readReason(reader, { type, what, reasonCodes, limits });
  return { type, packetIdentifier, reasonCode, ...properties !== undefined && { properties } };
}

/**
 * Reads a DISCONNECT; that of 3.x is {@linkcode ReasonCode.Success}.
 *
 * @throws {ProtocolError} 0x81 if it cannot be read, 0x82 for what a client must not send
 */
export function decodeDisconnect(frame: Frame, version: ProtocolVersion, limits: DecodeLimits): DisconnectPacket {
  const type = PacketType.Disconnect;
  const size = frame.end - frame.start;
  if (size === 0) return { type, reasonCode: ReasonCode.Success };
  if (version !== 5) throw malformed(`DISCONNECT must have no body: got ${size} bytes`);
  const reader = new ByteReader(frame.bytes, frame.start, frame.end, "DISCONNECT");
  const { reasonCode, properties } = readReason(reader, {
    type,
    what: "DISCONNECT",
    reasonCodes: disconnectReasonCodes,
    limits,
  });
  return { type, reasonCode, ...properties !== undefined && { properties } };
}

/**
 * Reads an AUTH (MQTT 5.0 §3.15).
 *
 * @throws {ProtocolError} 0x81 if it cannot be read or the connection is not of 5.0, 0x82 for what a client must not send
 */
export function decodeAuth(frame: Frame, version: ProtocolVersion, limits: DecodeLimits): AuthPacket {
  const type = PacketType.Auth;
  if (version !== 5) throw malformed("packet type must be 1 to 14 before 5.0: got 15");
  // A body may be left out for Success, which only a server says.
  if (frame.start === frame.end) throw protocolError("AUTH: reason code must be one that a client may send: got none");
  const reader = new ByteReader(frame.bytes, frame.start, frame.end, "AUTH");
  const { reasonCode, properties } = readReason(reader, { type, what: "AUTH", reasonCodes: authReasonCodes, limits });
  // MQTT 5.0 §3.15.2.2.2
  if (properties?.authenticationMethod === undefined) {
    throw protocolError("AUTH: authenticationMethod must be given");
  }
  return { type, reasonCode, properties };
}

/** Reason code and properties, of which the latter may be left out. */
function readReason(
  reader: ByteReader,
  { type, what, reasonCodes, limits }: {
    readonly type: typeof PacketType.Disconnect | typeof PacketType.Auth | AckPacket["type"];
    readonly what: string;
    readonly reasonCodes: ReadonlySet<number>;
    readonly limits: DecodeLimits;
  },
): { reasonCode: ReasonCode; properties: Properties | undefined } {
  const reasonCode = reader.u8("reason code");
  if (!reasonCodes.has(reasonCode)) {
    throw protocolError(
      `${what}: reason code must be one that a client may send: got ${describeReasonCode(reasonCode)}`,
    );
  }
  const properties = reader.remaining > 0 ? readProperties(reader, type, limits) : {};
  reader.finish();
  const any = Object.keys(properties).length > 0;
  return { reasonCode: reasonCode as ReasonCode, properties: any ? properties : undefined };
}
