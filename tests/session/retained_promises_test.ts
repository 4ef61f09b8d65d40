/** What a session's subscriptions still have to bring of the retained messages (MQTT 3.1.1 §3.3.1.3, MQTT 5.0 §3.3.1.3). */
import { assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import { Message } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import type { RetainedPromise } from "../../src/session/retained_promise.ts";
import { RetainedPromises } from "../../src/session/retained_promises.ts";
import type { SessionLog } from "../../src/session/session_log.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";
import { FakeSessionJournal } from "./fake_session_journal.ts";

interface Retained {
  readonly qos?: QoS;
  readonly payload?: string;
  readonly expiresAtMs?: number;
}

function parts({ queueQoS0 = false }: { readonly queueQoS0?: boolean } = {}) {
  const retained = new RetainedMessages({ maximumMessages: 1_000_000, maximumBytes: 1_000_000_000 });
  const clock = { nowMs: 0 };
  /** How far the promises have got: `# after 2`, `# over`. */
  const told: string[] = [];
  class Log extends FakeSessionJournal implements SessionLog {
    override retainedSent({ key, after }: RetainedPromise, isOver: boolean): void {
      told.push(isOver ? `${key} over` : `${key} after ${after}`);
    }
  }
  const log = new Log();
  const promises = new RetainedPromises({ retained, log, now: () => clock.nowMs, queueQoS0: () => queueQoS0 });
  const retain = (name: string, { qos = 1, payload = "x", expiresAtMs }: Retained = {}) => {
    const bytes = new TextEncoder().encode(payload);
    retained.set(Message.of({ topicName: parseTopicName(name), payload: bytes, qos, retain: true, expiresAtMs }));
  };
  const promise = (filter: string, qos: QoS = 1, identifier?: number) =>
    promises.promise(...subscriptionOf(filter, qos, identifier));
  return { retained, promises, clock, told, retain, promise };
}

function subscriptionOf(filter: string, qos: QoS = 1, identifier?: number) {
  const topicFilter = parseTopicFilter(filter);
  return [topicFilter, { topicFilter, qos, noLocal: false, retainAsPublished: false, identifier }] as const;
}

const enough = () => ({ steps: 1_000_000, messages: 1_000_000 });

/** Everything that may leave now: `name payload`. */
function take(promises: RetainedPromises, { withQuota = true, most = Infinity } = {}): string[] {
  const taken: string[] = [];
  while (taken.length < most) {
    const delivery = promises.next(withQuota);
    if (!delivery) break;
    taken.push(`${delivery.message.topicName} ${new TextDecoder().decode(delivery.message.payload)}`);
  }
  return taken;
}

Deno.test("Subscriptions bring what is retained one after the other, each in the order of retaining, and tell how far they are", () => {
  const { promises, told, retain, promise } = parts();
  for (const name of ["b", "a", "c/d"]) retain(name);
  const { key, after, upTo } = promise("+")!;
  promise("c/#");
  assertEquals([key as string, after, upTo], ["+", 0, 3]);
  assertEquals([promises.isPending, promises.waiting, take(promises)], [true, 0, []]);
  assertEquals([promises.find(enough()), promises.waiting], [false, 3]);
  assertEquals([take(promises, { most: 1 }), told, promises.waiting], [["b x"], ["+ after 1"], 2]);
  assertEquals([take(promises), promises.isPending], [["a x", "c/d x"], false]);
  assertEquals(told, ["+ after 1", "+ over", "c/# over"]);
});

Deno.test("Where nothing is retained nothing is promised, and a promise that finds nothing is over", () => {
  const { promises, told, retain, promise } = parts();
  assertEquals([promise("a"), promises.isPending], [undefined, false]);
  retain("b");
  promise("a");
  assertEquals([promises.isPending, promises.find(enough()), promises.isPending, told], [true, false, false, [
    "a over",
  ]]);
});

Deno.test("A message is sent with RETAIN, the lower QoS and the subscription's identifier", () => {
  const { promises, retain, promise } = parts();
  retain("a", { qos: 2 });
  retain("b", { qos: 0 });
  promise("a", 1, 7);
  promise("b", 2);
  promises.find(enough());
  const sent = [promises.next(true), promises.next(true)].map((
    one,
  ) => [one?.qos, one?.retain, one?.subscriptionIdentifiers]);
  assertEquals(sent, [[1, true, [7]], [0, true, undefined]]);
});

Deno.test("Without quota QoS 0 leaves, and nothing passes by a message that needs it", () => {
  const { promises, retain, promise } = parts();
  retain("a", { qos: 0 });
  retain("b", { qos: 1 });
  retain("c", { qos: 0 });
  promise("#");
  promises.find(enough());
  assertEquals([take(promises, { withQuota: false }), take(promises)], [["a x"], ["b x", "c x"]]);
});

Deno.test("The search goes on where its budget ended, and what is found may leave meanwhile", () => {
  const { promises, retain, promise } = parts();
  for (const name of ["a", "b", "c"]) retain(name);
  promise("a");
  promise("+");
  assertEquals([promises.find({ steps: 4, messages: 1 }), promises.waiting], [true, 1]);
  assertEquals([promises.find({ steps: 9, messages: 0 }), promises.find({ steps: 0, messages: 9 })], [true, true]);
  assertEquals([take(promises), promises.isPending], [["a x"], true]);
  assertEquals([promises.find(enough()), take(promises)], [false, ["a x", "b x", "c x"]]);
});

Deno.test("No more than 10,000 found messages wait, and who asks is told when they are fewer", () => {
  const { promises, retain, promise } = parts();
  for (let index = 0; index < 10_005; index++) retain(`${index}`);
  promise("+");
  assertEquals([promises.find(enough()), promises.waiting, promises.isFull], [true, 10_000, true]);
  let resumed = 0;
  promises.whenTaken(9_999, () => resumed++);
  take(promises, { most: 1 });
  assertEquals([resumed, promises.isFull], [0, false]);
  take(promises, { most: 1 });
  take(promises, { most: 1 });
  assertEquals(resumed, 1);
  assertEquals([promises.find(enough()), take(promises).at(-1)], [true, "10002 x"]);
  assertEquals([promises.find(enough()), take(promises)], [false, ["10003 x", "10004 x"]]);
});

Deno.test("The end of a subscription takes what waits of it, and who waits for room is told", () => {
  const { promises, retain, promise } = parts();
  for (const name of ["a", "b"]) retain(name);
  promise("a");
  promise("#");
  promises.find(enough());
  let resumed = 0;
  promises.whenTaken(2, () => resumed++);
  promises.forget(parseTopicFilter("nothing"));
  assertEquals([promises.waiting, resumed], [3, 0]);
  promises.forget(parseTopicFilter("#"));
  assertEquals([promises.waiting, resumed, take(promises)], [1, 1, ["a x"]]);
});

Deno.test("A subscription that is made anew brings everything anew", () => {
  const { promises, retain, promise } = parts();
  for (const name of ["a", "b"]) retain(name);
  promise("#");
  promises.find(enough());
  assertEquals(take(promises, { most: 1 }), ["a x"]);
  promise("#");
  promises.find(enough());
  assertEquals(take(promises), ["a x", "b x"]);
});

Deno.test("A subscription that is changed brings the rest as it is now", () => {
  const { promises, retain, promise } = parts();
  for (const name of ["a", "b"]) retain(name);
  promise("#");
  promises.find(enough());
  take(promises, { most: 1 });
  assertEquals(promises.change(...subscriptionOf("#", 0, 3))?.after, 1);
  const delivery = promises.next(false);
  assertEquals([delivery?.qos, delivery?.subscriptionIdentifiers], [0, [3]]);
  assertEquals(promises.change(...subscriptionOf("other")), undefined);
});

Deno.test("What is found and cleared or replaced before its turn does not come, if what replaced it is on its way at once", () => {
  const { promises, retained, retain, promise } = parts();
  for (const name of ["cleared", "replaced 0", "replaced 1"]) retain(name, { payload: "old" });
  promise("#");
  promises.find(enough());
  retained.delete(parseTopicName("cleared"));
  retain("replaced 0", { qos: 0, payload: "new" });
  retain("replaced 1", { qos: 1, payload: "new" });
  assertEquals([take(promises), promises.isPending], [["replaced 1 old"], false]);
});

Deno.test("What was found and has expired is given to who counts it", () => {
  const { promises, clock, retain, promise } = parts();
  retain("a", { expiresAtMs: 100 });
  retain("b", { expiresAtMs: 10 });
  clock.nowMs = 50;
  promise("#");
  promises.find(enough());
  // The other had expired before.
  assertEquals(promises.waiting, 1);
  clock.nowMs = 200;
  assertEquals(take(promises), ["a x"]);
});

Deno.test("A message waits for the retained one of its topic only if that is still to come", () => {
  const { promises, clock, retain, promise } = parts();
  const owes = (name: string) => promises.owes(parseTopicName(name));
  retain("a");
  retain("b/c", { expiresAtMs: 10 });
  assertEquals(owes("a"), false);
  promise("#");
  retain("later");
  assertEquals([owes("a"), owes("b/c"), owes("later"), owes("none")], [true, true, false, false]);
  clock.nowMs = 20;
  assertEquals(owes("b/c"), false);
  promises.find(enough());
  take(promises, { most: 1 });
  assertEquals(owes("a"), false);
  promise("b/+");
  assertEquals(owes("a"), false);
});

Deno.test("With more promises than are compared each retained message counts as still to come", () => {
  for (const [count, owed] of [[64, false], [65, true]] as const) {
    const { promises, retain, promise } = parts();
    retain("a");
    for (let index = 0; index < count; index++) promise(`else/${index}`);
    assertEquals([promises.owes(parseTopicName("a")), promises.owes(parseTopicName("b"))], [owed, false]);
  }
});

Deno.test("What was found and not sent when the client goes is looked for again, from where it was", () => {
  const { promises, retained, retain, promise } = parts();
  for (const name of ["a", "b", "c"]) retain(name);
  promise("#");
  promises.find(enough());
  let resumed = 0;
  promises.whenTaken(100, () => resumed++);
  promises.detach();
  assertEquals([promises.waiting, promises.isPending, take(promises)], [0, true, []]);
  promises.attach();
  retained.delete(parseTopicName("b"));
  promises.find(enough());
  assertEquals([take(promises), promises.isPending, resumed], [["a x", "c x"], false, 0]);
});

for (const queueQoS0 of [false, true]) {
  const what = queueQoS0 ? "does not come here, since it waits in the queue" : "comes behind the rest";
  Deno.test(`What is retained at QoS 0 while the client is away ${what}; QoS 1 waits in the queue`, () => {
    const { promises, retain, promise } = parts({ queueQoS0 });
    retain("a");
    promise("#");
    promises.detach();
    retain("b", { qos: 0 });
    retain("c", { qos: 1 });
    promises.attach();
    retain("d", { qos: 0 });
    promises.find(enough());
    assertEquals(take(promises), queueQoS0 ? ["a x"] : ["a x", "b x"]);
  });
}

Deno.test("What is missed while the client is away comes though it has been away before, but not what came before that", () => {
  const { promises, retain, promise } = parts();
  retain("a");
  promise("#");
  for (const name of ["b", "c"]) {
    promises.detach();
    retain(name, { qos: 0 });
    promises.attach();
  }
  promises.find(enough());
  assertEquals(take(promises), ["a x", "b x", "c x"]);
  promises.detach();
  retain("d", { qos: 0 });
  promise("a");
  promises.attach();
  promises.find(enough());
  assertEquals(take(promises), ["a x"]);
});

Deno.test("A promise that a store has goes on behind what was sent, and brings what was missed since", () => {
  const { promises, retain } = parts();
  for (const name of ["a", "b"]) retain(name);
  retain("c", { qos: 0 });
  retain("d", { qos: 1 });
  promises.restore(...subscriptionOf("#"), { after: 1, upTo: 2 });
  promises.attach();
  promises.find(enough());
  assertEquals(take(promises), ["b x", "c x"]);
});
