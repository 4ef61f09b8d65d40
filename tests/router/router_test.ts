import { assertEquals } from "@std/assert";
import { Message, type MessageParts } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { Router } from "../../src/router/router.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";
import { type Subscriber, type Subscription, Subscriptions } from "../../src/topics/subscriptions.ts";

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
      offer: ({ topicName }, { qos }) => offered.push(`${clientIdentifier} ${topicName} ${qos}`),
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
  return new Message({ topicName: parseTopicName(name), payload: new Uint8Array(1), ...parts });
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
  assertEquals(retained.get(first.topicName), first);
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
