import {
  type Change,
  type DeliveryRange,
  type DeliveryState,
  type RestoredSubscription,
  type Store,
  type StoredClock,
  type StoredDelivery,
  type StoredMessage,
  type StoredPosition,
  type StoredSession,
  type StoredState,
  type StoredWill,
  StoreError,
} from "../../src/store/store.ts";

interface Delivery {
  readonly change: Extract<Change, { type: "delivery" }>;
  readonly state: DeliveryState;
  readonly packetIdentifier: number;
}

interface Session {
  readonly head?: Extract<Change, { type: "session" }>;
  readonly subscriptions: Map<string, RestoredSubscription>;
  readonly unreleased: Set<number>;
  readonly deliveries: Map<number, Delivery>;
}

/** What is stored, in plain maps. */
interface Contents {
  readonly sessions: Map<number, Session>;
  readonly messages: Map<number, StoredMessage>;
  readonly retained: Map<string, Extract<Change, { type: "retain" }>>;
  readonly wills: Map<string, StoredWill>;
  clock?: StoredClock;
  lastMessageId: number;
  lastSession: number;
}

type Job =
  | { readonly changes: readonly Change[]; readonly done: PromiseWithResolvers<void> }
  | { readonly read: () => void };

function emptyContents(): Contents {
  const [sessions, messages, retained, wills] = [new Map(), new Map(), new Map(), new Map()];
  return { sessions, messages, retained, wills, lastMessageId: 0, lastSession: 0 };
}

/**
 * A store for tests that keeps everything in memory. It can be opened again after {@linkcode MemoryStore.close} or
 * {@linkcode MemoryStore.crash}, as a file would be by the next process.
 */
export class MemoryStore implements Store {
  /** All changes that were committed, in their order. */
  readonly changes: Change[] = [];
  /** Every append fails with it until it is `undefined` again. */
  failing: StoreError | undefined;
  #failOnce: StoreError | undefined;
  #contents: Contents = emptyContents();
  #isOpen = false;
  #isHeld = false;
  #waiting: Job[] = [];

  /** Calls that wait for {@linkcode MemoryStore.release}. */
  get held(): number {
    return this.#waiting.length;
  }

  /** Number of bodies, to see that none is left behind. */
  get messages(): number {
    return this.#contents.messages.size;
  }

  /** The next append fails. */
  failNext(error: StoreError): void {
    this.#failOnce = error;
  }

  /** Holds all commits back until {@linkcode MemoryStore.release}. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Lets what was held back be committed, and what follows. */
  release(): void {
    this.#isHeld = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    let fault: StoreError | undefined;
    for (const job of waiting) {
      if ("read" in job) job.read();
      else {
        // What was appended behind one that fails builds upon it.
        fault ??= this.#commit(job.changes);
        if (fault === undefined) job.done.resolve();
        else job.done.reject(fault);
      }
    }
  }

  /** Forgets what was not resolved, as a crash of the process does; the promises stay open. */
  crash(): void {
    this.#waiting = [];
    this.#isHeld = false;
    this.#isOpen = false;
  }

  open(): Promise<StoredState> {
    this.#isOpen = true;
    const { sessions, messages, retained, wills, clock, lastMessageId, lastSession } = this.#contents;
    return Promise.resolve({
      sessions: iterate([...sessions.values()].flatMap((session) => readSession(session) ?? [])),
      retained: iterate(
        [...retained.values()].sort((a, b) => a.serial - b.serial)
          .map(({ serial, messageId }) => ({ serial, message: messages.get(messageId)! })),
      ),
      wills: iterate([...wills.values()]),
      ...clock && { clock },
      lastMessageId,
      lastSession,
    });
  }

  append(changes: readonly Change[]): Promise<void> {
    if (!this.#isOpen) return Promise.reject(new StoreError("the store is not open", false));
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ changes: structuredClone(changes), done });
    if (!this.#isHeld) this.release();
    return done.promise;
  }

  deliveries(session: number, range: DeliveryRange): Promise<readonly StoredDelivery[]> {
    if (!this.#isOpen) return Promise.reject(new StoreError("the store is not open", false));
    const done = Promise.withResolvers<readonly StoredDelivery[]>();
    this.#waiting.push({ read: () => done.resolve(this.#read(session, range)) });
    if (!this.#isHeld) this.release();
    return done.promise;
  }

  close(): Promise<void> {
    this.release();
    this.#isOpen = false;
    return Promise.resolve();
  }

  #read(session: number, range: DeliveryRange): StoredDelivery[] {
    const { sessions, messages } = this.#contents;
    const all = [...sessions.get(session)?.deliveries.values() ?? []]
      .filter(({ state, change }) => (state !== "queued") === range.underWay && change.sequence > range.after)
      .sort((a, b) => a.change.sequence - b.change.sequence)
      .slice(0, range.maximumMessages);
    const found: StoredDelivery[] = [];
    for (let bytes = 0; found.length < all.length && (found.length === 0 || bytes < range.maximumBytes);) {
      const one = readDelivery(all[found.length], messages);
      bytes += one.message?.payload.length ?? 0;
      found.push(one);
    }
    return found;
  }

  #commit(changes: readonly Change[]): StoreError | undefined {
    const fault = this.failing ?? this.#failOnce;
    this.#failOnce = undefined;
    if (fault !== undefined) return fault;
    for (const change of changes) apply(this.#contents, change);
    forgetUnused(this.#contents);
    this.changes.push(...changes);
  }
}

function apply(contents: Contents, change: Change): void {
  const { sessions, messages, retained, wills } = contents;
  switch (change.type) {
    case "session":
      contents.lastSession = Math.max(contents.lastSession, change.session);
      return void sessions.set(change.session, { ...sessionOf(sessions, change.session), head: change });
    case "session-end":
      return void sessions.delete(change.session);
    case "message":
      contents.lastMessageId = Math.max(contents.lastMessageId, change.message.id);
      return void messages.set(change.message.id, change.message);
    case "retain":
      return void retained.set(change.topicName, change);
    case "clear":
      return void retained.delete(change.topicName);
    case "will": {
      const { type: _, ...will } = change;
      return void wills.set(change.clientIdentifier, will);
    }
    case "clock":
      contents.clock = { at: change.at, epoch: change.epoch };
      return;
    case "will-end":
      return void wills.delete(change.clientIdentifier);
    default:
      return applyToSession(sessionOf(sessions, change.session), change);
  }
}

function applyToSession({ subscriptions, unreleased, deliveries }: Session, change: Change): void {
  switch (change.type) {
    case "subscribe":
      return void subscriptions.set(
        change.subscription.topicFilter,
        withPosition(change.subscription, change.retained),
      );
    case "retained-sent": {
      const subscription = subscriptions.get(change.topicFilter);
      if (subscription === undefined) return;
      return void subscriptions.set(change.topicFilter, withPosition(subscription, change.retained));
    }
    case "unsubscribe":
      return void subscriptions.delete(change.topicFilter);
    case "accept":
      return void unreleased.add(change.packetIdentifier);
    case "release":
      return void unreleased.delete(change.packetIdentifier);
    case "delivery": {
      const { state, packetIdentifier } = change;
      return void deliveries.set(change.sequence, { change, state, packetIdentifier });
    }
    case "settled":
      return void deliveries.delete(change.sequence);
    case "sent":
    case "released": {
      const one = deliveries.get(change.sequence);
      if (one !== undefined) {
        deliveries.set(change.sequence, {
          ...one,
          ...change.type === "sent" ? { packetIdentifier: change.packetIdentifier } : {},
          state: change.type,
        });
      }
    }
  }
}

function withPosition(
  { retained: _, ...subscription }: RestoredSubscription,
  retained: StoredPosition | undefined,
): RestoredSubscription {
  return { ...subscription, ...retained !== undefined && { retained } };
}

function sessionOf(sessions: Map<number, Session>, number: number): Session {
  const found = sessions.get(number) ?? { subscriptions: new Map(), unreleased: new Set(), deliveries: new Map() };
  sessions.set(number, found);
  return found;
}

function forgetUnused({ sessions, messages, retained }: Contents): void {
  const used = new Set(Array.from(retained.values(), ({ messageId }) => messageId));
  for (const { deliveries } of sessions.values()) {
    for (const { change, state } of deliveries.values()) if (state !== "released") used.add(change.messageId);
  }
  for (const id of messages.keys()) if (!used.has(id)) messages.delete(id);
}

function readSession({ head, subscriptions, unreleased, deliveries }: Session): StoredSession | undefined {
  if (head === undefined) return undefined;
  const { type: _, ...known } = head;
  const all = [...deliveries.values()];
  const queued = all.filter(({ state }) => state === "queued");
  return {
    ...known,
    subscriptions: [...subscriptions.values()],
    unreleased: [...unreleased],
    queued: queued.length,
    queuedBytes: queued.reduce((sum, { change }) => sum + change.sizeBytes, 0),
    underWay: all.filter(({ state }) => state === "sent").length,
    shared: all.filter(({ state, change }) => state !== "released" && change.share !== undefined).length,
    lastSequence: Math.max(0, ...deliveries.keys()),
  };
}

function readDelivery({ change, state, packetIdentifier }: Delivery, messages: Contents["messages"]): StoredDelivery {
  const { sequence, messageId, qos, retain, subscriptionIdentifiers, share } = change;
  return {
    sequence,
    message: state === "released" ? undefined : messages.get(messageId),
    qos,
    retain,
    ...subscriptionIdentifiers !== undefined && { subscriptionIdentifiers },
    ...share !== undefined && { share },
    state,
    packetIdentifier,
  };
}

async function* iterate<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}
