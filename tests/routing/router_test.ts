import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Message, type MessageParts } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { Router } from "../../src/routing/router.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";
import { Subscriptions } from "../../src/topics/subscriptions.ts";
import type { Availability, Route, Subscriber, Subscription } from "../../src/topics/subscriber.ts";

function room(maximumMessages = 10) {
  const subscriptions = new Subscriptions();
  const retained = new RetainedMessages({ maximumMessages, maximumBytes: 1_000_000 });
  const told: string[] = [];
  const offered: string[] = [];
  const router = new Router(subscriptions, retained, {
    messageRouted: ({ topicName }, subscribers) => told.push(`routed ${topicName} ${subscribers}`),
    messageRetained: ({ topicName }) => told.push(`retained ${topicName}`),
    messageDropped: (client, { topicName }, reason) => told.push(`dropped ${client} ${topicName} ${reason}`),
  });
  const subscribe = (clientIdentifier: string | undefined, filter: string, changes: Partial<Subscription> = {}) => {
    const subscriber: Subscriber = {
      clientIdentifier,
      availability: "ready",
      offer: ({ topicName }, { qos }) => offered.push(`${clientIdentifier} ${topicName} ${qos}`) > 0,
    };
    const add = (filter: string, changes: Partial<Subscription>) =>
      subscriptions.add(subscriber, {
        topicFilter: parseTopicFilter(filter),
        qos: 0,
        noLocal: false,
        retainAsPublished: false,
        ...changes,
      });
    add(filter, changes);
    return add;
  };
  return { router, retained, told, offered, subscribe };
}

function message(name: string, parts: Partial<MessageParts> = {}): Message {
  return Message.of({ topicName: parseTopicName(name), payload: new Uint8Array(1), ...parts });
}

Deno.test("A message is offered once to each subscriber that matches, and their number is told", () => {
  const { router, told, offered, subscribe } = room();
  subscribe("a", "x/#", { qos: 1 })("x/+", { qos: 2 });
  subscribe("b", "x/y");
  subscribe("c", "z");
  assertEquals(router.publish(message("x/y")), 2);
  assertEquals([offered.sort(), told], [["a x/y 2", "b x/y 0"], ["routed x/y 2"]]);
});

Deno.test("A message that nobody subscribed to is told as routed to nobody", () => {
  const { router, told } = room();
  assertEquals(router.publish(message("x")), 0);
  assertEquals(told, ["routed x 0"]);
});

Deno.test("No Local keeps a message from its publisher only", () => {
  const { router, offered, subscribe } = room();
  subscribe("a", "x", { noLocal: true });
  subscribe("b", "x", { noLocal: true });
  assertEquals(router.publish(message("x", { publisher: "a" })), 1);
  assertEquals(offered, ["b x 0"]);
});

Deno.test("A publisher with a further subscription gets its own message by that one alone", () => {
  const { router, offered, subscribe } = room();
  subscribe("a", "x", { noLocal: true, qos: 2 })("+", { qos: 1 });
  assertEquals([router.publish(message("x", { publisher: "a" })), router.publish(message("x", { publisher: "b" }))], [
    1,
    1,
  ]);
  assertEquals(offered, ["a x 1", "a x 2"]);
});

Deno.test("A message without publisher is nobody's own", () => {
  const { router, offered, subscribe } = room();
  subscribe(undefined, "x", { noLocal: true });
  subscribe("a", "x", { noLocal: true });
  assertEquals(router.publish(message("x")), 2);
  assertEquals(offered.sort(), ["a x 0", "undefined x 0"]);
});

Deno.test("A message with RETAIN is kept and offered; one without leaves the kept one alone", () => {
  const { router, retained, told, offered, subscribe } = room();
  subscribe("a", "x");
  const first = message("x", { retain: true });
  router.publish(first);
  router.publish(message("x"));
  assertEquals(retained.get(first.topicName, 0), first);
  assertEquals([offered.length, told], [2, ["retained x", "routed x 1", "routed x 1"]]);
});

Deno.test("An empty message with RETAIN clears the kept one and is offered itself", () => {
  const { router, retained, offered, subscribe } = room();
  subscribe("a", "x");
  router.publish(message("x", { retain: true }));
  router.publish(message("x", { retain: true, payload: new Uint8Array() }));
  assertEquals([retained.count, offered.length], [0, 2]);
});

Deno.test("A message that cannot be retained is still offered", () => {
  const { router, retained, told, offered, subscribe } = room(0);
  subscribe("a", "x");
  router.publish(message("x", { retain: true }));
  assertEquals([retained.count, offered], [0, ["a x 0"]]);
  assertEquals(told, ["dropped undefined x max-retained", "routed x 1"]);
});

Deno.test("A message that is only to be retained is offered to nobody", () => {
  const { router, retained, told, offered, subscribe } = room();
  subscribe("a", "x");
  router.retain(message("x", { retain: true }));
  assertEquals([retained.count, offered, told], [1, [], ["retained x"]]);
});

Deno.test("One member of each matching group gets a message, and the group counts as one subscriber", () => {
  const { router, told, offered, subscribe } = room();
  for (const client of ["a", "b"]) subscribe(client, "x/#", { shareName: "s" });
  subscribe("c", "x/y", { shareName: "s" });
  subscribe("d", "x/y", { shareName: "t" });
  subscribe("e", "x/y");
  const counts = ["x/y", "x/y", "x/z"].map((name) => router.publish(message(name)));
  assertEquals([counts, told], [[4, 4, 1], ["routed x/y 4", "routed x/y 4", "routed x/z 1"]]);
  const clients = offered.map((line) => line.split(" ")[0]);
  assertEquals([clients.slice(0, 4).sort(), clients.slice(4, 8).sort(), clients.slice(8)], [
    ["a", "c", "d", "e"],
    ["b", "c", "d", "e"],
    ["a"],
  ]);
});

Deno.test("[MQTT-4.8.2-3] 5.0 Each member of a group is offered a message with its own granted QoS", () => {
  const { router, offered, subscribe } = room();
  subscribe("a", "x", { shareName: "s", qos: 0 });
  subscribe("b", "x", { shareName: "s", qos: 2 });
  for (let messages = 0; messages < 3; messages++) router.publish(message("x", { qos: 1 }));
  assertEquals(offered, ["a x 0", "b x 2", "a x 0"]);
});

Deno.test("A subscriber gets one copy for its own subscriptions and one for each group it is chosen in", () => {
  const { router, offered, subscribe } = room();
  const add = subscribe("a", "x", { qos: 2 });
  add("+", { qos: 0 });
  add("x", { shareName: "s", qos: 1 });
  add("x", { shareName: "t", qos: 0 });
  assertEquals([router.publish(message("x")), offered.sort()], [3, ["a x 0", "a x 1", "a x 2"]]);
});

Deno.test("A publisher's own messages reach it through its group, whatever its other subscriptions say", () => {
  const { router, offered, subscribe } = room();
  subscribe("a", "x", { shareName: "s", qos: 1 })("x", { noLocal: true });
  assertEquals([router.publish(message("x", { publisher: "a" })), offered], [1, ["a x 1"]]);
});

/** A group "s" on the topic x whose members note what they are offered; a member may refuse. */
function group(states: Readonly<Record<string, Availability>>) {
  const subscriptions = new Subscriptions();
  const retained = new RetainedMessages({ maximumMessages: 10, maximumBytes: 1_000_000 });
  const router = new Router(subscriptions, retained, { messageDropped() {} });
  const offered: string[] = [];
  const refusing = new Set<string>();
  const members = Object.entries(states).map(([clientIdentifier, availability]): Subscriber => {
    const offer = (message: Message, { share }: Route) => {
      offered.push(clientIdentifier);
      if (!refusing.has(clientIdentifier)) return true;
      assert(share, "the route of a member names its group");
      if (!router.handOver(message, share, member, { onlyConnected: false })) {
        offered.push(`dropped by ${clientIdentifier}`);
      }
      return false;
    };
    const member = { clientIdentifier, availability, offer };
    return member;
  });
  const topicFilter = parseTopicFilter("x");
  for (const member of members) {
    subscriptions.add(member, { topicFilter, shareName: "s", qos: 1, noLocal: false, retainAsPublished: false });
  }
  const [share] = subscriptions.match(parseTopicName("x")).shares;
  return { router, members, share, offered, refusing };
}

Deno.test("A message that a member has not taken is handed to the next one that is best", () => {
  const { router, members: [a, b], share, offered } = group({ a: "ready", b: "busy", c: "ready", d: "offline" });
  const results = [a, a, b].map((from) => router.handOver(message("x"), share, from, { onlyConnected: true }));
  assertEquals([results, offered], [[true, true, true], ["c", "c", "a"]]);
});

Deno.test("What is handed over is the same message, on the new member's route", () => {
  const { router, members: [a, b], share } = group({ a: "ready", b: "ready" });
  const told: [Message, Route][] = [];
  b.offer = (message, route) => told.push([message, route]) > 0;
  const one = message("x");
  router.handOver(one, share, a, { onlyConnected: false });
  assertEquals(told.length, 1);
  assertStrictEquals(told[0][0], one);
  assertStrictEquals(told[0][1].subscriber, b);
  assertStrictEquals(told[0][1].share, share);
});

Deno.test("A message goes to an offline member only if the caller lets it", () => {
  const { router, members: [a], share, offered } = group({ a: "ready", b: "offline", c: "offline" });
  assertEquals([router.handOver(message("x"), share, a, { onlyConnected: true }), offered], [false, []]);
  assertEquals([router.handOver(message("x"), share, a, { onlyConnected: false }), offered], [true, ["b"]]);
});

Deno.test("Without another member the message stays with the caller", () => {
  const { router, members: [a], share, offered } = group({ a: "ready" });
  const results = [true, false].map((onlyConnected) => router.handOver(message("x"), share, a, { onlyConnected }));
  assertEquals([results, offered], [[false, false], []]);
});

Deno.test("A member hands on what it was handed, until one takes it", () => {
  const { router, offered, refusing } = group({ a: "busy", b: "busy", c: "busy" });
  refusing.add("a").add("b");
  router.publish(message("x"));
  assertEquals(offered, ["a", "b", "c"]);
});

Deno.test("A message that every member refuses comes to an end, each time anew", () => {
  const { router, offered, refusing } = group({ a: "busy", b: "busy" });
  refusing.add("a").add("b");
  for (let messages = 0; messages < 2; messages++) {
    offered.length = 0;
    router.publish(message("x"));
    assertEquals(offered.filter((line) => line.startsWith("dropped")).length, 1);
    assertEquals(offered.length, 10);
  }
});
