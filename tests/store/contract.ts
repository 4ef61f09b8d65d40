/** What every store must do. A test file of each store runs it. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { MessageProperties } from "../../src/packet/packets.ts";
import { parseTopicFilter, parseTopicName, type TopicFilter, type TopicName } from "../../src/packet/topic.ts";
import type { Change, DeliveryRange, Store, StoredMessage, StoredSession } from "../../src/store/store.ts";

/** A place for stores: each call opens another one upon what the former, which was closed, has left. */
export interface StorePlace extends AsyncDisposable {
  create(): Store;
}

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

/** What a store tells when it is opened, in lists whose order is that of the keys. */
export async function opened(store: Store) {
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
  assertEquals(serials, serials.toSorted((a, b) => a - b), "retained messages come by ascending serial");
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

const properties: MessageProperties = {
  payloadFormatIndicator: 1,
  messageExpiryIntervalSeconds: 4_294_967_295,
  contentType: "text/pläin \u{1f600}",
  responseTopic: parseTopicName("answer/\"'"),
  correlationData: new Uint8Array([0, 255, 10]),
  userProperties: [["b", "1"], ["a", "2"], ["b", "1"], ["", ""]],
};

/** Runs the contract's tests; `name` begins their titles. */
export function storeContract(name: string, createPlace: () => Promise<StorePlace>): void {
  const test = (title: string, body: (place: StorePlace) => Promise<void>) =>
    Deno.test(`${name}: ${title}`, async () => {
      await using place = await createPlace();
      await body(place);
    });

  test("a new store is empty", async (place) => {
    const store = place.create();
    assertEquals(await opened(store), { sessions: [], retained: [], wills: [], lastMessageId: 0, lastSession: 0 });
    assertEquals(await store.deliveries(1, queued), []);
    await store.close();
  });

  test("sessions come back with their subscriptions, identifiers and sums", async (place) => {
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
    assertEquals(sessions[0], {
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
    assertEquals(sessions.slice(1), [{ ...known, ...empty }]);
  });

  test("what a session has of shared subscriptions is counted, but for what was released", async (place) => {
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
    assertEquals(sessions.map(({ queued, underWay, shared }) => [queued, underWay, shared]), [[2, 2, 3], [1, 0, 0]]);
  });

  test("a session that is told anew keeps what it has", async (place) => {
    const topicFilter = parseTopicFilter("x");
    const subscription = { topicFilter, qos: 1, noLocal: false, retainAsPublished: false } as const;
    await filled(place, [session(1, { username: "u", disconnectedAt: 5 }), message(1), delivery(1, 1, 1)], [
      { type: "subscribe", session: 1, subscription },
      session(1, { expiryIntervalSeconds: 7 }),
    ]);
    const { sessions: [found] } = await reopened(place);
    assertEquals([found.expiryIntervalSeconds, found.subscriptions, found.queued], [7, [subscription], 1]);
    assert(!("username" in found) && !("disconnectedAt" in found));
  });

  test("a message comes back as it was, in each session it waits for", async (place) => {
    const large = messageOf(2 ** 53 - 1, {
      payload: Uint8Array.from({ length: 70_000 }, (_, index) => index % 251),
      qos: 2,
      retain: true,
      properties,
      publisher: "p",
      expiresAt: 1_900_000_000_000,
    });
    const small = messageOf(1, { payload: new Uint8Array(), properties: {} });
    const share = parseTopicFilter("$share/g/#");
    const changes = [
      { type: "message", message: large },
      { type: "message", message: small },
      delivery(1, 1, large.id, { qos: 2, retain: true, subscriptionIdentifiers: [1, 268_435_455], share }),
      delivery(1, 2, small.id),
      delivery(2, 2 ** 53 - 1, large.id),
    ] as const;
    await filled(place, [session(1), session(2), ...changes]);
    const store = place.create();
    await opened(store);
    const queuedAs = { state: "queued", packetIdentifier: 0 } as const;
    assertEquals(await store.deliveries(1, queued), [
      {
        sequence: 1,
        message: large,
        qos: 2,
        retain: true,
        subscriptionIdentifiers: [1, 268_435_455],
        share,
        ...queuedAs,
      },
      { sequence: 2, message: small, qos: 1, retain: false, ...queuedAs },
    ]);
    assertEquals((await store.deliveries(2, queued)).map(({ message }) => message), [large]);
    await store.close();
  });

  test("a payload may be altered once append has returned", async (place) => {
    const store = place.create();
    await opened(store);
    const buffer = new Uint8Array([9, 1, 2, 3, 9]);
    const correlationData = buffer.subarray(1, 3);
    const bringing = message(1, { payload: buffer.subarray(1, 4), properties: { correlationData } });
    const first = store.append([session(1), message(2), delivery(1, 1, 2)]);
    const second = store.append([bringing, delivery(1, 2, 1)]);
    buffer.fill(0);
    await Promise.all([first, second]);
    const [, { message: found }] = await store.deliveries(1, queued);
    assertEquals(found?.payload, new Uint8Array([1, 2, 3]));
    assertEquals(found?.properties?.correlationData, new Uint8Array([1, 2]));
    await store.close();
  });

  test("a delivery goes through its states", async (place) => {
    await filled(
      place,
      [session(1), message(1), ...[1, 2, 3].map((n) => delivery(1, n, 1, { qos: 2 }))],
      [{ type: "sent", session: 1, sequence: 1, packetIdentifier: 65_535 }],
      [{ type: "sent", session: 1, sequence: 2, packetIdentifier: 6 }, { type: "released", session: 1, sequence: 2 }],
      [message(2), delivery(1, 4, 2, { qos: 2, state: "sent", packetIdentifier: 8 }), {
        type: "settled",
        session: 1,
        sequence: 3,
      }],
      // Nobody knows of it any more, or ever did.
      [{ type: "settled", session: 1, sequence: 3 }, { type: "settled", session: 9, sequence: 1 }],
    );
    const store = place.create();
    await opened(store);
    assertEquals(await store.deliveries(1, queued), []);
    const found = await store.deliveries(1, underWay);
    assertEquals(found.map(({ sequence, state, packetIdentifier }) => [sequence, state, packetIdentifier]), [
      [1, "sent", 65_535],
      [2, "released", 6],
      [4, "sent", 8],
    ]);
    assertEquals([found[0].message?.id, found[2].message?.id], [1, 2]);
    await store.append([1, 2, 4].map((sequence) => ({ type: "settled", session: 1, sequence })));
    assertEquals(await store.deliveries(1, underWay), []);
    await store.close();
  });

  test("deliveries come in pages by number and by size", async (place) => {
    const store = place.create();
    await opened(store);
    const sizes = [10, 10, 25, 1, 40];
    await store.append([
      session(1),
      ...sizes.map((size, index) => message(index + 1, { payload: new Uint8Array(size) })),
      ...sizes.map((_, index) => delivery(1, index + 1, index + 1)),
    ]);
    const page = async (range: Partial<DeliveryRange>) =>
      (await store.deliveries(1, { ...queued, ...range })).map(({ sequence }) => sequence);
    assertEquals(await page({ maximumMessages: 2 }), [1, 2]);
    assertEquals(await page({ maximumMessages: 2, after: 2 }), [3, 4]);
    assertEquals(await page({ maximumBytes: 20 }), [1, 2]);
    assertEquals(await page({ maximumBytes: 21 }), [1, 2, 3]);
    assertEquals(await page({ after: 4, maximumBytes: 1 }), [5]);
    assertEquals(await page({ after: 5 }), []);
    await store.close();
  });

  test("deliveries see all that was appended before, committed or not", async (place) => {
    const store = place.create();
    await opened(store);
    const appends = [store.append([session(1), message(1), delivery(1, 1, 1)]), store.append([delivery(1, 2, 1)])];
    const before = store.deliveries(1, queued);
    appends.push(store.append([{ type: "settled", session: 1, sequence: 1 }]));
    const after = store.deliveries(1, queued);
    assertEquals((await before).map(({ sequence }) => sequence), [1, 2]);
    assertEquals((await after).map(({ sequence }) => sequence), [2]);
    await Promise.all(appends);
    await store.close();
  });

  test("a session that ends takes everything with it but what others share", async (place) => {
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
    const store = place.create();
    const { sessions, lastSession, lastMessageId } = await opened(store);
    assertEquals(sessions.map(({ session, queued }) => [session, queued]), [[2, 2]]);
    assert(lastSession >= 3 && lastMessageId >= 5, `got ${lastSession}, ${lastMessageId}`);
    assertEquals((await store.deliveries(2, queued)).map(({ message }) => message), [messageOf(2), messageOf(4)]);
    assertEquals(await store.deliveries(1, queued), []);
    await store.close();
  });

  test("a subscription says what it still has to bring of the retained messages, until it is over", async (place) => {
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
    assertEquals(sessions[0].subscriptions.map(({ topicFilter, retained }) => [topicFilter, retained?.after]), [
      [parseTopicFilter("a"), 7],
      [parseTopicFilter("b"), undefined],
      [parseTopicFilter("c"), undefined],
      [parseTopicFilter("e"), 0],
      [parseTopicFilter("f"), undefined],
    ]);
    assertEquals(sessions[0].subscriptions[0].retained?.upTo, 2 ** 53 - 1);
  });

  test("retained messages are set, replaced and cleared, and shared with deliveries", async (place) => {
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
    const store = place.create();
    assertEquals((await opened(store)).retained, [messageOf(2, { topicName, retain: true, properties })]);
    assertEquals((await store.deliveries(1, queued)).map(({ message }) => message?.id), [1, 2]);
    await store.close();
  });

  test("wills come, are replaced and go", async (place) => {
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
    assertEquals(wills[0], { clientIdentifier: "a", username: "u", will, dueAt: 1_900_000_000_000 });
    assertEquals(wills.slice(1).map((one) => [one.clientIdentifier, one.will.payload.length]), [["c", 0]]);
    assertEquals([wills[1].will.properties, wills[1].dueAt], [undefined, undefined]);
  });

  test("what the clock showed last comes back", async (place) => {
    await filled(place, [{ type: "clock", at: 1_900_000_000_123, epoch: 5 }]);
    assertEquals((await reopened(place)).clock, { at: 1_900_000_000_123, epoch: 5 });
    await filled(place, [{ type: "clock", at: 1_900_000_001_000, epoch: 7 }], [
      { type: "clock", at: 1_900_000_002_000, epoch: 1_900_000_002_001 },
      session(1),
    ]);
    assertEquals((await reopened(place)).clock, { at: 1_900_000_002_000, epoch: 1_900_000_002_001 });
  });

  test("any string comes back as it was, and tells one thing from another", async (place) => {
    let last = 0;
    await fc.assert(
      fc.asyncProperty(names, async ([a, b]) => {
        const [first, second] = [++last, ++last];
        await filled(place, named(first, a), named(second, b));
        const store = place.create();
        const { sessions, retained, wills } = await opened(store);
        const found = [];
        for (const { session } of sessions) found.push(...await store.deliveries(session, queued));
        await store.append([...unnamed(first, a), ...unnamed(second, b)]);
        await store.close();
        const both = [a, b];
        assertEquals(
          sessions.map(({ clientIdentifier, username, subscriptions }) => [clientIdentifier, username, subscriptions]),
          both.map((name) => [name, name, [subscriptionTo(name)]]),
        );
        assertEquals(found.map(({ message, share }) => [message?.topicName, message?.publisher, share]), [
          [a, a, a],
          [b, b, b],
        ]);
        assertEquals(found[0].message?.properties?.userProperties, [[a, a]]);
        const sorted = both.sort((one, other) => one < other ? -1 : 1);
        assertEquals(retained.map(({ topicName }) => topicName), sorted as TopicName[]);
        assertEquals(
          wills.map(({ clientIdentifier, username, will }) => [clientIdentifier, username, will.topicName]),
          sorted.map((name) => [name, name, name]),
        );
        const { lastMessageId: _, lastSession: __, ...left } = await reopened(place);
        assertEquals(left, { sessions: [], retained: [], wills: [] });
      }),
      { numRuns: 25, examples: [[["a", "a\0b"]], [["\ud800", "\ufffd"]], [["\0", ""]], [["\udc00\ud800", "\ufeff"]]] },
    );
  });

  test("more sessions, retained messages and wills than a page holds come back", async (place) => {
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
    assertEquals(sessions.map(({ session }) => session), expected);
    assertEquals(sessions.map(({ lastSequence }) => lastSequence), expected);
    assertEquals(retained.map(({ id }) => id).sort((a, b) => a - b), expected);
    assertEquals(wills.map(({ will }) => will.payload.length).sort((a, b) => a - b), expected);
  });
}

/** Two different strings of any code units, many of which UTF-8 or C would not take. */
const names = fc.uniqueArray(
  fc.array(
    fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 0x61, 0xd800, 0xdfff, 0xfeff, 0xfffd)),
    { maxLength: 6 },
  ).map((units) => String.fromCharCode(...units)),
  { minLength: 2, maxLength: 2 },
);

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

/** Opens a store, appends batch after batch, and closes it. */
async function filled(place: StorePlace, ...batches: readonly (readonly Change[])[]): Promise<void> {
  const store = place.create();
  await opened(store);
  try {
    for (const changes of batches) await store.append(changes);
  } finally {
    await store.close();
  }
}

async function reopened(place: StorePlace) {
  const store = place.create();
  const state = await opened(store);
  await store.close();
  return state;
}
