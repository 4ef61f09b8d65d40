/**
 * Keeps the log short: now and then the lowest live node says in it what it comes to so far, and gives up what is older.
 * Who comes later begins with that.
 */
import type { Message } from "../message.ts";
import type { StoredWill } from "../store/store.ts";
import type { Shard, Writer } from "./cluster_state.ts";
import { encodeMessage, encodeWill } from "./entries.ts";
import type { Snapshot, SnapshotItem } from "./record.ts";

/** A part is closed when it is as large as this. */
const PART_BYTES = 256 * 1024;

/** What a snapshot is made of. */
export interface SnapshotSource {
  readonly position: number;
  readonly writers: Iterable<Writer>;
  /** From 0 on. */
  readonly shards: readonly Pick<Shard, "owner" | "epoch">[];
  readonly retained: Iterable<Message>;
  readonly wills: Iterable<{ readonly key: string; readonly stored: StoredWill; readonly dueAt: number | undefined }>;
  /** The clock that messages expire by. */
  readonly nowMs: number;
  /** Milliseconds since the epoch at that time. */
  readonly epochMs: number;
}

/** The parts of a snapshot of now, made one by one later. */
export function* snapshotParts(source: SnapshotSource): Generator<Snapshot, void> {
  const { position } = source;
  let items: SnapshotItem[] = [];
  let bytes = 0;
  let part = 0;
  const writers = Array.from(source.writers, ({ node, incarnation, live, next, address }) => {
    return { node, incarnation, live, next, address };
  });
  const head = { writers, shards: source.shards };
  const close = (isLast: boolean): Snapshot => {
    const own = part === 0 ? head : { writers: [], shards: [] };
    const snapshot = { type: "snapshot", position, part: part++, isLast, ...own, items } as const;
    items = [];
    bytes = 0;
    return snapshot;
  };
  for (const item of itemsOf(source)) {
    items.push(item);
    bytes += item.content.length;
    if (bytes >= PART_BYTES) yield close(false);
  }
  yield close(true);
}

function* itemsOf({ retained, wills, nowMs, epochMs }: SnapshotSource): Generator<SnapshotItem> {
  for (const { key, stored, dueAt } of wills) {
    const [incarnation, node] = key.split("/", 2) as [string, string];
    const timeMs = Math.max(0, Math.floor(dueAt ?? epochMs));
    yield {
      node,
      incarnation: Number(incarnation),
      timeMs,
      isOrphan: dueAt !== undefined,
      content: encodeWill(stored),
    };
  }
  for (const message of retained) {
    if (message.isExpired(nowMs)) continue;
    const content = encodeMessage(message, nowMs);
    yield { node: "", incarnation: 0, timeMs: Math.floor(epochMs), isOrphan: false, content };
  }
}

/** Puts the parts together that come by in the log. */
export class SnapshotReader {
  readonly #parts = new Map<string, Snapshot[]>();

  /** @returns all parts of a snapshot, once its last has come and none is missing */
  take(writer: string, incarnation: number, snapshot: Snapshot): readonly Snapshot[] | undefined {
    const key = `${incarnation}/${writer}/${snapshot.position}`;
    const parts = this.#parts.get(key) ?? [];
    if (parts.length !== snapshot.part) return undefined;
    parts.push(snapshot);
    this.#parts.set(key, parts);
    if (!snapshot.isLast) return undefined;
    this.#parts.delete(key);
    return parts;
  }

  /** A life is over: what it has not said to the end it never will. */
  forget(writer: string, incarnation: number): void {
    for (const key of this.#parts.keys()) if (key.startsWith(`${incarnation}/${writer}/`)) this.#parts.delete(key);
  }
}
