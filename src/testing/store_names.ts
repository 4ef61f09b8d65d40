/** What a store keeps by name: retained messages, wills, and any string. */
import { deepStrictEqual } from "node:assert/strict";
import { parseTopicName, type TopicFilter, type TopicName } from "../packet/topic.ts";
import type { Change } from "../store/store.ts";
import {
  delivery,
  filled,
  message,
  messageOf,
  opened,
  type PlaceCases,
  properties,
  queued,
  reopened,
  session,
  type StorePlace,
} from "./store_samples.ts";

/** What a store keeps by name: retained messages, wills, and any string. */
export const namesCases: PlaceCases = {
  async "retained messages are set, replaced and cleared, and shared with deliveries"(place) {
    const topicName = parseTopicName("r");
    await filled(
      place,
      [
        session(1),
        message(1, { topicName, retain: true }),
        { type: "retain", topicName, messageId: 1, serial: 1 },
        delivery(1, 1, 1),
        message(2, { topicName, retain: true, properties }),
      ],
      [
        message(2, { topicName, retain: true, properties }),
        { type: "retain", topicName, messageId: 2, serial: 2 },
        message(3),
        { type: "retain", topicName: messageOf(3).topicName, messageId: 3, serial: 3 },
      ],
      [{ type: "clear", topicName: messageOf(3).topicName }, { type: "clear", topicName: parseTopicName("none") }],
      [
        // Nothing but the retained message refers to it.
        delivery(1, 2, 2),
      ],
    );
    const store = await place.create();
    deepStrictEqual((await opened(store)).retained, [messageOf(2, { topicName, retain: true, properties })]);
    deepStrictEqual((await store.deliveries(1, queued)).map(({ message }) => message?.id), [1, 2]);
    await store.close();
  },

  async "wills come, are replaced and go"(place) {
    const will = {
      topicName: parseTopicName("w"),
      payload: new Uint8Array([1]),
      qos: 2,
      retain: true,
      properties,
      delayIntervalSeconds: 4_294_967_295,
    } as const;
    const bare = { ...will, payload: new Uint8Array(), properties: undefined };
    await filled(place, [
      { type: "will", clientIdentifier: "a", will },
      { type: "will", clientIdentifier: "b", will },
      { type: "will", clientIdentifier: "c", will: { ...bare, delayIntervalSeconds: 0 } },
    ], [
      { type: "will", clientIdentifier: "a", username: "u", will, dueAt: 1_900_000_000_000 },
      { type: "will-end", clientIdentifier: "b" },
      { type: "will-end", clientIdentifier: "none" },
    ]);
    const { wills } = await reopened(place);
    deepStrictEqual(wills[0], { clientIdentifier: "a", username: "u", will, dueAt: 1_900_000_000_000 });
    deepStrictEqual(wills.slice(1).map((one) => [one.clientIdentifier, one.will.payload.length]), [["c", 0]]);
    deepStrictEqual([wills[1]?.will.properties, wills[1]?.dueAt], [undefined, undefined]);
  },

  async "any string comes back as it was, and tells one thing from another"(place) {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const pairs = [...awkwardPairs, ...Array.from({ length: 20 }, pairsFrom(seed))];
    for (const [index, [a, b]] of pairs.entries()) {
      const what = `seed ${seed}, strings ${JSON.stringify(a)} and ${JSON.stringify(b)}`;
      await checkNames(place, { first: 2 * index + 1, a, b, what });
    }
  },

  async "more sessions, retained messages and wills than a page holds come back"(place) {
    const changes: Change[] = [];
    for (let n = 1; n <= 700; n++) {
      const topicName = parseTopicName(`t/${n}`);
      const will = { topicName, payload: new Uint8Array(n), qos: 0, retain: false, delayIntervalSeconds: 0 } as const;
      changes.push(session(n), message(n, { topicName }), {
        type: "retain",
        topicName,
        messageId: n,
        serial: 1000 - n,
      });
      changes.push({ type: "will", clientIdentifier: `c${n}`, will }, delivery(n, n, n));
    }
    await filled(place, changes);
    const { sessions, retained, wills } = await reopened(place);
    const expected = Array.from({ length: 700 }, (_, index) => index + 1);
    deepStrictEqual(sessions.map(({ session }) => session), expected);
    deepStrictEqual(sessions.map(({ lastSequence }) => lastSequence), expected);
    deepStrictEqual(retained.map(({ id }) => id).sort((a, b) => a - b), expected);
    deepStrictEqual(wills.map(({ will }) => will.payload.length).sort((a, b) => a - b), expected);
  },
};

/** Pairs that stores are known to take for one another, or not to take at all. */
const awkwardPairs: readonly (readonly [string, string])[] = [
  ["a", "a\0b"],
  ["\ud800", "\ufffd"],
  ["\0", ""],
  ["\udc00\ud800", "\ufeff"],
];

/** Makes two different strings of any code units, many of which UTF-8 or C would not take. */
function pairsFrom(seed: number): () => [string, string] {
  let state = seed;
  const random = (below: number) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x6d2b79f5 >>> 0;
    return (state >>> 8) % below;
  };
  const special = [0, 0x61, 0xd800, 0xdfff, 0xfeff, 0xfffd];
  const unit = () => random(2) === 0 ? special[random(special.length)]! : random(0x10000);
  const text = () => String.fromCharCode(...Array.from({ length: random(7) }, unit));
  return () => {
    const a = text();
    let b = text();
    while (b === a) b = text();
    return [a, b];
  };
}

/** Stores one of everything under each name, finds it again, and takes it back. */
async function checkNames(
  place: StorePlace,
  { first, a, b, what }: { readonly first: number; readonly a: string; readonly b: string; readonly what: string },
): Promise<void> {
  await filled(place, named(first, a), named(first + 1, b));
  const store = await place.create();
  const { sessions, retained, wills } = await opened(store);
  const found = [];
  for (const { session } of sessions) found.push(...await store.deliveries(session, queued));
  await store.append([...unnamed(first, a), ...unnamed(first + 1, b)]);
  await store.close();
  const both = [a, b];
  deepStrictEqual(
    sessions.map(({ clientIdentifier, username, subscriptions }) => [clientIdentifier, username, subscriptions]),
    both.map((name) => [name, name, [subscriptionTo(name)]]),
    what,
  );
  const names = found.map(({ message, share }) => [message?.topicName, message?.publisher, share]);
  deepStrictEqual(names, [[a, a, a], [b, b, b]], what);
  deepStrictEqual(found[0]?.message?.properties?.userProperties, [[a, a]], what);
  const sorted = both.sort((one, other) => one < other ? -1 : 1);
  deepStrictEqual(retained.map(({ topicName }) => topicName), sorted as TopicName[], what);
  deepStrictEqual(
    wills.map(({ clientIdentifier, username, will }) => [clientIdentifier, username, will.topicName]),
    sorted.map((name) => [name, name, name]),
    what,
  );
  const { lastMessageId: _, lastSession: __, ...left } = await reopened(place);
  deepStrictEqual(left, { sessions: [], retained: [], wills: [] }, what);
}

function subscriptionTo(name: string) {
  return { topicFilter: name as TopicFilter, qos: 0, noLocal: false, retainAsPublished: false } as const;
}

/** One of everything that has a name. */
function named(number: number, name: string): Change[] {
  const topicName = name as TopicName;
  const will = { topicName, payload: new Uint8Array(), qos: 0, retain: false, delayIntervalSeconds: 0 } as const;
  return [
    session(number, { clientIdentifier: name, username: name }),
    { type: "subscribe", session: number, subscription: subscriptionTo(name) },
    message(number, { topicName, publisher: name, properties: { userProperties: [[name, name]] } }),
    delivery(number, 1, number, { share: name as TopicFilter }),
    { type: "retain", topicName, messageId: number, serial: number },
    { type: "will", clientIdentifier: name, username: name, will },
  ];
}

/** Takes back the named things, by their names where there is no other way. */
function unnamed(number: number, name: string): Change[] {
  return [
    { type: "session-end", session: number },
    { type: "clear", topicName: name as TopicName },
    { type: "will-end", clientIdentifier: name },
  ];
}
