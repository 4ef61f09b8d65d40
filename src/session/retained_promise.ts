import type { TopicFilter } from "../packet/topic.ts";

/** How far a client has got with what was retained when it subscribed. */
export interface RetainedPosition {
  /** Messages up to this serial have had their turn. */
  readonly after: number;
  /** The highest serial when the client subscribed: what is newer comes as a message of its own. */
  readonly upTo: number;
}

/** What a subscription still has to bring of the messages that were retained before it. */
export interface RetainedPromise extends RetainedPosition {
  /** The topic filter as the client gave it. */
  readonly key: TopicFilter;
  after: number;
  /** The log's own note of it. */
  note: unknown;
}
