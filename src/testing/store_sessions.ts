/** What a store keeps of sessions. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { parseTopicFilter } from "../packet/topic.ts";
import {
  delivery,
  filled,
  message,
  messageOf,
  opened,
  type PlaceCases,
  queued,
  reopened,
  session,
} from "./store_samples.ts";

/** What a store keeps of sessions. */
export const sessionsCases: PlaceCases = {
  async "a new store is empty"(place) {
    const store = await place.create();
    deepStrictEqual(await opened(store), { sessions: [], retained: [], wills: [], lastMessageId: 0, lastSession: 0 });
    deepStrictEqual(await store.deliveries(1, queued), []);
    await store.close();
  },

  async "sessions come back with their subscriptions, identifiers and sums"(place) {
    const plain = { qos: 0, noLocal: false, retainAsPublished: false } as const;
    const subscription = {
      topicFilter: parseTopicFilter("$share/g/a/+"),
      qos: 2,
      noLocal: true,
      retainAsPublished: true,
      identifier: 268_435_455,
    } as const;
    await filled(place, [
      session(1, { username: "u", expiryIntervalSeconds: 4_294_967_295, disconnectedAt: 1_900_000_000_123 }),
      session(2 ** 53 - 1),
      { type: "subscribe", session: 1, subscription: { topicFilter: parseTopicFilter("x"), ...plain } },
      { type: "subscribe", session: 1, subscription: { ...subscription, qos: 0 } },
      { type: "subscribe", session: 1, subscription },
      { type: "subscribe", session: 1, subscription: { topicFilter: parseTopicFilter("y"), ...plain } },
      { type: "unsubscribe", session: 1, topicFilter: parseTopicFilter("y") },
      ...[7, 65_535, 8].map((packetIdentifier) => ({ type: "accept", session: 1, packetIdentifier }) as const),
      { type: "release", session: 1, packetIdentifier: 7 },
      message(1),
      delivery(1, 3, 1),
      delivery(1, 5, 1, { sizeBytes: 11 }),
      delivery(1, 9, 1, { qos: 2, state: "sent", packetIdentifier: 1 }),
    ]);
    const { sessions } = await reopened(place);
    deepStrictEqual(sessions[0], {
      session: 1,
      clientIdentifier: "c1",
      username: "u",
      expiryIntervalSeconds: 4_294_967_295,
      disconnectedAt: 1_900_000_000_123,
      subscriptions: [subscription, { topicFilter: parseTopicFilter("x"), ...plain }],
      unreleased: [8, 65_535],
      queued: 2,
      queuedBytes: 111,
      underWay: 1,
      shared: 0,
      lastSequence: 9,
    });
    const empty = {
      subscriptions: [],
      unreleased: [],
      queued: 0,
      queuedBytes: 0,
      underWay: 0,
      shared: 0,
      lastSequence: 0,
    };
    const known = { session: 2 ** 53 - 1, clientIdentifier: `c${2 ** 53 - 1}`, expiryIntervalSeconds: 60 };
    deepStrictEqual(sessions.slice(1), [{ ...known, ...empty }]);
  },

  async "what a session has of shared subscriptions is counted, but for what was released"(place) {
    const share = parseTopicFilter("$share/g/#");
    await filled(place, [
      session(1),
      session(2),
      message(1),
      delivery(1, 1, 1),
      delivery(1, 2, 1, { share }),
      delivery(1, 3, 1, { share, state: "sent", packetIdentifier: 1 }),
      delivery(1, 4, 1, { qos: 2, share, state: "sent", packetIdentifier: 2 }),
      delivery(1, 5, 1, { qos: 2, share, state: "sent", packetIdentifier: 3 }),
      { type: "released", session: 1, sequence: 5 },
      delivery(2, 1, 1),
    ]);
    const { sessions } = await reopened(place);
    deepStrictEqual(sessions.map(({ queued, underWay, shared }) => [queued, underWay, shared]), [[2, 2, 3], [1, 0, 0]]);
  },

  async "a session that is told anew keeps what it has"(place) {
    const topicFilter = parseTopicFilter("x");
    const subscription = { topicFilter, qos: 1, noLocal: false, retainAsPublished: false } as const;
    await filled(place, [session(1, { username: "u", disconnectedAt: 5 }), message(1), delivery(1, 1, 1)], [
      { type: "subscribe", session: 1, subscription },
      session(1, { expiryIntervalSeconds: 7 }),
    ]);
    const { sessions: [found] } = await reopened(place);
    deepStrictEqual([found.expiryIntervalSeconds, found.subscriptions, found.queued], [7, [subscription], 1]);
    ok(!("username" in found) && !("disconnectedAt" in found));
  },

  async "a session that ends takes everything with it but what others share"(place) {
    await filled(
      place,
      [session(1), session(2), message(1), message(2), message(3)],
      [session(1), session(2), message(1), message(2), delivery(1, 1, 1), delivery(1, 2, 2), delivery(2, 1, 2)],
      [
        { type: "accept", session: 1, packetIdentifier: 1 },
        // Of this batch, and needed again behind the end.
        message(4),
        message(5),
        delivery(1, 3, 4),
        delivery(1, 4, 5),
        { type: "session-end", session: 1 },
        delivery(2, 2, 4),
      ],
      [session(3), { type: "session-end", session: 3 }],
    );
    const store = await place.create();
    const { sessions, lastSession, lastMessageId } = await opened(store);
    deepStrictEqual(sessions.map(({ session, queued }) => [session, queued]), [[2, 2]]);
    ok(lastSession >= 3 && lastMessageId >= 5, `got ${lastSession}, ${lastMessageId}`);
    deepStrictEqual((await store.deliveries(2, queued)).map(({ message }) => message), [messageOf(2), messageOf(4)]);
    deepStrictEqual(await store.deliveries(1, queued), []);
    await store.close();
  },

  async "a subscription says what it still has to bring of the retained messages, until it is over"(place) {
    const options = { qos: 1, noLocal: false, retainAsPublished: false } as const;
    const subscribe = (name: string, after?: number) => {
      const subscription = { topicFilter: parseTopicFilter(name), ...options };
      const retained = after === undefined ? undefined : { after, upTo: 2 ** 53 - 1 };
      return { type: "subscribe", session: 1, subscription, retained } as const;
    };
    const sent = (name: string, after?: number) => {
      const retained = after === undefined ? undefined : { after, upTo: 2 ** 53 - 1 };
      return { type: "retained-sent", session: 1, topicFilter: parseTopicFilter(name), retained } as const;
    };
    await filled(place, [session(1), ...["a", "b", "c", "d", "e"].map((name) => subscribe(name, 0)), subscribe("f")], [
      sent("a", 5),
      sent("a", 7),
      sent("b", 1),
      sent("b"),
      subscribe("c"),
      { type: "unsubscribe", session: 1, topicFilter: parseTopicFilter("d") },
      sent("d", 5),
    ]);
    const { sessions } = await reopened(place);
    deepStrictEqual(sessions[0]?.subscriptions.map(({ topicFilter, retained }) => [topicFilter, retained?.after]), [
      [parseTopicFilter("a"), 7],
      [parseTopicFilter("b"), undefined],
      [parseTopicFilter("c"), undefined],
      [parseTopicFilter("e"), 0],
      [parseTopicFilter("f"), undefined],
    ]);
    deepStrictEqual(sessions[0]?.subscriptions[0].retained?.upTo, 2 ** 53 - 1);
  },

  async "what the clock showed last comes back"(place) {
    await filled(place, [{ type: "clock", at: 1_900_000_000_123, epoch: 5 }]);
    deepStrictEqual((await reopened(place)).clock, { at: 1_900_000_000_123, epoch: 5 });
    await filled(place, [{ type: "clock", at: 1_900_000_001_000, epoch: 7 }], [
      { type: "clock", at: 1_900_000_002_000, epoch: 1_900_000_002_001 },
      session(1),
    ]);
    deepStrictEqual((await reopened(place)).clock, { at: 1_900_000_002_000, epoch: 1_900_000_002_001 });
  },
};
