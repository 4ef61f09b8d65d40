import type { Message } from "../message.ts";
import type { TopicName } from "../packet/topic.ts";
import type { Change } from "../store/store.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { MessageChange, PendingMessage, WriteQueue } from "./write_queue.ts";

/** Where a topic stands in the batch. */
interface Place {
  readonly index: number;
  /** Nothing was retained there before the batch. */
  readonly isNew: boolean;
}

/**
 * Takes down in the write queue which message each topic retains; of one batch only the last change of each topic is kept.
 * Nobody waits for a QoS 0 message: without that they could pile up.
 */
export function noteRetained(writeQueue: WriteQueue): NonNullable<RetainedMessages["onChange"]> {
  const places = new Map<string, Place>();
  let batch = 0;
  return (topicName, message, old) => {
    // The broker tells its own state anew after each start.
    if (topicName.startsWith("$SYS/")) return;
    letGo(old);
    if (batch !== writeQueue.batch) places.clear();
    batch = writeQueue.batch;
    // Where nothing was there is nothing to clear, and one note stands for all such: it is there to be waited for. It
    // must not come behind a note of the same topic.
    const key = message || old || places.has(topicName) ? topicName : "";
    const place = places.get(key);
    if (place?.isNew && !message) {
      writeQueue.takeBack(place.index);
      places.delete(key);
    } else if (place) {
      writeQueue.replace(place.index, entryOf(topicName, message));
    } else {
      const isNew = key !== "" && !old;
      places.set(key, { index: writeQueue.append(entryOf(topicName, message)), isNew });
    }
  };
}

function entryOf(topicName: TopicName, message: Message | undefined): Change | PendingMessage {
  if (!message) return { type: "clear", topicName };
  message.storedReferences++;
  const change: MessageChange = { type: "retain", topicName, messageId: 0, serial: message.retainedSerial };
  return { message, change };
}

/** A reference to a message is gone, and with the last one the message from the store. */
export function letGo(message: Message | undefined): void {
  if (message && --message.storedReferences === 0) message.storedId = 0;
}
