import type { TopicName } from "../packet/topic.ts";
import { Message } from "../message.ts";
import type { StoredMessage } from "../store/store.ts";

/** Translates between the broker's clock and the time by which stores count, in whole milliseconds. */
export interface Times {
  toStored(ms: number): number;
  fromStored(storedMs: number): number;
}

/** What a store keeps of a message. */
export function storedMessage(message: Message, times: Times): StoredMessage {
  const { storedId, topicName, payload, qos, retain, properties, publisher, expiresAtMs } = message;
  return {
    id: storedId,
    topicName,
    payload,
    qos,
    retain,
    properties,
    publisher,
    // What is for now is long over in the next run, where it can only be under way still.
    ...expiresAtMs !== undefined && { expiresAt: Math.max(0, times.toStored(expiresAtMs)) },
  };
}

/** The message that a store has kept. */
export function restoredMessage(stored: StoredMessage, times: Times): Message {
  const { payload, qos, retain, properties, publisher, expiresAt } = stored;
  // It was checked before it was stored.
  const topicName = stored.topicName as TopicName;
  const expiresAtMs = expiresAt === undefined ? undefined : times.fromStored(expiresAt);
  const message = Message.of({ topicName, payload, qos, retain, properties, publisher, expiresAtMs });
  message.storedId = stored.id;
  return message;
}
