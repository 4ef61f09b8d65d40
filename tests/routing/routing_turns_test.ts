/** Messages that are too much for one piece of work. */
import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { Message, type MessageParts } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { Router, type RouterTurns } from "../../src/routing/router.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";
import { Subscriptions } from "../../src/topics/subscriptions.ts";
import type { Subscriber, Subscription } from "../../src/topics/subscriber.ts";
import { SteppedBudget } from "../support/stepped_budget.ts";

const MANY = 30_000;
/** What is looked at after a look that was not due yet. */
const MOST_STEPS = 1700;

interface Named extends Subscriber {
  clientIdentifier: string;
  ended: boolean;
}

function room(turns: Omit<RouterTurns, "work"> = {}) {
  const budget = new SteppedBudget();
  const { work } = budget;
  const subscriptions = new Subscriptions(work);
  const retained = new RetainedMessages({ maximumMessages: 10, maximumBytes: 1_000_000 });
  const offered: string[] = [];
  const router = new Router(subscriptions, retained, { messageDropped() {} }, { work, ...turns });
  const subscriber = (clientIdentifier: string, takes = true): Named => ({
    clientIdentifier,
    availability: "ready",
    ended: false,
    offer({ payload }, { qos, subscriptionIdentifiers = [] }) {
      offered.push([clientIdentifier, payload[0], qos, ...subscriptionIdentifiers].join(" "));
      return takes;
    },
  });
  const subscribe = (who: Subscriber, filter: string, changes: Partial<Subscription> = {}) =>
    subscriptions.add(who, {
      topicFilter: parseTopicFilter(filter),
      qos: 0,
      noLocal: false,
      retainAsPublished: false,
      ...changes,
    });
  const crowd = (filter: string, count = MANY, changes: Partial<Subscription> = {}) =>
    Array.from({ length: count }, (_, i) => {
      const one = subscriber(`${filter}${i}`);
      subscribe(one, filter, changes);
      return one;
    });
  /** Happens once, when the sockets are looked at for the first time from now on. */
  const meanwhile = (happens: () => void) => {
    budget.onPoll = () => {
      budget.onPoll = () => {};
      happens();
    };
  };
  const remove = (who: Subscriber, filter: string) => subscriptions.remove(who, parseTopicFilter(filter));
  work.begin();
  return { budget, subscriptions, retained, router, offered, subscriber, subscribe, crowd, remove, meanwhile };
}

function message(name: string, number = 1, parts: Partial<MessageParts> = {}): Message {
  return Message.of({ topicName: parseTopicName(name), payload: Uint8Array.of(number), ...parts });
}

Deno.test("A message to very many subscribers is offered to each once, in pieces between which others have their turn", async () => {
  const { budget, router, offered, crowd } = room();
  crowd("x");
  const outcome = router.publish(message("x"));
  assert(outcome instanceof Promise);
  assertLess(offered.length, MANY);
  assertEquals(await outcome, MANY);
  assertEquals([offered.length, new Set(offered).size], [MANY, MANY]);
  assert(budget.polls >= 2, `${budget.polls} looks at the sockets`);
  assertLessOrEqual(budget.longestPiece, MOST_STEPS);
});

Deno.test("Very many filters that match one topic are looked at in pieces, and once: what was found is remembered", async () => {
  const { budget, router, offered, subscriber, subscribe } = room();
  const one = subscriber("one");
  const levels = 12;
  for (let bits = 0; bits < 2 ** levels; bits++) {
    const filter = Array.from({ length: levels }, (_, i) => bits >> i & 1 ? "+" : "a").join("/");
    subscribe(one, filter, { qos: bits === 5 ? 2 : 1 });
  }
  budget.work.begin();
  budget.longestPiece = 0;
  const name = "a/".repeat(levels - 1) + "a";
  assertEquals([await router.publish(message(name)), offered], [1, ["one 1 2"]]);
  assertLessOrEqual(budget.longestPiece, MOST_STEPS);
  assertEquals(router.publish(message(name, 2)), 1);
});

Deno.test("Very many groups with a Shared Subscription to one topic are served in pieces", async () => {
  const { budget, router, offered, subscriber, subscribe } = room();
  const [a, b] = [subscriber("a"), subscriber("b")];
  for (let i = 0; i < MANY; i++) for (const who of [a, b]) subscribe(who, "x", { shareName: `${i}` });
  budget.work.begin();
  budget.longestPiece = 0;
  assertEquals([await router.publish(message("x")), offered.length], [MANY, MANY]);
  assertLessOrEqual(budget.longestPiece, MOST_STEPS);
});

Deno.test("While a message is routed in pieces, those of others to other topics are routed at once", async () => {
  const { router, offered, subscriber, subscribe, crowd, meanwhile } = room();
  crowd("x");
  subscribe(subscriber("other"), "y");
  let outcome: unknown;
  meanwhile(() => outcome = router.publish(message("y", 2, { publisher: "b" })));
  await router.publish(message("x", 1, { publisher: "a" }));
  assertEquals(outcome, 1);
  assertLess(offered.indexOf("other 2 0"), MANY);
});

Deno.test("[MQTT-4.6.0-6] 5.0 While a message is routed in pieces, what its publisher sends next waits, whatever the topic", async () => {
  const { router, offered, subscriber, subscribe, crowd, meanwhile } = room();
  crowd("x");
  const last = subscriber("last");
  for (const filter of ["x", "y"]) subscribe(last, filter);
  let next: unknown;
  meanwhile(() => next = router.publish(message("y", 2, { publisher: "a" })));
  await router.publish(message("x", 1, { publisher: "a" }));
  assertEquals(await next, 1);
  assertEquals(offered.filter((one) => one.startsWith("last")), ["last 1 0", "last 2 0"]);
});

Deno.test("Messages of one topic come to everybody in the order in which they are retained, whoever publishes them", async () => {
  const { router, retained, offered, subscriber, subscribe, crowd, meanwhile } = room();
  const name = parseTopicName("x");
  crowd("x");
  subscribe(subscriber("last"), "x");
  const others: unknown[] = [];
  meanwhile(() => {
    assertEquals(retained.get(name, 0)?.payload, Uint8Array.of(1));
    for (const number of [2, 3]) {
      others.push(router.publish(message("x", number, { publisher: `p${number}`, retain: true })));
    }
  });
  await router.publish(message("x", 1, { publisher: "p1", retain: true }));
  assertEquals(await Promise.all(others), [MANY + 1, MANY + 1]);
  assertEquals(offered.filter((one) => one.startsWith("last")), ["last 1 0", "last 2 0", "last 3 0"]);
  assertEquals([retained.get(name, 0)?.payload, router.heldBytes], [Uint8Array.of(3), 0]);
});

Deno.test("[MQTT-3.10.4-2] 5.0 Who unsubscribes while a message is routed in pieces gets no more of it, nor who has ended", async () => {
  const { router, offered, crowd, remove, meanwhile } = room();
  const members = crowd("x");
  meanwhile(() => {
    remove(members.at(-1)!, "x");
    members.at(-2)!.ended = true;
  });
  assertEquals(await router.publish(message("x")), MANY - 2);
  assertEquals(offered.length, MANY - 2);
});

Deno.test("Who subscribes while a message is routed in pieces gets nothing of it, again or for the first time", async () => {
  const { router, offered, subscriber, subscribe, crowd, remove, meanwhile } = room();
  const members = crowd("x");
  subscribe(subscriber("wild"), "#");
  meanwhile(() => {
    remove(members.at(-1)!, "x");
    subscribe(members.at(-1)!, "x");
    for (const filter of ["x", "+"]) subscribe(subscriber("new"), filter);
  });
  assertEquals(await router.publish(message("x")), MANY);
  assertEquals(offered.filter((one) => /^(new|x29999) /.test(one)), []);
});

Deno.test("[MQTT-3.8.4-3] 5.0 A subscription that is replaced while a message is routed in pieces loses nothing", async () => {
  const { router, offered, subscribe, crowd, meanwhile } = room();
  const members = crowd("x");
  meanwhile(() => subscribe(members.at(-1)!, "x", { qos: 2, identifier: 7 }));
  assertEquals(await router.publish(message("x")), MANY);
  assertEquals(offered.at(-1), "x29999 1 2 7");
});

Deno.test("Of overlapping subscriptions, those count that are left when it is the subscriber's turn", async () => {
  const { router, offered, subscriber, subscribe, crowd, remove, meanwhile } = room();
  crowd("#");
  const last = subscriber("last");
  subscribe(last, "#", { qos: 1, identifier: 2 });
  subscribe(last, "+", { qos: 2, identifier: 1 });
  meanwhile(() => remove(last, "+"));
  assertEquals(await router.publish(message("x")), MANY + 1);
  assertEquals(offered.filter((one) => one.startsWith("last")), ["last 1 1 2"]);
});

Deno.test("No Local holds in pieces, and queues that are all full are told of", async () => {
  const { router, subscriber, subscribe } = room();
  for (let i = 0; i < 2000; i++) subscribe(subscriber(`${i}`, false), "x", { noLocal: true });
  assertEquals(await router.publish(message("x", 1, { publisher: "7" })), "full");
  subscribe(subscriber("takes"), "x");
  assertEquals(await router.publish(message("x", 1, { publisher: "7" })), 2000);
});

Deno.test("A message that has had to wait is given up if its sender has gone", async () => {
  const { router, offered, subscriber, subscribe, crowd, meanwhile } = room();
  crowd("x");
  subscribe(subscriber("other"), "y");
  let next: unknown;
  const told: unknown[] = [];
  meanwhile(() => {
    const callbacks = { stillConnected: () => false, onRouted: (outcome: unknown) => told.push(outcome) };
    next = router.publish(message("y", 2, { publisher: "a" }), callbacks);
  });
  await router.publish(message("x", 1, { publisher: "a" }));
  assertEquals([await next, told, offered.includes("other 2 0")], ["abandoned", [], false]);
});

Deno.test("What waits holds its bytes until it is routed, and idle resolves then", async () => {
  const { router, offered, crowd, meanwhile } = room();
  crowd("x");
  const one = message("x");
  const outcome = router.publish(one);
  assertEquals(router.heldBytes, one.sizeBytes);
  let waiting: unknown;
  meanwhile(() => waiting = router.publish(message("x", 2)));
  await router.idle();
  assertEquals([await outcome, await waiting, offered.length, router.heldBytes], [MANY, MANY, 2 * MANY, 0]);
});

Deno.test("[MQTT-4.3.3-2] 5.0 At QoS 2 what is to be stored is held back from the first piece to the last, and not twice at once", async () => {
  const told: string[] = [];
  let taken = Promise.withResolvers<void>();
  const { router, crowd } = room({
    holdStore: () => {
      told.push("hold");
      return () => told.push("release");
    },
    storeIsReady: () => told.at(-1) === "release" ? taken.promise : undefined,
  });
  for (const topic of ["x", "y"]) crowd(topic);
  const told2 = (number: number) => ({
    onBegun: () => void told.push(`begun ${number}`),
    onRouted: () => void told.push(`routed ${number}`),
  });
  const first = router.publish(message("x", 1, { qos: 2, publisher: "a" }), told2(1));
  const second = router.publish(message("y", 2, { qos: 2, publisher: "b" }), told2(2));
  assertEquals(told, ["hold", "begun 1"]);
  await first;
  for (let i = 0; i < 100; i++) await Promise.resolve();
  assertEquals(told, ["hold", "begun 1", "routed 1", "release"]);
  told.push("taken");
  taken.resolve();
  taken = Promise.withResolvers();
  assertEquals(await second, MANY);
  assertEquals(told.slice(5), ["hold", "begun 2", "routed 2", "release"]);
  await router.publish(message("x", 1, { qos: 1 }));
  assertEquals(told.length, 9);
});
