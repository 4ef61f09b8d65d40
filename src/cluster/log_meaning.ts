/** What comes of a record of the log: by the rules, and by what nodes say in it. */
import { errorText } from "../error_text.ts";
import type { Logger } from "../logger.ts";
import { Message } from "../message.ts";
import type { TopicNames } from "../packet/topic_names.ts";
import { quote } from "../quote.ts";
import type { Receipt } from "../receipt.ts";
import type { Router } from "../routing/router.ts";
import type { Clock } from "../runtime/environment.ts";
import type { WorkBudget } from "../work_budget.ts";
import type { ClusterState, Life, Writer } from "./cluster_state.ts";
import { decodeEntry, type LogEntry, type Parcel } from "./entries.ts";
import type { LogShortener } from "./log_shortener.ts";
import type { ClusterRecord, Snapshot } from "./record.ts";
import type { SnapshotReader } from "./snapshots.ts";
import type { WillBook } from "./will_book.ts";

const NOTHING = new Uint8Array(0);

/** What a {@linkcode LogMeaning} works with. */
export interface LogMeaningParts {
  readonly router: Router;
  /** What is retained; `$` topics are each node's own. */
  readonly retained: Iterable<Message>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly work: WorkBudget;
  readonly names: TopicNames;
  readonly state: ClusterState;
  readonly wills: WillBook;
  readonly snapshots: SnapshotReader;
  readonly shortener: LogShortener;
  /** Who this node is now. */
  life(): Life;
  /** What is taken in happened before this node was there. */
  isOld(): boolean;
  /** This node's own record has come by. @returns who waits for it */
  seen(n: number): readonly Receipt[];
  /** This node has said something to all. */
  spoke(): void;
  /** A node's word counts. */
  heard(node: string): void;
  /** A life has begun. @param former what was known of the node */
  begun(life: Life, former: Writer | undefined, address: string, timeMs: number): void;
  /** A life is over. */
  ended(life: Life, timeMs: number): void;
  /** Who lives or owns shards has changed. @param shard the one whose owner that is; `undefined`: perhaps of all */
  ownersChanged(shard?: number): void;
  /** A word about a shard has come by. @param isOwn of this life @param counts it has changed the owner */
  shardPassed(shard: number, isOwn: boolean, counts: boolean): void;
  /** A piece of what goes through the log from one node to another. */
  onParcel(life: Life, parcel: Parcel): void;
}

/** Acts on what is read. */
export class LogMeaning {
  readonly #parts: LogMeaningParts;

  constructor(parts: LogMeaningParts) {
    this.#parts = parts;
  }

  /** Takes in the next record. @param size its length in bytes */
  take(record: ClusterRecord, timeMs: number, size: number): void {
    const { state, shortener, life: own, seen, heard, begun, ended, spoke, shardPassed, ownersChanged } = this.#parts;
    const { writer: node, incarnation, n, body } = record;
    const former = body.type === "up" ? state.writer(node) : undefined;
    const verdict = state.apply(record);
    if (verdict.is === "dead" || verdict.is === "out-of-turn") return;
    const life = { node, incarnation };
    const isOwn = node === own().node && incarnation === own().incarnation;
    const receipts = isOwn ? seen(n) : [];
    if (body.type === "claim" || body.type === "yield") shardPassed(body.shard, isOwn, verdict.is === "counts");
    if (verdict.is !== "counts") return;
    heard(node);
    if (body.type !== "snapshot") shortener.grew(size);
    if (body.type === "up") begun(life, former, body.address, timeMs);
    else if (body.type === "down") ended(body, timeMs);
    else if (body.type === "heartbeat") shortener.hasRead(node, body.safe);
    else if (body.type === "snapshot") this.#tookSnapshot(life, body);
    else if (body.type === "batch") {
      if (isOwn) spoke();
      body.entries.forEach((entry, at) => {
        if (entry.type === "message" && verdict.entries[at] === "counts") this.#takeEntry(entry.content, life, timeMs);
      });
    }
    if (body.type === "up" || body.type === "down") ownersChanged();
    else if (body.type === "claim" || body.type === "yield") ownersChanged(body.shard);
    for (const receipt of receipts) receipt.arrived();
  }

  /** Begins with a snapshot. */
  restore(parts: readonly Snapshot[]): void {
    const { state, shortener, ownersChanged } = this.#parts;
    state.restore(parts[0]!.writers, parts[0]!.shards);
    ownersChanged();
    for (const { node, incarnation, timeMs, isOrphan, content } of parts.flatMap(({ items }) => items)) {
      this.#takeEntry(content, { node, incarnation }, timeMs, isOrphan);
    }
    shortener.begin(parts[0]!.position);
  }

  /** What is known is too old: the log, read anew, will tell what holds. */
  forgetAll(): void {
    const { wills, retained, router, state, ownersChanged } = this.#parts;
    state.restore([], []);
    ownersChanged();
    wills.clear();
    for (const { topicName } of [...retained]) {
      if (!topicName.startsWith("$")) router.retain(Message.of({ topicName, payload: NOTHING, retain: true }));
    }
  }

  #tookSnapshot({ node, incarnation }: Life, snapshot: Snapshot): void {
    const { snapshots, shortener, life } = this.#parts;
    const isWhole = snapshots.take(node, incarnation, snapshot) !== undefined;
    if (isWhole) shortener.took(snapshot.position, node === life().node);
  }

  /** @param isOrphan it is the will of a dead node, due at that time */
  #takeEntry(content: Uint8Array, life: Life, timeMs: number, isOrphan = false): void {
    const { clock, logger, work, names, wills } = this.#parts;
    work.steps += 4;
    // Where the log's clock is ahead of this one's, nothing lasts longer than it was given.
    const nowMs = clock.now() - Math.max(0, clock.epoch() - timeMs);
    try {
      const entry = decodeEntry(content, names, { life, nowMs });
      if (isOrphan && entry.type === "will") wills.setOrphan(entry.key, entry.stored, timeMs);
      else this.#act(entry, life);
    } catch (error) {
      logger.warn(`cluster: what node ${quote(life.node)} says in the log cannot be read: ${errorText(error)}`);
    }
  }

  #act(entry: LogEntry, life: Life): void {
    const { router, clock, wills, onParcel, isOld } = this.#parts;
    if (entry.type === "will") return wills.set(life, entry.key, entry.stored);
    if (entry.type === "will-end") return void wills.end(entry.key);
    if (entry.type === "parcel") return onParcel(life, entry.parcel);
    // It is published already, or void.
    if (entry.will !== undefined && !wills.end(entry.will)) return;
    const { message } = entry;
    if (life.node === this.#parts.life().node) message.trail = { ...message.trail, isOwn: true };
    if (!isOld()) void router.publish(message);
    else if (message.retain && !message.isExpired(clock.now())) router.retain(message);
  }
}
