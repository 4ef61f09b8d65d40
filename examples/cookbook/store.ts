/**
 * A store that writes all it has into one file with each batch: short and safe, and slow once there is much.
 * `persistence.type` names this module, `persistence.path` the file.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { deserialize, serialize } from "node:v8";
import {
  type Change,
  type DeliveryRange,
  type RestoredSubscription,
  type SessionPart,
  type Store,
  type StoreContext,
  type StoredClock,
  type StoredDelivery,
  type StoredMessage,
  type StoredSession,
  type StoredState,
  type StoredWill,
  StoreError,
} from "@amqtt/broker";

type Of<Type extends Change["type"]> = Extract<Change, { type: Type }>;
type ToSession = Exclude<Extract<Change, SessionPart>, Of<"session" | "session-end">>;
type Delivery = Omit<StoredDelivery, "message"> & Pick<Of<"delivery">, "messageId" | "sizeBytes">;

interface Session {
  head: Of<"session">;
  readonly subscriptions: Map<string, RestoredSubscription>;
  readonly unreleased: Set<number>;
  readonly deliveries: Map<number, Delivery>;
}

/** What is in the file. */
class Contents {
  readonly sessions = new Map<number, Session>();
  readonly messages = new Map<number, StoredMessage>();
  readonly retained = new Map<string, Of<"retain">>();
  readonly wills = new Map<string, StoredWill>();
  clock?: StoredClock;
  lastMessageId = 0;
  lastSession = 0;
}

async function* each<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}

export class FileStore implements Store {
  readonly #path: string;
  #contents = new Contents();

  constructor(path: string) {
    this.#path = path;
  }

  open(): Promise<StoredState> {
    try {
      this.#contents = deserialize(readFileSync(this.#path));
    } catch (error) {
      // No file: nothing is stored yet. Any other fault ends the start.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") return Promise.reject(error);
    }
    const { sessions, messages, retained, wills, clock, lastMessageId, lastSession } = this.#contents;
    const bySerial = [...retained.values()].sort((a, b) => a.serial - b.serial);
    return Promise.resolve({
      sessions: each([...sessions.values()].map(readSession)),
      retained: each(bySerial.map(({ serial, messageId }) => ({ serial, message: messages.get(messageId)! }))),
      wills: each([...wills.values()]),
      ...clock && { clock },
      lastMessageId,
      lastSession,
    });
  }

  append(changes: readonly Change[]): Promise<void> {
    for (const change of changes) apply(this.#contents, change);
    forgetUnused(this.#contents);
    try {
      // The file is the old one or the new one, whenever the process ends.
      const next = `${this.#path}.new`;
      const file = openSync(next, "w");
      try {
        writeFileSync(file, serialize({ ...this.#contents }));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(next, this.#path);
      return Promise.resolve();
    } catch (cause) {
      const full = (cause as NodeJS.ErrnoException).code === "ENOSPC";
      // The same changes are given again, which does no harm to what has them already.
      const text = `cannot write ${this.#path}: ${(cause as Error).message}`;
      return Promise.reject(new StoreError(text, full ? "full" : "io", { cause }));
    }
  }

  deliveries(session: number, range: DeliveryRange): Promise<readonly StoredDelivery[]> {
    const { sessions, messages } = this.#contents;
    const all = [...sessions.get(session)?.deliveries.values() ?? []]
      .filter(({ state, sequence }) => (state !== "queued") === range.underWay && sequence > range.after)
      .sort((a, b) => a.sequence - b.sequence);
    const found: StoredDelivery[] = [];
    let bytes = 0;
    for (const { messageId, sizeBytes: _, ...delivery } of all) {
      if (found.length >= range.maximumMessages || bytes >= range.maximumBytes) break;
      const message = delivery.state === "released" ? undefined : messages.get(messageId);
      bytes += message?.payload.length ?? 0;
      found.push({ ...delivery, message });
    }
    return Promise.resolve(found);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function apply(contents: Contents, change: Change): void {
  const { sessions, messages, retained, wills } = contents;
  if (change.type === "message") {
    contents.lastMessageId = Math.max(contents.lastMessageId, change.message.id);
    messages.set(change.message.id, structuredClone(change.message));
  } else if (change.type === "retain") retained.set(change.topicName, change);
  else if (change.type === "clear") retained.delete(change.topicName);
  else if (change.type === "clock") contents.clock = { at: change.at, epoch: change.epoch };
  else if (change.type === "will") {
    const { type: _, ...will } = structuredClone(change);
    wills.set(will.clientIdentifier, will);
  } else if (change.type === "will-end") wills.delete(change.clientIdentifier);
  else if (change.type === "session-end") sessions.delete(change.session);
  else if (change.type === "session") {
    const session = sessions.get(change.session);
    contents.lastSession = Math.max(contents.lastSession, change.session);
    if (session) session.head = change;
    else sessions.set(change.session, { head: change, ...emptySession() });
  } else {
    const session = sessions.get(change.session);
    // What comes for one that has ended does no harm.
    if (session) applyToSession(session, change);
  }
}

function emptySession(): Omit<Session, "head"> {
  return { subscriptions: new Map(), unreleased: new Set(), deliveries: new Map() };
}

function applyToSession(session: Session, change: ToSession): void {
  const { subscriptions, unreleased, deliveries } = session;
  if (change.type === "subscribe") {
    const { subscription, retained } = change;
    subscriptions.set(subscription.topicFilter, { ...subscription, ...retained && { retained } });
  } else if (change.type === "retained-sent") {
    const { topicFilter, retained } = change;
    const { retained: _, ...subscription } = subscriptions.get(topicFilter) ?? {};
    // It may have ended meanwhile.
    if ("qos" in subscription) subscriptions.set(topicFilter, { ...subscription, ...retained && { retained } });
  } else if (change.type === "unsubscribe") subscriptions.delete(change.topicFilter);
  else if (change.type === "accept") unreleased.add(change.packetIdentifier);
  else if (change.type === "release") unreleased.delete(change.packetIdentifier);
  else if (change.type === "settled") deliveries.delete(change.sequence);
  else if (change.type === "delivery") {
    const { type: _, session: __, ...delivery } = change;
    deliveries.set(change.sequence, delivery);
  } else {
    const delivery = deliveries.get(change.sequence);
    const packetIdentifier = change.type === "sent" ? change.packetIdentifier : delivery?.packetIdentifier ?? 0;
    if (delivery) deliveries.set(change.sequence, { ...delivery, state: change.type, packetIdentifier });
  }
}

/** A message lasts as long as something refers to it. */
function forgetUnused({ sessions, messages, retained }: Contents): void {
  const used = new Set([...retained.values()].map(({ messageId }) => messageId));
  for (const { deliveries } of sessions.values()) {
    for (const { messageId, state } of deliveries.values()) if (state !== "released") used.add(messageId);
  }
  for (const id of messages.keys()) if (!used.has(id)) messages.delete(id);
}

function readSession({ head, subscriptions, unreleased, deliveries }: Session): StoredSession {
  const { type: _, ...known } = head;
  const all = [...deliveries.values()];
  const queued = all.filter(({ state }) => state === "queued");
  return {
    ...known,
    subscriptions: [...subscriptions.values()],
    unreleased: [...unreleased],
    queued: queued.length,
    queuedBytes: queued.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    underWay: all.filter(({ state }) => state === "sent").length,
    shared: all.filter(({ state, share }) => state !== "released" && share !== undefined).length,
    lastSequence: Math.max(0, ...deliveries.keys()),
  };
}

/** What `persistence.type` asks for. */
export default function create({ path = "broker.store" }: { path?: string }, context: StoreContext): Store {
  return new FileStore(resolve(context.baseDirectory, path));
}
