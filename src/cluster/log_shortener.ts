/** Says in the log now and then what it comes to, and gives up what is older than the time before. The lowest live node does it. */
import { errorText } from "../error_text.ts";
import type { Log } from "../log/log.ts";
import type { Logger } from "../logger.ts";
import type { Message } from "../message.ts";
import type { Clock } from "../runtime/environment.ts";
import type { Chores } from "../work_budget.ts";
import type { ClusterState } from "./cluster_state.ts";
import type { Snapshot } from "./record.ts";
import { snapshotParts } from "./snapshots.ts";
import type { WillBook } from "./will_book.ts";

/** After so many records, or so many bytes of them, what they come to is said anew, and they are given up. */
const SNAPSHOT_RECORDS = 20_000;
const SNAPSHOT_BYTES = 64 * 2 ** 20;

/** What a {@linkcode LogShortener} works with. */
export interface LogShortenerParts {
  readonly log: Pick<Log, "trim">;
  readonly logger: Logger;
  readonly chores: Pick<Chores, "add">;
  readonly clock: Clock;
  /** What is retained; `$` topics are each node's own. */
  readonly retained: Iterable<Message>;
  readonly state: Pick<ClusterState, "writers" | "live" | "shards" | "shard">;
  readonly wills: Pick<WillBook, "all">;
  /** Up to which position this node has read. */
  position(): number;
  say(part: Snapshot): void;
}

/** Keeps the log short. */
export class LogShortener {
  readonly #parts: LogShortenerParts;
  /** Up to where each node has read, as it says. */
  readonly #readBy = new Map<string, number>();
  #snapshotAt = 0;
  #bytes = 0;
  /** Where the last snapshot is that all have, and up to where the log may be given up, and was. */
  #tookAt = 0;
  #trimTo = 0;
  #trimmedTo = 0;

  constructor(parts: LogShortenerParts) {
    this.#parts = parts;
  }

  /** What this node knows began with a snapshot of that position. */
  begin(position: number): void {
    this.#snapshotAt = this.#tookAt = position;
  }

  /** A node has read up to a position. */
  hasRead(node: string, position: number): void {
    this.#readBy.set(node, position);
  }

  /** The log has grown by so many bytes that are not of a snapshot. */
  grew(bytes: number): void {
    this.#bytes += bytes;
  }

  /** A snapshot is there as a whole. @param isOwn this node has made it, and gives up what is older */
  took(position: number, isOwn: boolean): void {
    this.#snapshotAt = position;
    this.#bytes = 0;
    // The snapshot before stays, and what came after it: for who reads just now, and should an engine lose the first records.
    if (isOwn) this.#trimTo = this.#tookAt;
    this.#tookAt = position;
  }

  /** Called regularly while this node is the lowest that lives. */
  tick(): void {
    const records = this.#parts.position() - this.#snapshotAt;
    if (records >= SNAPSHOT_RECORDS || this.#bytes >= SNAPSHOT_BYTES) this.#makeSnapshot();
    this.#trim();
  }

  #makeSnapshot(): void {
    const { clock, retained, chores, state, wills, position, say } = this.#parts;
    this.#snapshotAt = position();
    this.#bytes = 0;
    const parts = snapshotParts({
      position: position(),
      writers: Array.from(state.writers(), (writer) => ({ ...writer })),
      // The present values: they go on changing while the parts are said.
      shards: Array.from({ length: state.shards }, (_, number) => {
        const { owner, epoch } = state.shard(number)!;
        return { owner, epoch };
      }),
      retained: [...retained].filter(({ topicName }) => !topicName.startsWith("$")),
      wills: [...wills.all()],
      nowMs: clock.now(),
      epochMs: clock.epoch(),
    });
    chores.add((function* () {
      for (const part of parts) {
        say(part);
        yield;
      }
    })());
  }

  /** What a live node has not read is kept. */
  #trim(): void {
    const { log, logger, state } = this.#parts;
    const upTo = Math.min(this.#trimTo, ...state.live.map(({ node }) => this.#readBy.get(node) ?? 0));
    if (upTo <= this.#trimmedTo) return;
    this.#trimmedTo = upTo;
    log.trim(upTo + 1).catch((error) => {
      this.#trimmedTo = 0;
      logger.debug(`cluster: the log is not cut off at ${upTo}: ${errorText(error)}`);
    });
  }
}
