/** Changes to put into a store, and ways to see what has become of them. */
import { deepStrictEqual } from "node:assert/strict";
import type { MessageProperties } from "../packet/packets.ts";
import { parseTopicName } from "../packet/topic.ts";
import type {
  Change,
  DeliveryRange,
  Store,
  StoredClock,
  StoredMessage,
  StoredSession,
  StoredWill,
} from "../store/store.ts";

/**
 * A place for stores, such as a temporary file: each call opens another store upon what the former, which was closed, has
 * left. It is disposed of when a test is done with it.
 *
 * @category Testing
 */
export interface StorePlace extends AsyncDisposable {
  /** The next store of the place, not opened. */
  create(): Store | Promise<Store>;
}

/**
 * One of the contract's tests.
 *
 * @category Testing
 */
export interface StoreCase {
  /** What holds, as a sentence. */
  readonly name: string;
  /** Makes a place of its own and rejects if the store breaks the contract. */
  readonly run: () => Promise<void>;
}

/** A test by its name, and what it does in a place of its own. */
export type PlaceCases = Readonly<Record<string, (place: StorePlace) => Promise<void>>>;

type Of<Type extends Change["type"]> = Extract<Change, { type: Type }>;

/** Everything that is queued. */
export const queued: DeliveryRange = { underWay: false, after: 0, maximumMessages: 10_000, maximumBytes: 1e9 };
/** Everything that was sent or released. */
export const underWay: DeliveryRange = { ...queued, underWay: true };

/** A message with nothing special about it. */
export function messageOf(id: number, fields: Partial<StoredMessage> = {}): StoredMessage {
  const topicName = parseTopicName(`a/${id}`);
  return { id, topicName, payload: new Uint8Array([id % 256, 1, 2]), qos: 1, retain: false, ...fields };
}

/** The change that brings a message. */
export function message(id: number, fields: Partial<StoredMessage> = {}): Of<"message"> {
  return { type: "message", message: messageOf(id, fields) };
}

/** The change that queues a message for a session. */
export function delivery(
  session: number,
  sequence: number,
  messageId: number,
  fields: Partial<Of<"delivery">> = {},
): Of<"delivery"> {
  const plain = { sizeBytes: 100, qos: 1, retain: false, state: "queued", packetIdentifier: 0 } as const;
  return { type: "delivery", session, sequence, messageId, ...plain, ...fields };
}

/** The change that begins a session. */
export function session(number: number, fields: Partial<Of<"session">> = {}): Of<"session"> {
  return { type: "session", session: number, clientIdentifier: `c${number}`, expiryIntervalSeconds: 60, ...fields };
}

/** What {@linkcode opened} tells. */
export interface StoreContents {
  readonly sessions: readonly StoredSession[];
  readonly retained: readonly StoredMessage[];
  readonly wills: readonly StoredWill[];
  readonly clock?: StoredClock;
  readonly lastMessageId: number;
  readonly lastSession: number;
}

/** What a store tells when it is opened, in lists whose order is that of the keys. */
export async function opened(store: Store): Promise<StoreContents> {
  const state = await store.open();
  const sessions: StoredSession[] = [];
  for await (const one of state.sessions) {
    const subscriptions = one.subscriptions.toSorted((a, b) => a.topicFilter < b.topicFilter ? -1 : 1);
    sessions.push({ ...one, subscriptions, unreleased: one.unreleased.toSorted((a, b) => a - b) });
  }
  const retained: StoredMessage[] = [];
  const serials: number[] = [];
  for await (const { serial, message } of state.retained) {
    retained.push(message);
    serials.push(serial);
  }
  deepStrictEqual(serials, serials.toSorted((a, b) => a - b), "retained messages come by ascending serial");
  const wills = await Array.fromAsync(state.wills);
  return {
    sessions: sessions.sort((a, b) => a.session - b.session),
    retained: retained.sort((a, b) => a.topicName < b.topicName ? -1 : 1),
    wills: wills.sort((a, b) => a.clientIdentifier < b.clientIdentifier ? -1 : 1),
    ...state.clock && { clock: state.clock },
    lastMessageId: state.lastMessageId,
    lastSession: state.lastSession,
  };
}

/** Every property that a message may have. */
export const properties: MessageProperties = {
  payloadFormatIndicator: 1,
  messageExpiryIntervalSeconds: 4_294_967_295,
  contentType: "text/pläin \u{1f600}",
  responseTopic: parseTopicName("answer/\"'"),
  correlationData: new Uint8Array([0, 255, 10]),
  userProperties: [["b", "1"], ["a", "2"], ["b", "1"], ["", ""]],
};

/** Opens a store, appends batch after batch, and closes it. */
export async function filled(place: StorePlace, ...batches: readonly (readonly Change[])[]): Promise<void> {
  const store = await place.create();
  await opened(store);
  try {
    for (const changes of batches) await store.append(changes);
  } finally {
    await store.close();
  }
}

/** What the next store of the place tells. */
export async function reopened(place: StorePlace): Promise<StoreContents> {
  const store = await place.create();
  const state = await opened(store);
  await store.close();
  return state;
}
