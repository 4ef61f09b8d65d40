/**
 * What nodes tell each other through the log, and how it stands in the log's bytes: `A7`, the version, the CRC-32 of all
 * that follows (begun with the version from version 2 on), then the fields.
 */
import { crc32 } from "node:zlib";
import { BytesError, ByteSink, ByteSource } from "./bytes.ts";

/** A record: who says something, and what. */
export interface ClusterRecord {
  /** The node that says it. */
  readonly writer: string;
  /** Which life of the node this is; each is higher than the one before. */
  readonly incarnation: number;
  /** Numbers the records of one life, from 0 on. */
  readonly n: number;
  readonly body: RecordBody;
}

/** What a record says. */
export type RecordBody = Up | Heartbeat | Down | Claim | Yield | Batch | Snapshot;

/** The node begins a life; always record 0 of it. It reads the versions from `oldest` to `newest`. */
export interface Up {
  readonly type: "up";
  readonly oldest: number;
  readonly newest: number;
  /** Where others reach it, `host:port`; empty: nowhere. */
  readonly address: string;
}

/** The node lives, and its copy is safe on its disk up to a position. */
export interface Heartbeat {
  readonly type: "heartbeat";
  readonly safe: number;
}

/** That life of a node is over. */
export interface Down {
  readonly type: "down";
  readonly node: string;
  readonly incarnation: number;
}

/** The writer wants to own a shard whose epoch is this one. */
export interface Claim {
  readonly type: "claim";
  readonly shard: number;
  readonly epoch: number;
}

/** The writer, which owns the shard in this epoch, hands it to another node. */
export interface Yield {
  readonly type: "yield";
  readonly shard: number;
  readonly epoch: number;
  readonly to: string;
}

/** What a node did, in the order in which it did it. */
export interface Batch {
  readonly type: "batch";
  readonly entries: readonly BatchEntry[];
}

/**
 * A part of what the log says up to a position, whose records may be given up when all parts are there: who reads from here
 * on knows the same.
 */
export interface Snapshot {
  readonly type: "snapshot";
  readonly position: number;
  /** From 0 on. */
  readonly part: number;
  readonly isLast: boolean;
  /** All nodes that were ever up; in part 0 only. */
  readonly writers: readonly SnapshotWriter[];
  /** All shards, from 0 on; in part 0 only. Up to version 1 there are none. */
  readonly shards: readonly SnapshotShard[];
  readonly items: readonly SnapshotItem[];
}

/** What is known of a node. */
export interface SnapshotWriter {
  readonly node: string;
  readonly incarnation: number;
  readonly live: boolean;
  readonly next: number;
  readonly address: string;
}

/** Who owns a shard, perhaps a life that is over, and in which epoch; `undefined`: it was never claimed. */
export interface SnapshotShard {
  readonly owner: { readonly node: string; readonly incarnation: number } | undefined;
  readonly epoch: number;
}

/** What a node once said, and what still holds. */
export interface SnapshotItem {
  readonly node: string;
  readonly incarnation: number;
  /** When it was said, or when a dead node's will is due: milliseconds since the epoch. */
  readonly timeMs: number;
  readonly isOrphan: boolean;
  readonly content: Uint8Array;
}

/** One thing in a batch. */
export type BatchEntry = LoggedMessage | ShardPart;

/** A message that was published. */
export interface LoggedMessage {
  readonly type: "message";
  /** Who published it, if that is a session whose owner speaks for it. */
  readonly publisher: Publisher | undefined;
  /** The message itself, and what was chosen for it. */
  readonly content: Uint8Array;
}

/** The session that published a message. */
export interface Publisher {
  readonly shard: number;
  /** In which the writer owns the shard. */
  readonly epoch: number;
  readonly session: number;
  /** 0 at QoS 1, of which duplicates are not told. */
  readonly packetIdentifier: number;
}

/** What changed in the sessions of one shard. */
export interface ShardPart {
  readonly type: "part";
  readonly shard: number;
  /** In which the writer owns the shard. */
  readonly epoch: number;
  /** Up to which position messages have become deliveries. */
  readonly applied: number;
  /** Identifiers of QoS 2 that PUBREL freed. */
  readonly released: readonly Released[];
  /** Sessions that are over, with all their identifiers. */
  readonly ended: readonly number[];
  /** The changes themselves. */
  readonly changes: Uint8Array;
}

/** A packet identifier that a session may use again. */
export interface Released {
  readonly session: number;
  readonly packetIdentifier: number;
}

/**
 * Bytes that are no record. `foreign`: nobody of this kind wrote them. `version`: a newer node wrote them. `damaged`: the
 * checksum or a field is wrong.
 */
export interface Unreadable {
  readonly unreadable: "foreign" | "version" | "damaged";
  /** For people. */
  readonly text: string;
}

/** The version that is written, and the oldest that is read. */
export const RECORD_VERSION = 2;
export const OLDEST_RECORD_VERSION = 1;
const MARK = 0xa7;
const HEAD_BYTES = 6;
const bodies = ["up", "heartbeat", "down", "claim", "yield", "batch", "snapshot"] as const;

/** A record's bytes. */
export function encodeRecord({ writer, incarnation, n, body }: ClusterRecord): Uint8Array<ArrayBuffer> {
  const sink = new ByteSink();
  for (const byte of [MARK, RECORD_VERSION, 0, 0, 0, 0]) sink.u8(byte);
  sink.text(writer);
  sink.number(incarnation);
  sink.number(n);
  sink.u8(bodies.indexOf(body.type));
  writeBody(sink, body);
  const bytes = sink.take();
  const view = new DataView(bytes.buffer, 0, HEAD_BYTES);
  view.setUint32(2, checksum(bytes, RECORD_VERSION));
  return bytes;
}

/** The record that bytes are; contents and changes are parts of `bytes`, not copies. */
export function decodeRecord(bytes: Uint8Array): ClusterRecord | Unreadable {
  if (bytes.length < HEAD_BYTES || bytes[0] !== MARK) {
    return { unreadable: "foreign", text: `${bytes.length} bytes are no record of this cluster` };
  }
  const version = bytes[1]!;
  if (version < OLDEST_RECORD_VERSION || version > RECORD_VERSION) {
    const expected = `${OLDEST_RECORD_VERSION} to ${RECORD_VERSION}`;
    return { unreadable: "version", text: `a record of version ${version}, expected ${expected}` };
  }
  const told = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES).getUint32(2);
  const found = checksum(bytes, version);
  if (told !== found) return { unreadable: "damaged", text: `a record's checksum is ${told}, expected ${found}` };
  try {
    return readRecord(new ByteSource(bytes, HEAD_BYTES), version);
  } catch (error) {
    if (error instanceof BytesError) return { unreadable: "damaged", text: `a record is damaged: ${error.message}` };
    throw error;
  }
}

/** A wrong version is found by it, too. */
function checksum(bytes: Uint8Array, version: number): number {
  return crc32(bytes.subarray(HEAD_BYTES), version === 1 ? 0 : version);
}

function readRecord(source: ByteSource, version: number): ClusterRecord {
  const [writer, incarnation, n] = [source.text(), source.number(), source.number()];
  const body = readBody(source, version);
  if (source.remaining > 0) throw new BytesError(`${source.remaining} bytes are left`);
  return { writer, incarnation, n, body };
}

function writeBody(sink: ByteSink, body: RecordBody): void {
  switch (body.type) {
    case "up":
      sink.number(body.oldest);
      sink.number(body.newest);
      return sink.text(body.address);
    case "heartbeat":
      return sink.number(body.safe);
    case "down":
      sink.text(body.node);
      return sink.number(body.incarnation);
    case "claim":
      sink.number(body.shard);
      return sink.number(body.epoch);
    case "yield":
      sink.number(body.shard);
      sink.number(body.epoch);
      return sink.text(body.to);
    case "snapshot":
      return writeSnapshot(sink, body);
    case "batch":
      return sink.list(
        body.entries,
        (entry) => entry.type === "message" ? writeMessage(sink, entry) : writePart(sink, entry),
      );
  }
}

function readBody(source: ByteSource, version: number): RecordBody {
  const type = bodies[source.u8()];
  switch (type) {
    case "up":
      return { type, oldest: source.number(), newest: source.number(), address: source.text() };
    case "heartbeat":
      return { type, safe: source.number() };
    case "down":
      return { type, node: source.text(), incarnation: source.number() };
    case "claim":
      return { type, shard: source.number(), epoch: source.number() };
    case "yield":
      return { type, shard: source.number(), epoch: source.number(), to: source.text() };
    case "snapshot":
      return readSnapshot(source, version);
    case "batch":
      return { type, entries: source.list(() => readEntry(source)) };
    default:
      throw new BytesError("it says nothing that is known");
  }
}

function writeSnapshot(sink: ByteSink, { position, part, isLast, writers, shards, items }: Snapshot): void {
  sink.number(position);
  sink.number(part);
  sink.u8(isLast ? 1 : 0);
  sink.list(writers, ({ node, incarnation, live, next, address }) => {
    sink.text(node);
    sink.number(incarnation);
    sink.u8(live ? 1 : 0);
    sink.number(next);
    sink.text(address);
  });
  sink.list(shards, ({ owner, epoch }) => {
    sink.u8(owner === undefined ? 0 : 1);
    if (owner !== undefined) {
      sink.text(owner.node);
      sink.number(owner.incarnation);
    }
    sink.number(epoch);
  });
  sink.list(items, ({ node, incarnation, timeMs, isOrphan, content }) => {
    sink.text(node);
    sink.number(incarnation);
    sink.number(timeMs);
    sink.u8(isOrphan ? 1 : 0);
    sink.bytes(content);
  });
}

function readSnapshot(source: ByteSource, version: number): Snapshot {
  const [position, part, isLast] = [source.number(), source.number(), source.u8() === 1];
  const writers = source.list(() => ({
    node: source.text(),
    incarnation: source.number(),
    live: source.u8() === 1,
    next: source.number(),
    address: source.text(),
  }));
  const shards = version < 2 ? [] : source.list(() => ({
    owner: source.u8() === 0 ? undefined : { node: source.text(), incarnation: source.number() },
    epoch: source.number(),
  }));
  const items = source.list(() => ({
    node: source.text(),
    incarnation: source.number(),
    timeMs: source.number(),
    isOrphan: source.u8() === 1,
    content: source.bytes(),
  }));
  return { type: "snapshot", position, part, isLast, writers, shards, items };
}

/** What kind of entry follows. */
const OWN_MESSAGE = 0, SESSION_MESSAGE = 1, PART = 2;

function writeMessage(sink: ByteSink, { publisher, content }: LoggedMessage): void {
  sink.u8(publisher === undefined ? OWN_MESSAGE : SESSION_MESSAGE);
  if (publisher !== undefined) {
    sink.number(publisher.shard);
    sink.number(publisher.epoch);
    sink.number(publisher.session);
    sink.number(publisher.packetIdentifier);
  }
  sink.bytes(content);
}

function writePart(sink: ByteSink, part: ShardPart): void {
  sink.u8(PART);
  sink.number(part.shard);
  sink.number(part.epoch);
  sink.number(part.applied);
  sink.list(part.released, ({ session, packetIdentifier }) => {
    sink.number(session);
    sink.number(packetIdentifier);
  });
  sink.list(part.ended, (session) => sink.number(session));
  sink.bytes(part.changes);
}

function readEntry(source: ByteSource): BatchEntry {
  const kind = source.u8();
  if (kind > PART) throw new BytesError("an entry of a batch is nothing that is known");
  if (kind === PART) return readPart(source);
  const publisher = kind === OWN_MESSAGE ? undefined : {
    shard: source.number(),
    epoch: source.number(),
    session: source.number(),
    packetIdentifier: source.number(),
  };
  return { type: "message", publisher, content: source.bytes() };
}

function readPart(source: ByteSource): ShardPart {
  return {
    type: "part",
    shard: source.number(),
    epoch: source.number(),
    applied: source.number(),
    released: source.list(() => ({ session: source.number(), packetIdentifier: source.number() })),
    ended: source.list(() => source.number()),
    changes: source.bytes(),
  };
}
