import type { Message } from "../message.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { Delivery, DeliveryNote } from "../session/delivery.ts";
import type { SessionFacts, SessionLog } from "../session/session_log.ts";
import type { RestoredDelivery } from "../session/delivery.ts";
import type { RetainedPromise } from "../session/retained_promise.ts";
import type { Change, Store, StoredDelivery, StoredPosition } from "../store/store.ts";
import type { Share } from "../topics/subscriber.ts";
import type { Subscription } from "../topics/subscriber.ts";
import type { MessageChange, Mutable, WriteQueue } from "./write_queue.ts";
import { letGo } from "./retained_recorder.ts";
import { restoredMessage, type Times } from "./stored_message.ts";

/** What is read of a session at once. */
const PAGE = { maximumMessages: 1000, maximumBytes: 2 ** 20 };

/** What the notes of one session are made with. */
export interface SessionNotesParts {
  readonly writeQueue: WriteQueue;
  readonly store: Store;
  readonly times: Times;
  /** Its number in the store. */
  readonly session: number;
  readonly clientIdentifier: string;
  readonly username: string | undefined;
  /** The group that a shared subscription's filter stands for, if there is one. */
  readonly shareGroup: (key: TopicFilter) => Share | undefined;
}

/** What is known of one delivery: the batch that it waits in, and its message as long as that is referred to. */
interface Note {
  readonly batch: number;
  readonly index: number;
  readonly change: MessageChange | undefined;
  message: Message | undefined;
  /** Where it is noted that it was sent, if that was later; batch 0: nowhere. */
  sentBatch: number;
  sentIndex: number;
}

/** The last that was noted of a promise: how far it has got is told once in a batch. */
interface PromiseNote {
  readonly batch: number;
  readonly change: Mutable<Extract<Change, { readonly type: "subscribe" | "retained-sent" }>>;
}

/** Takes down in the write queue what happens to one session. */
export class SessionRecorder implements SessionLog {
  readonly #parts: SessionNotesParts;
  /** What was let out of memory last is stored with this position of the write queue. */
  #forgottenAt = 0;

  constructor(parts: SessionNotesParts) {
    this.#parts = parts;
  }

  changed({ expiryIntervalSeconds, disconnectedAtMs }: SessionFacts): void {
    const { session, clientIdentifier, username, times } = this.#parts;
    const disconnectedAt = disconnectedAtMs === undefined ? undefined : times.toStored(disconnectedAtMs);
    this.#append({ type: "session", session, clientIdentifier, username, expiryIntervalSeconds, disconnectedAt });
  }

  ended(): void {
    this.#append({ type: "session-end", session: this.#parts.session });
  }

  subscribed(topicFilter: TopicFilter, subscription: Subscription, promise: RetainedPromise | undefined): void {
    const { writeQueue, session } = this.#parts;
    const { qos, noLocal, retainAsPublished, identifier } = subscription;
    const change: PromiseNote["change"] = {
      type: "subscribe",
      session,
      subscription: { topicFilter, qos, noLocal, retainAsPublished, identifier },
      ...promise && { retained: positionOf(promise) },
    };
    const note: PromiseNote = { batch: writeQueue.batch, change };
    writeQueue.append(change);
    if (promise) promise.note = note;
  }

  retainedSent(promise: RetainedPromise, isOver: boolean): void {
    const { writeQueue, session } = this.#parts;
    const retained = isOver ? undefined : positionOf(promise);
    const note = promise.note as PromiseNote | undefined;
    if (note?.batch === writeQueue.batch) {
      note.change.retained = retained;
      return;
    }
    const change: PromiseNote["change"] = { type: "retained-sent", session, topicFilter: promise.key, retained };
    promise.note = { batch: writeQueue.batch, change } satisfies PromiseNote;
    writeQueue.append(change);
  }

  unsubscribed(topicFilter: TopicFilter): void {
    this.#append({ type: "unsubscribe", session: this.#parts.session, topicFilter });
  }

  queued(delivery: Delivery): void {
    const { message, qos, retain, subscriptionIdentifiers, share, sequence } = delivery;
    if (qos === 0) return;
    const { writeQueue, session } = this.#parts;
    const change: MessageChange = {
      type: "delivery",
      session,
      sequence,
      messageId: 0,
      sizeBytes: message.sizeBytes,
      qos,
      retain,
      subscriptionIdentifiers,
      share: share?.key,
      state: "queued",
      packetIdentifier: 0,
    };
    message.storedReferences++;
    const note: Note = {
      batch: writeQueue.batch,
      index: writeQueue.append({ message, change }),
      change,
      message,
      sentBatch: 0,
      sentIndex: 0,
    };
    delivery.note = note;
  }

  sent({ note: itsNote, sequence }: Delivery, packetIdentifier: number): void {
    const note = itsNote as Note;
    const { writeQueue, session } = this.#parts;
    if (note.batch !== writeQueue.batch || note.change?.type !== "delivery") {
      note.sentBatch = writeQueue.batch;
      note.sentIndex = writeQueue.append({ type: "sent", session, sequence, packetIdentifier });
      return;
    }
    note.change.state = "sent";
    note.change.packetIdentifier = packetIdentifier;
  }

  released({ note, sequence }: DeliveryNote): void {
    release(note as Note);
    this.#append({ type: "released", session: this.#parts.session, sequence });
  }

  settled({ note: itsNote, sequence }: DeliveryNote): void {
    const note = itsNote as Note | undefined;
    // QoS 0 is not noted.
    if (!note) return;
    release(note);
    const { writeQueue, session } = this.#parts;
    if (note.batch === writeQueue.batch) return writeQueue.takeBack(note.index);
    if (note.sentBatch === writeQueue.batch) writeQueue.takeBack(note.sentIndex);
    this.#append({ type: "settled", session, sequence });
  }

  forgotten({ note }: DeliveryNote): void {
    this.#forgottenAt = this.#parts.writeQueue.position;
    if (note) release(note as Note);
  }

  accepted(packetIdentifier: number): void {
    this.#append({ type: "accept", session: this.#parts.session, packetIdentifier });
  }

  freed(packetIdentifier: number): void {
    this.#append({ type: "release", session: this.#parts.session, packetIdentifier });
  }

  async load(after: number): Promise<readonly Delivery[]> {
    const { writeQueue, store, session } = this.#parts;
    await writeQueue.settled();
    const page = await store.deliveries(session, { underWay: false, after, ...PAGE });
    return page.flatMap((stored) => this.#restored(stored) ?? []);
  }

  async loadInflight(): Promise<readonly RestoredDelivery[]> {
    const { writeQueue, store, session } = this.#parts;
    if (writeQueue.committed < this.#forgottenAt) {
      if (writeQueue.fault) throw writeQueue.fault;
      await writeQueue.settled();
    }
    const found: RestoredDelivery[] = [];
    for (let after = 0;;) {
      const page = await store.deliveries(session, { underWay: true, after, ...PAGE });
      if (page.length === 0) return found;
      for (const stored of page) {
        after = stored.sequence;
        const { packetIdentifier, sequence } = stored;
        const delivery = this.#restored(stored);
        const released = delivery ? undefined : { sequence, note: storedNote() };
        found.push({ packetIdentifier, delivery, released });
      }
    }
  }

  #append(change: Change): void {
    this.#parts.writeQueue.append(change);
  }

  #restored(stored: StoredDelivery): Delivery | undefined {
    const { times, shareGroup } = this.#parts;
    const { qos, retain, subscriptionIdentifiers, sequence, share, state } = stored;
    if (!stored.message || state === "released") return undefined;
    const message = restoredMessage(stored.message, times);
    message.storedReferences = 1;
    return {
      message,
      qos,
      retain,
      subscriptionIdentifiers,
      // It was checked before it was stored.
      share: share === undefined ? undefined : shareGroup(share as TopicFilter),
      sequence,
      note: storedNote(message),
    };
  }
}

function positionOf({ after, upTo }: RetainedPromise): StoredPosition {
  return { after, upTo };
}

/** The note of a delivery that a store has. */
function storedNote(message?: Message): Note {
  return { batch: 0, index: 0, change: undefined, message, sentBatch: 0, sentIndex: 0 };
}

/** The delivery does not refer to its message any longer. */
function release(note: Note): void {
  letGo(note.message);
  note.message = undefined;
}
