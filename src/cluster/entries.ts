/** What stands in the messages of a batch: a message for all nodes, what becomes of a will, or something for one node. */
import type { Message } from "../message.ts";
import { OutputBuffer } from "../packet/output_buffer.ts";
import type { Will } from "../packet/packets.ts";
import type { TopicNames } from "../packet/topic_names.ts";
import { compactWill } from "../packet/will.ts";
import { willMessage } from "../routing/wills.ts";
import type { StoredWill } from "../store/store.ts";
import { BytesError, ByteSource } from "./bytes.ts";
import type { Life } from "./cluster_state.ts";
import { FrameType, readMessage, writeBytes, writeMessage, writeNumber, writeText } from "./frames.ts";

const MESSAGE = 0, WILL_MESSAGE = 1, WILL = 2, WILL_END = 3, PARCEL = 4;
const PARTS = ["first", "more", "last"] as const;

/** One thing that a node told all others. */
export type LogEntry =
  | { readonly type: "message"; readonly message: Message; readonly will: string | undefined }
  | { readonly type: "will"; readonly key: string; readonly stored: StoredWill }
  | { readonly type: "will-end"; readonly key: string }
  | { readonly type: "parcel"; readonly parcel: Parcel };

/** A piece of what goes from one node to another through the log. */
export interface Parcel {
  readonly to: Life;
  /** Numbered by who began it. */
  readonly connection: number;
  /** It is from the other one. */
  readonly isAnswer: boolean;
  readonly part: typeof PARTS[number];
  readonly bytes: Uint8Array;
}

/** Names a client's will: each life of a node has its own of them. */
export function willKey({ node, incarnation }: Life, clientIdentifier: string): string {
  return `${incarnation}/${node}/${clientIdentifier}`;
}

/** A message; one that is a will ends that will. */
export function encodeMessage(message: Message, nowMs: number): Uint8Array {
  const out = new OutputBuffer();
  const { trail } = message;
  out.u8(trail?.will === undefined ? MESSAGE : WILL_MESSAGE);
  if (trail?.will !== undefined) writeText(out, trail.will);
  writeMessage(out, message, undefined, () => nowMs);
  return out.take();
}

/** A will that a client leaves, in place of its last. */
export function encodeWill({ clientIdentifier, username, will, dueAt }: StoredWill): Uint8Array {
  const out = new OutputBuffer();
  out.u8(WILL);
  writeText(out, clientIdentifier);
  out.u8(username === undefined ? 0 : 1);
  writeText(out, username ?? "");
  writeNumber(out, will.delayIntervalSeconds);
  writeNumber(out, dueAt === undefined ? 0 : Math.max(1, Math.ceil(dueAt)));
  // Its expiry interval begins when it is published.
  writeNumber(out, (will.properties?.messageExpiryIntervalSeconds ?? -1) + 1);
  const { messageExpiryIntervalSeconds: _, ...properties } = will.properties ?? {};
  writeMessage(out, willMessage({ ...will, properties }, clientIdentifier, 0), undefined, () => 0);
  return out.take();
}

/** A will is void. */
export function encodeWillEnd(key: string): Uint8Array {
  const out = new OutputBuffer();
  out.u8(WILL_END);
  writeText(out, key);
  return out.take();
}

/** A piece for one node. */
export function encodeParcel({ to, connection, isAnswer, part, bytes }: Parcel): Uint8Array {
  const out = new OutputBuffer();
  out.u8(PARCEL);
  writeText(out, to.node);
  writeNumber(out, to.incarnation);
  writeNumber(out, connection);
  out.u8(isAnswer ? 1 : 0);
  out.u8(PARTS.indexOf(part));
  writeBytes(out, bytes);
  return out.take();
}

/**
 * Reads what one of the others says.
 *
 * @param place who says it, and when that was by the clock that messages expire by
 * @throws {BytesError | ProtocolError} if it is nothing that is known
 */
export function decodeEntry(
  bytes: Uint8Array,
  names: TopicNames,
  place: { readonly life: Life; readonly nowMs: number },
): LogEntry {
  const source = new ByteSource(bytes);
  const type = source.u8();
  const trail = { fromNode: place.life.node };
  const message = () => {
    if (source.u8() !== FrameType.Message) throw new BytesError("an entry has no message");
    return readMessage(bytes, source, names, { now: () => place.nowMs, trail }).message;
  };
  if (type === MESSAGE) return { type: "message", message: message(), will: undefined };
  if (type === WILL_MESSAGE) {
    const will = source.text();
    return { type: "message", message: message(), will };
  }
  if (type === WILL_END) return { type: "will-end", key: source.text() };
  if (type === PARCEL) return { type: "parcel", parcel: readParcel(source) };
  if (type === WILL) return readWill(source, message, place.life);
  throw new BytesError(`an entry of type ${type} is nothing that is known`);
}

function readParcel(source: ByteSource): Parcel {
  const to = { node: source.text(), incarnation: source.number() };
  const [connection, isAnswer, part] = [source.number(), source.u8() === 1, PARTS[source.u8()]];
  if (part === undefined) throw new BytesError(`a piece is ${PARTS.join(", ")}: got none of them`);
  return { to, connection, isAnswer, part, bytes: source.bytes() };
}

function readWill(source: ByteSource, message: () => Message, life: Life): LogEntry {
  const clientIdentifier = source.text();
  const [hasUsername, username] = [source.u8() === 1, source.text()];
  const [delayIntervalSeconds, dueAt, expiry] = [source.number(), source.number(), source.number()];
  const { topicName, payload, qos, retain, properties } = message();
  const own = { ...properties, ...expiry > 0 && { messageExpiryIntervalSeconds: expiry - 1 } };
  const will: Will = compactWill({
    topicName,
    payload: payload.slice(),
    qos,
    retain,
    delayIntervalSeconds,
    ...Object.keys(own).length > 0 && { properties: own },
  });
  const stored = { clientIdentifier, username: hasUsername ? username : undefined, will };
  return {
    type: "will",
    key: willKey(life, clientIdentifier),
    stored: { ...stored, ...dueAt > 0 && { dueAt } },
  };
}
