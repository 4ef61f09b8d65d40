/** What the tests of persistence share. */
import { WriteQueue, type WriteQueueParts } from "../../src/persistence/write_queue.ts";
import { SessionRecorder } from "../../src/persistence/session_recorder.ts";
import { Message } from "../../src/message.ts";
import type { QoS } from "../../src/packet/packets.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import type { Delivery } from "../../src/session/delivery.ts";
import type { Change } from "../../src/store/store.ts";
import { StoreError } from "../../src/store/store.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { CollectingLogger } from "../support/test_broker.ts";

/** A broker's clock that is the store's time. */
export const times = { toStored: (ms: number) => ms, fromStored: (ms: number) => ms };

/** A write queue on an open store in memory. */
export async function journalOf(
  waits: Pick<WriteQueueParts, "retryMs" | "lastingRetryMs" | "opened" | "now" | "clock"> = { retryMs: 0 },
) {
  const store = new MemoryStore();
  await store.open();
  const logger = new CollectingLogger();
  const faults: (StoreError | undefined)[] = [];
  const onFault = (fault: StoreError | undefined) => void faults.push(fault);
  const writeQueue = new WriteQueue({ store, logger, times, lastMessageId: 100, ...waits, onFault });
  return { store, logger, faults, writeQueue };
}

/** As {@linkcode journalOf}, with the notes of a session whose number is given. */
export async function notesOf() {
  const parts = await journalOf();
  const { writeQueue, store } = parts;
  const notes = (session: number) =>
    new SessionRecorder({
      ...{ writeQueue, store, times, session, clientIdentifier: `c${session}`, username: undefined },
      shareGroup: () => undefined,
    });
  return { ...parts, notes };
}

export function message(payload = "m", qos: QoS = 2): Message {
  return Message.of({ topicName: parseTopicName("a"), payload: new TextEncoder().encode(payload), qos });
}

export function delivery(message: Message, sequence: number, qos: QoS = 1): Delivery {
  const none = { subscriptionIdentifiers: undefined, share: undefined, note: undefined };
  return { message, qos, retain: false, sequence, ...none };
}

/** A change that is told from others by its number. */
export const change = (packetIdentifier: number): Change => ({ type: "accept", session: 1, packetIdentifier });

/** A fault of the store. */
export const broken = () => new StoreError("broken", false);
