import type { Message } from "../message.ts";
import type { TopicName } from "../packet/topic.ts";
import type { Change } from "../store/store.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Journal, MessageChange, PendingMessage } from "./journal.ts";

/** Takes down in the journal which message each topic retains; of one batch only the last change of each topic is kept. */
export function noteRetained(journal: Journal): NonNullable<RetainedMessages["onChange"]> {
  /** Where each topic stands in the batch: nobody waits for a QoS 0 message, so that they could pile up. */
  const indexes = new Map<string, number>();
  let batch = 0;
  return (topicName, message, old) => {
    // The broker tells its own state anew after each start.
    if (topicName.startsWith("$SYS/")) return;
    letGo(old);
    if (batch !== journal.batch) indexes.clear();
    batch = journal.batch;
    // Where nothing was there is nothing to clear, and one note stands for all such: it is there to be waited for. It
    // must not come behind a note of the same topic.
    const key = message || old || indexes.has(topicName) ? topicName : "";
    const index = indexes.get(key);
    if (index === undefined) indexes.set(key, journal.append(entryOf(topicName, message)));
    else journal.replace(index, entryOf(topicName, message));
  };
}

function entryOf(topicName: TopicName, message: Message | undefined): Change | PendingMessage {
  if (!message) return { type: "clear", topicName };
  message.storedReferences++;
  const change: MessageChange = { type: "retain", topicName, messageId: 0 };
  return { message, change };
}

/** A reference to a message is gone, and with the last one the message from the store. */
export function letGo(message: Message | undefined): void {
  if (message && --message.storedReferences === 0) message.storedId = 0;
}
