/**
 * What nodes say to each other over a link. Frames that must not be lost are numbered by their order, from 1 on in each
 * pair of lives; the others are messages at QoS 0, and acknowledgements.
 */
import { expiryTime, Message } from "../message.ts";
import { decodePublish } from "../packet/decode_publish.ts";
import { noDecodeLimits } from "../packet/decode_limits.ts";
import { encodeCopy, publishFirstByte } from "../packet/encode_publish.ts";
import type { OutputBuffer } from "../packet/output_buffer.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { TopicNames } from "../packet/topic_names.ts";
import type { Trail } from "../receipt.ts";
import { BytesError, ByteSource } from "./bytes.ts";

/** The first byte of each. */
export const FrameType = {
  Message: 1,
  Routes: 2,
  Acknowledge: 3,
  Request: 4,
  Answer: 5,
  Digest: 6,
  RoutesWanted: 7,
  NotTaken: 8,
  After: 9,
} as const;

/** What the second byte of a message tells. */
const HAS_PUBLISHER = 1, IS_SHARED = 2, IS_3X = 4, EXPIRES = 8;

/** A group that a message is for: `{ShareName}` and `{filter}` of a Shared Subscription. */
export interface GroupName {
  readonly shareName: string;
  readonly topicFilter: TopicFilter;
}

/** A message that came from another node. */
export interface CarriedMessage {
  readonly message: Message;
  /** It is for one member of this group; `undefined`: it is for all who are subscribed, but for groups. */
  readonly group: GroupName | undefined;
}

/** One change of what a node's clients are subscribed to. */
export interface RouteChange {
  readonly topicFilter: TopicFilter;
  /** `undefined`: not shared. */
  readonly shareName: string | undefined;
  /** How many members the node has; 0: it is subscribed no longer. */
  readonly weight: number;
}

/** By whose clock a message comes, and what it is marked with. */
export interface MessagePlace {
  readonly now: () => number;
  readonly trail: Trail;
}

/** Whether the next byte begins a frame that is numbered. */
export function isNumbered(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] === FrameType.Acknowledge) return false;
  return bytes[at] !== FrameType.Message || (bytes[messageStart(bytes, at)]! & 6) !== 0;
}

/** Where the PUBLISH of a message begins. */
function messageStart(bytes: Uint8Array, at: number): number {
  const source = new ByteSource(bytes, at + 1);
  skipMessageHead(source);
  return bytes.length - source.remaining;
}

function skipMessageHead(source: ByteSource): void {
  const flags = source.u8();
  if (flags & EXPIRES) source.number();
  if (flags & HAS_PUBLISHER) source.bytes();
  if (flags & IS_SHARED) {
    source.bytes();
    source.bytes();
  }
}

/** Appends a message as it goes to another node. The clock is looked at for one that expires only. */
export function writeMessage(
  out: OutputBuffer,
  message: Message,
  group: GroupName | undefined,
  now: () => number,
): void {
  const { publisher, qos, body, expiresAtMs } = message;
  out.u8(FrameType.Message);
  const flagsAt = out.length;
  const fixed = (publisher === undefined ? 0 : HAS_PUBLISHER) | (group === undefined ? 0 : IS_SHARED);
  out.u8(fixed | (expiresAtMs === undefined ? 0 : EXPIRES));
  // In milliseconds and one more: 0 is a message for now.
  if (expiresAtMs !== undefined) writeNumber(out, Math.max(0, Math.ceil(expiresAtMs - now()) + 1));
  if (publisher !== undefined) writeText(out, publisher);
  if (group !== undefined) {
    writeText(out, group.shareName);
    writeText(out, group.topicFilter);
  }
  const firstByte = publishFirstByte(qos, message.retain, false);
  const packetIdentifier = qos === 0 ? 0 : 1;
  if (body.writeAsReceived(out, firstByte, packetIdentifier, 5)) return;
  if (body.writeAsReceived(out, firstByte, packetIdentifier, 4)) {
    out.bytes[flagsAt] = out.bytes[flagsAt]! | IS_3X;
    return;
  }
  const { topicName, retain } = message;
  // Without it the other node would take these bytes for what each of its clients may be sent.
  const messageExpiryIntervalSeconds = expiresAtMs === undefined ? undefined : intervalOf(message, now);
  encodeCopy(out, { topicName, qos, retain, dup: false, packetIdentifier, messageExpiryIntervalSeconds }, body, 5);
}

/** The message expiry interval as it came; else what is left of it. */
function intervalOf({ body, expiresAtMs }: Message, now: () => number): number {
  const given = body.hasExpiry ? body.properties?.messageExpiryIntervalSeconds : undefined;
  return given ?? Math.max(0, Math.ceil((expiresAtMs! - now()) / 1000));
}

/**
 * Reads a message behind its type. It lies in the bytes that are read.
 *
 * @param place when it comes, and what it is marked with
 * @throws {BytesError | ProtocolError} if it is none
 */
export function readMessage(
  bytes: Uint8Array,
  source: ByteSource,
  names: TopicNames,
  place: MessagePlace,
): CarriedMessage {
  const flags = source.u8();
  const lastsMs = flags & EXPIRES ? source.number() : undefined;
  const publisher = flags & HAS_PUBLISHER ? source.text() : undefined;
  const group = flags & IS_SHARED ? { shareName: source.text(), topicFilter: source.text() as TopicFilter } : undefined;
  const firstByte = source.u8();
  // The same form as a packet's remaining length.
  const length = source.bytes().length;
  const end = bytes.length - source.remaining;
  const frame = { bytes, firstByte, start: end - length, end };
  const packet = decodePublish(frame, flags & IS_3X ? 4 : 5, names, noDecodeLimits);
  if (packet.topicName === "") throw new BytesError("a message has no topic name");
  const expiresAtMs = lastsMs === undefined ? undefined : endOf(lastsMs, place.now());
  const message = new Message(packet.topicName, packet.body, packet.qos, packet.retain, publisher, expiresAtMs);
  message.trail = place.trail;
  return { message, group };
}

/** When a message ends that lasts so many milliseconds and one more; 0: it is for now. */
function endOf(lastsMs: number, nowMs: number): number | undefined {
  return lastsMs === 0 ? expiryTime(0, nowMs) : nowMs + lastsMs - 1;
}

/** Appends changes of routes. @param isWhole they are all there are: what was told before is void */
export function writeRoutes(out: OutputBuffer, changes: readonly RouteChange[], isWhole: boolean): void {
  out.u8(FrameType.Routes);
  out.u8(isWhole ? 1 : 0);
  writeNumber(out, changes.length);
  for (const { topicFilter, shareName, weight } of changes) {
    writeText(out, topicFilter);
    writeNumber(out, weight);
    writeText(out, shareName ?? "");
  }
}

/** Reads changes of routes behind their type. */
export function readRoutes(source: ByteSource): { isWhole: boolean; changes: readonly RouteChange[] } {
  const isWhole = source.u8() === 1;
  const changes = source.list(() => {
    const [topicFilter, weight, shareName] = [source.text() as TopicFilter, source.number(), source.text()];
    return { topicFilter, weight, shareName: shareName === "" ? undefined : shareName };
  });
  return { isWhole, changes };
}

/** Appends a number as {@linkcode ByteSource.number} reads it. */
export function writeNumber(out: OutputBuffer, value: number): void {
  out.reserve(8);
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.bytes[out.length++] = rest % 0x80 | 0x80;
  out.bytes[out.length++] = rest;
}

const encoder = new TextEncoder();

/** Appends a text as {@linkcode ByteSource.text} reads it. */
export function writeText(out: OutputBuffer, text: string): void {
  const { length } = text;
  if (length < 0x80 && isAscii(text)) {
    out.reserve(length + 1);
    out.bytes[out.length++] = length;
    for (let i = 0; i < length; i++) out.bytes[out.length++] = text.charCodeAt(i);
    return;
  }
  const bytes = encoder.encode(text);
  writeNumber(out, bytes.length);
  out.set(bytes);
}

/** Appends bytes as {@linkcode ByteSource.bytes} reads them. */
export function writeBytes(out: OutputBuffer, bytes: Uint8Array): void {
  writeNumber(out, bytes.length);
  out.set(bytes);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}

/** Reads over one frame, whatever it says; its type has been read. */
export function skipFrame(type: number, source: ByteSource): void {
  if (type === FrameType.Message) {
    skipMessageHead(source);
    source.u8();
    source.bytes();
  } else if (type === FrameType.Routes) {
    readRoutes(source);
  } else if (type === FrameType.Request || type === FrameType.Answer) {
    source.number();
    source.bytes();
  } else if (type === FrameType.Acknowledge || type === FrameType.Digest) {
    source.number();
    source.number();
  } else if (type === FrameType.NotTaken || type === FrameType.After) {
    source.number();
  } else if (type !== FrameType.RoutesWanted) {
    throw new BytesError(`a frame of type ${type} is nothing that is known`);
  }
}
