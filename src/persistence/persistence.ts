import type { Logger } from "../logger.ts";
import type { Message } from "../message.ts";
import { quote } from "../quote.ts";
import type { TopicFilter, TopicName } from "../packet/topic.ts";
import { parseSharedFilter, parseTopicFilter } from "../packet/topic.ts";
import type { StoredHandOver } from "../session/stored_hand_over.ts";
import { Session, type SessionOptions } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Store, StoredPosition, StoredSession, StoredState, StoredWill } from "../store/store.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Share } from "../topics/subscriber.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { Subscription } from "../topics/subscriber.ts";
import { StoredHandOvers } from "./stored_hand_overs.ts";
import { WriteQueue, type WriteQueueParts } from "./write_queue.ts";
import { noteRetained } from "./retained_recorder.ts";
import { SessionRecorder } from "./session_recorder.ts";
import { StoreTime, type TwoClocks } from "./store_time.ts";
import { restoredMessage } from "./stored_message.ts";

/** What a {@linkcode Persistence} works with. */
export interface PersistenceParts {
  readonly store: Store;
  readonly logger: Logger;
  readonly clock: TwoClocks;
  /** See {@linkcode WriteQueueParts.after}. */
  readonly after?: WriteQueueParts["after"];
  readonly sessions: Sessions;
  readonly subscriptions: Subscriptions;
  readonly retained: RetainedMessages;
  /** What a session is made with besides what the store has of it. */
  readonly sessionParts: (clientIdentifier: string) => Pick<SessionOptions, "sender" | "onReturn">;
  /** Told when the store begins to fail. */
  readonly onFault: () => void;
  /** Aborted when the start is given up. @default never */
  readonly signal?: AbortSignal;
}

/** Keeps in a store what the broker must not forget, and brings it back. */
export class Persistence {
  readonly writeQueue: WriteQueue;
  readonly times: StoreTime;
  /** Wills that the store has had since the last run. */
  readonly wills: readonly StoredWill[];
  readonly #parts: PersistenceParts;
  readonly #handOvers: StoredHandOvers;
  readonly #reading = new Map<Session, Promise<void>>();
  #lastSession: number;
  /** One for the recorders of all sessions. */
  readonly #shareGroup = (key: TopicFilter): Share | undefined => {
    const shared = parseSharedFilter(key);
    return shared && this.#parts.subscriptions.shareGroup(shared.topicFilter, shared.shareName);
  };

  private constructor(
    parts: PersistenceParts,
    { writeQueue, times, lastSession, wills }: Pick<Persistence, "writeQueue" | "times" | "wills"> & {
      lastSession: number;
    },
  ) {
    this.#parts = parts;
    this.writeQueue = writeQueue;
    this.times = times;
    this.#handOvers = new StoredHandOvers({ writeQueue, logger: parts.logger, now: () => parts.clock.now() });
    this.#lastSession = lastSession;
    this.wills = wills;
  }

  /**
   * Opens the store and brings back what it has: sessions with their subscriptions, retained messages and wills.
   * Messages of sessions stay in the store until their client comes.
   *
   * @throws {Error} as {@linkcode Store.open}; or the start was given up, whatever the store does
   */
  static async open(parts: PersistenceParts): Promise<Persistence> {
    const { store, signal } = parts;
    const givenUp = Promise.withResolvers<never>();
    const giveUp = () => givenUp.reject(new Error("the broker was shut down before its store was open"));
    if (signal?.aborted) giveUp();
    signal?.addEventListener("abort", giveUp);
    try {
      return await Promise.race([Persistence.#open(parts), givenUp.promise]);
    } catch (error) {
      const closed = store.close().catch(() => {});
      // One that hangs may not even close.
      if (!signal?.aborted) await closed;
      throw error;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  static async #open(parts: PersistenceParts): Promise<Persistence> {
    const { store, logger, clock, retained, after } = parts;
    // What the program retains and clears during the start is newer than what the store has of these topics.
    const newer = new Map(
      Array.from(retained, ({ topicName }): [TopicName, Message | undefined] => [topicName, undefined]),
    );
    retained.onChange = (topicName, _message, old) => void (newer.has(topicName) || newer.set(topicName, old));
    const state = await store.open();
    const wills: StoredWill[] = [];
    const { lastMessageId, lastSession } = state;
    const times = new StoreTime(clock, state.clock, logger);
    const onFault = (fault: unknown) => fault && parts.onFault();
    const opened = Promise.withResolvers<void>();
    const writeQueue = new WriteQueue({
      ...{ store, logger, times, lastMessageId, onFault, after },
      clock: () => times.withBatch(),
      now: () => clock.now(),
      opened: opened.promise,
    });
    const persistence = new Persistence(parts, { writeQueue, times, lastSession, wills });
    const changed: (() => void)[] = [];
    for await (const session of state.sessions) changed.push(...persistence.#restore(session));
    for await (const will of state.wills) wills.push(will);
    const unkept = await persistence.#restoreRetained(state, newer);
    for (const topicName of newer.keys()) retained.renew(topicName);
    for (const note of changed) note();
    const note = noteRetained(writeQueue);
    for (const message of unkept) note(message.topicName, undefined, message);
    for (const [topicName, old] of newer) {
      const [message] = retained.walk(parseTopicFilter(topicName));
      note(topicName, message, old);
    }
    retained.onChange = note;
    opened.resolve();
    return persistence;
  }

  /** Tells the store if the system's clock was set. Called by the broker's coarse timer. */
  tick(): void {
    const change = this.times.step();
    if (change) this.writeQueue.append(change);
  }

  /** The recorder of a new session. */
  recorderOf(clientIdentifier: string, username: string | undefined): SessionRecorder {
    return this.#recorder(++this.#lastSession, clientIdentifier, username);
  }

  /** Reads what is under way of a session and in the store only, if there is something. */
  async read(session: Session): Promise<void> {
    if (!this.isUnread(session)) return;
    let reading = this.#reading.get(session);
    if (!reading) {
      reading = session.sender.readInflight().finally(() => this.#reading.delete(session));
      this.#reading.set(session, reading);
    }
    await reading;
  }

  /** Whether {@linkcode Persistence.read} has something to wait for. */
  isUnread({ sender }: Session): boolean {
    return sender.isUnread;
  }

  /**
   * The session has ended.
   *
   * @param handOver what it has left in the store for others
   */
  forget(session: Session, handOver: StoredHandOver | undefined): void {
    this.#reading.delete(session);
    if (handOver) this.#handOvers.add(handOver);
  }

  /** Tries again what could not be read. Called by the broker's coarse timer. */
  readAgain(nowMs: number): void {
    this.#handOvers.tryAgain(nowMs);
  }

  /** Gives up what is not stored yet, and frees everything. Never rejects. */
  async close(): Promise<void> {
    const { store, logger } = this.#parts;
    this.#handOvers.close();
    this.writeQueue.close();
    try {
      await store.close();
    } catch (error) {
      logger.error(`the store did not close as it should: ${error instanceof Error ? error.message : error}`);
    }
  }

  /**
   * Restores the retained messages of all topics that the program has not changed meanwhile.
   *
   * @param newer those that it has, with what the store has of them as far as that was read
   * @returns those that there is no room for
   */
  async #restoreRetained(
    { retained: all }: StoredState,
    newer: Map<TopicName, Message | undefined>,
  ): Promise<Message[]> {
    const { logger, retained } = this.#parts;
    const unkept: Message[] = [];
    for await (const { serial, message: stored } of all) {
      const message = restoredMessage(stored, this.times);
      retained.reserveSerial(serial);
      const { topicName } = message;
      message.storedReferences = 1;
      if (newer.has(topicName)) {
        newer.set(topicName, message);
        continue;
      }
      const outcome = retained.set(message, serial);
      newer.delete(topicName);
      if (outcome !== "full") continue;
      logger.warn(`retained message of ${quote(topicName)} is given up: max-retained is less than what the store has`);
      unkept.push(message);
    }
    return unkept;
  }

  /** Returns what is to be noted once the store has been read. */
  #restore(stored: StoredSession): (() => void)[] {
    const { sessions, subscriptions, clock, sessionParts } = this.#parts;
    const nowMs = clock.now();
    const { clientIdentifier, username, expiryIntervalSeconds, disconnectedAt, unreleased } = stored;
    const recorder = this.#recorder(stored.session, clientIdentifier, username);
    // Of one that was connected to the end, the time counts from now; a clock that was set back gives nobody more.
    const disconnectedAtMs = disconnectedAt === undefined
      ? nowMs
      : Math.min(nowMs, this.times.fromStored(disconnectedAt));
    const session = new Session({
      ...sessionParts(clientIdentifier),
      clientIdentifier,
      username,
      expiryIntervalSeconds,
      log: recorder,
      unreleased,
      disconnectedAtMs,
      ...this.#subscriptionsOf(stored),
    });
    session.sender.restore({
      messages: stored.queued,
      bytes: stored.queuedBytes,
      underWay: stored.underWay,
      lastSequence: stored.lastSequence,
      mayBeShared: stored.shared > 0,
    });
    // Others that get what it leaves may be read behind it.
    if (session.isExpired(nowMs)) return [() => this.forget(session, session.end())];
    sessions.restore(session);
    for (const subscription of session.subscriptions.values()) subscriptions.add(session, subscription);
    // Else its time would begin anew if the broker ended again before its client comes.
    return disconnectedAt === undefined ? [() => recorder.changed({ expiryIntervalSeconds, disconnectedAtMs })] : [];
  }

  #subscriptionsOf(stored: StoredSession): Pick<SessionOptions, "subscriptions" | "promises"> {
    const subscriptions: [TopicFilter, Subscription][] = [];
    const promises: [TopicFilter, Subscription, StoredPosition][] = [];
    for (const one of stored.subscriptions) {
      // It was checked before it was stored.
      const key = one.topicFilter as TopicFilter;
      const subscription = parsed(one, key);
      subscriptions.push([key, subscription]);
      if (!one.retained) continue;
      promises.push([key, subscription, one.retained]);
      // What is retained from now on is newer, even if the last of what was retained is gone.
      this.#parts.retained.reserveSerial(one.retained.upTo);
    }
    return { subscriptions, promises };
  }

  #recorder(session: number, clientIdentifier: string, username: string | undefined): SessionRecorder {
    const { writeQueue, times } = this;
    const { store } = this.#parts;
    const shareGroup = this.#shareGroup;
    return new SessionRecorder({ writeQueue, store, times, session, clientIdentifier, username, shareGroup });
  }
}

function parsed(
  { retained: _, ...stored }: StoredSession["subscriptions"][number],
  topicFilter: TopicFilter,
): Subscription {
  return { ...stored, topicFilter, ...parseSharedFilter(topicFilter) };
}
