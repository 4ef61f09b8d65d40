import type { Message } from "../message.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Journal, MessageChange } from "./journal.ts";

/** Takes down in the journal which message each topic retains. */
export function noteRetained(journal: Journal): NonNullable<RetainedMessages["onChange"]> {
  return (topicName, message, old) => {
    // The broker tells its own state anew after each start.
    if (topicName.startsWith("$SYS/")) return;
    letGo(old);
    if (!message) {
      journal.append({ type: "clear", topicName });
      return;
    }
    message.storedReferences++;
    const change: MessageChange = { type: "retain", topicName, messageId: 0 };
    journal.append({ message, change });
  };
}

/** A reference to a message is gone, and with the last one the message from the store. */
export function letGo(message: Message | undefined): void {
  if (message && --message.storedReferences === 0) message.storedId = 0;
}
