import { assertEquals } from "@std/assert";
import { Message } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import type { Delivery } from "../../src/session/delivery.ts";
import { Session } from "../../src/session/session.ts";
import type { Route } from "../../src/topics/subscriber.ts";
import { FakeLink, senderOptions } from "./support.ts";

function open(expiryIntervalSeconds = 10) {
  const sender = senderOptions().options;
  const session = new Session({
    clientIdentifier: "c",
    username: undefined,
    expiryIntervalSeconds,
    sender,
    onReturn: () => false,
  });
  const sent: Delivery[] = [];
  const link = new FakeLink();
  link.sendPublish = (delivery) => sent.push(delivery);
  session.attach(link);
  return { session, sent, retained: sender.retained };
}

const retained = new Message({ topicName: parseTopicName("a"), payload: new Uint8Array(1), qos: 2, retain: true });

Deno.test("A message is sent with the lower QoS, RETAIN as published only if asked for, and the route's identifiers", () => {
  const { session, sent } = open();
  const route: Route = {
    subscriber: session,
    qos: 1,
    retainAsPublished: false,
    subscriptionIdentifiers: [3, 4],
    ownMessages: "same",
  };
  session.offer(retained, route);
  session.offer(retained, { ...route, qos: 2, retainAsPublished: true, subscriptionIdentifiers: undefined });
  assertEquals(sent.map(({ qos, retain, subscriptionIdentifiers }) => [qos, retain, subscriptionIdentifiers]), [
    [1, false, [3, 4]],
    [2, true, undefined],
  ]);
});

Deno.test("A retained message for a new subscription is sent with RETAIN 1 and the subscription's identifier", () => {
  const { session, sent, retained: messages } = open();
  messages.set(retained);
  const subscription = {
    topicFilter: parseTopicFilter("a"),
    qos: 0,
    noLocal: false,
    retainAsPublished: false,
  } as const;
  for (const one of [subscription, { ...subscription, identifier: 5 }]) {
    session.subscribe(one.topicFilter, one, { withRetained: true });
    assertEquals(session.sender.findRetained({ steps: 100, messages: 100 }), false);
  }
  assertEquals(sent.map(({ qos, retain, subscriptionIdentifiers }) => [qos, retain, subscriptionIdentifiers]), [
    [0, true, undefined],
    [0, true, [5]],
  ]);
});

Deno.test("A session expires when its interval after the disconnection is over, not while connected", () => {
  const { session } = open(10);
  assertEquals([session.connected, session.isExpired(1e12)], [true, false]);
  session.detach(5_000);
  assertEquals([session.connected, session.isExpired(14_999), session.isExpired(15_000)], [false, false, true]);
  session.attach(new FakeLink());
  assertEquals([session.connected, session.isExpired(1e12)], [true, false]);
});

Deno.test("A session with no expiry interval ends with its connection", () => {
  const { session } = open(0);
  session.detach(5_000);
  assertEquals(session.isExpired(5_000), true);
});
