import { assert, assertEquals } from "@std/assert";
import { Message } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName, type TopicFilter } from "../../src/packet/topic.ts";
import type { Delivery } from "../../src/session/delivery.ts";
import { Session, type SessionOptions, subscriptionCostBytes } from "../../src/session/session.ts";
import type { SessionFacts, SessionLog } from "../../src/session/session_log.ts";
import type { Route, Share } from "../../src/topics/subscriber.ts";
import { FakeSessionJournal } from "./fake_session_journal.ts";
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

const retained = Message.of({ topicName: parseTopicName("a"), payload: new Uint8Array(1), qos: 2, retain: true });

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

Deno.test("What several sessions are given alike has a place of its own in the queue of each", () => {
  const sender = { ...senderOptions().options, queueQoS0: true };
  const sessions = ["a", "b"].map((clientIdentifier) =>
    new Session({ clientIdentifier, username: undefined, expiryIntervalSeconds: 10, sender, onReturn: () => false })
  );
  const offer = (name: string, to: readonly Session[]) => {
    const message = Message.of({ topicName: parseTopicName(name), payload: new Uint8Array(1) });
    for (const subscriber of to) {
      const route = {
        qos: 0,
        retainAsPublished: false,
        subscriptionIdentifiers: undefined,
        ownMessages: "same",
      } as const;
      subscriber.offer(message, { ...route, subscriber });
    }
  };
  offer("only/a", sessions.slice(0, 1));
  offer("both", sessions);
  const places = sessions.map(({ sender }) => sender.firstWaiting(9).deliveries.map(({ sequence }) => sequence));
  assertEquals(places, [[1, 2], [1]]);
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

/** A session with everything that it was given, which a store has. */
function stored(changes: Partial<SessionOptions> = {}) {
  const noted: string[] = [];
  class Log extends FakeSessionJournal implements SessionLog {
    override changed(facts?: SessionFacts): void {
      noted.push(`expires ${facts?.expiryIntervalSeconds} s after ${facts?.disconnectedAtMs}`);
    }
    override subscribed(key?: TopicFilter): void {
      noted.push(`subscribed ${key}`);
    }
    override unsubscribed(key?: TopicFilter): void {
      noted.push(`unsubscribed ${key}`);
    }
    override ended(): void {
      noted.push("ended");
    }
  }
  const { options: sender } = senderOptions();
  const options = { clientIdentifier: "c", username: "alice", network: "net", expiryIntervalSeconds: 10, sender };
  const session = new Session({ ...options, onReturn: () => false, log: new Log(), ...changes });
  return { session, noted };
}

const subscription = {
  topicFilter: parseTopicFilter("a/+"),
  qos: 1,
  noLocal: false,
  retainAsPublished: false,
} as const;

Deno.test("A session is who it was made for, and outlives the process if something is told of it", () => {
  const { session } = stored();
  assertEquals([session.clientIdentifier, session.username, session.network], ["c", "alice", "net"]);
  assertEquals([session.durable, open().session.durable], [true, false]);
});

Deno.test("What must outlive the process is noted when it happens, and the end of it all once", () => {
  const { session, noted } = stored();
  session.resume(20);
  session.subscribe(subscription.topicFilter, subscription, { withRetained: false });
  session.unsubscribe(subscription.topicFilter);
  session.unsubscribe(subscription.topicFilter);
  session.detach(7);
  session.end();
  const expected = [
    "expires 20 s after undefined",
    "subscribed a/+",
    "unsubscribed a/+",
    "expires 20 s after 7",
    "ended",
  ];
  assertEquals([noted, session.ended], [expected, true]);
});

Deno.test("A session whose rest is left to others ends in the store only when they have it", () => {
  const { session, noted } = stored({ disconnectedAtMs: 3 });
  session.sender.restore({ messages: 1, bytes: 1, underWay: 0, lastSequence: 1, mayBeShared: true });
  assertEquals([session.end() !== undefined, noted], [true, ["expires 0 s after 3"]]);
  const connected = stored();
  connected.session.sender.restore({ messages: 1, bytes: 1, underWay: 0, lastSequence: 1, mayBeShared: true });
  connected.session.end();
  assertEquals(connected.noted, ["expires 0 s after 0"]);
});

Deno.test("Subscriptions take memory by their number, length and levels, and give it back", () => {
  const { session } = stored();
  assertEquals([session.heldBytes, session.subscriptionBytes], [0, 0]);
  const bytesOf = (filter: string) => subscriptionCostBytes(parseTopicFilter(filter));
  assert(bytesOf("a/b/c") > bytesOf("a-b-c"));
  for (const filter of ["a/+", "b/c/d", "a/+"]) {
    const topicFilter = parseTopicFilter(filter);
    session.subscribe(topicFilter, { ...subscription, topicFilter }, { withRetained: false });
  }
  assertEquals(session.subscriptionBytes, bytesOf("a/+") + bytesOf("b/c/d"));
  assertEquals([session.heldBytes, session.overlap.most], [session.subscriptionBytes, 2]);
  assertEquals(session.unsubscribe(subscription.topicFilter)?.topicFilter, subscription.topicFilter);
  assertEquals([session.subscriptionBytes, session.subscriptions.size, session.overlap.most], [bytesOf("b/c/d"), 1, 1]);
  const again = stored({ subscriptions: session.subscriptions }).session;
  assertEquals(again.subscriptionBytes, bytesOf("b/c/d"));
});

Deno.test("A session that never expires has no end, nor has one whose client is connected", () => {
  const { session } = open(0xffff_ffff);
  session.detach(1);
  assertEquals([session.endsAtMs, open(1).session.endsAtMs], [Infinity, Infinity]);
  const other = open(3).session;
  other.detach(1000);
  assertEquals([other.endsAtMs, other.isExpired(3999), other.isExpired(4000)], [4000, false, true]);
});

Deno.test("A session that has ended is available for nothing more", () => {
  const { session } = open();
  assertEquals(session.availability, "ready");
  session.end();
  assertEquals(session.availability, "ended");
});

Deno.test("Groups that a session is still a member of hear that its client is back", () => {
  const { session } = open();
  const returned: string[] = [];
  const group = (name: string) => ({ returned: () => returned.push(name) }) as unknown as Share;
  const [a, b] = [group("a"), group("b")];
  for (const one of [a, b]) session.joined(one);
  session.left(a);
  session.attach(new FakeLink());
  assertEquals(returned, ["b"]);
});

Deno.test("Only a client that may refuse something is asked, and then of the message as it would get it", () => {
  const { session } = open();
  const link = new FakeLink();
  link.refused.set("a", "maximum-packet-size");
  session.attach(link);
  const route = { subscriber: session, qos: 1, retainAsPublished: false, subscriptionIdentifiers: undefined } as const;
  const refuses = () => session.refuses(retained, { ...route, ownMessages: "same" });
  assertEquals([refuses(), link.asked], [false, []]);
  session.attach(Object.assign(link, { isSelective: true }));
  assertEquals([refuses(), link.asked], [true, ["a"]]);
  session.detach(0);
  assertEquals(refuses(), false);
});

Deno.test("A client that has signed in has all that is under way in memory, and a quota of its own", () => {
  const { session } = stored();
  session.attach(new FakeLink());
  session.offer(retained, {
    ...{
      subscriber: session,
      qos: 1,
      retainAsPublished: false,
      subscriptionIdentifiers: undefined,
      ownMessages: "same",
    },
  });
  session.receiver.accept(1);
  assertEquals(session.receiver.inflightNow, 1);
  session.detach(0);
  session.resume(10);
  session.sender.spill();
  assertEquals([session.sender.isUnread, session.sender.memoryBytes > 0], [false, true]);
  session.attach(new FakeLink());
  assertEquals([session.receiver.inflight, session.receiver.inflightNow], [1, 0]);
});
