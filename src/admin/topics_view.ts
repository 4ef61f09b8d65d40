import type { QoS } from "../packet/packets.ts";
import type { TopicEntry, TopicPublisher } from "./topic_entry.ts";
import type { TopicHistory } from "./topic_history.ts";

export type { TopicPublisher } from "./topic_entry.ts";

/** What was published last to a topic, as of when it was asked for. */
export interface TopicSnapshot {
  /** Its name. */
  readonly topicName: string;
  /** Messages since it is remembered. */
  readonly messages: number;
  /** When the last one came, to a quarter of a second. */
  readonly at: Date;
  /** QoS of the last one. */
  readonly qos: QoS;
  /** Whether the last one was to be retained. */
  readonly retain: boolean;
  /** Payload of the last one, at most its first 4,096 bytes. */
  readonly payload: Uint8Array;
  /** Bytes of the whole payload. */
  readonly sizeBytes: number;
  /** Who has published it; `undefined`: the broker, a plugin, the program, or a client that has gone meanwhile. */
  readonly publisher: TopicPublisher | undefined;
}

/**
 * The topics that messages were published to, as many as `admin.max-topics` and `admin.max-topics-bytes` allow: the least
 * recently published is forgotten first.
 */
export interface TopicsView extends Iterable<TopicSnapshot> {
  /** Topics that are remembered, those included that somebody was denied and nobody has published to. */
  readonly size: number;
  /** What was published last to a topic; `undefined`: nothing that is remembered. */
  get(topicName: string): TopicSnapshot | undefined;
}

/** A view of what is remembered. */
export function topicsView(history: TopicHistory): TopicsView {
  return {
    get size() {
      return history.count;
    },
    get: (topicName) => snapshotOf(history.get(topicName)),
    *[Symbol.iterator]() {
      for (const entry of history.entries()) {
        const snapshot = snapshotOf(entry);
        if (snapshot) yield snapshot;
      }
    },
  };
}

function snapshotOf(entry: TopicEntry | undefined): TopicSnapshot | undefined {
  if (!entry || entry.messages === 0) return undefined;
  const { topicName, messages, atMs, qos, retain, sizeBytes, publisher } = entry;
  return { topicName, messages, at: new Date(atMs), qos, retain, payload: entry.payload.slice(), sizeBytes, publisher };
}
