/** A sender towards MQTT 5.0 clients: the quota, what they refuse, and messages of shared subscriptions. */
import { assertEquals, assertThrows } from "@std/assert";
import { expiryTime, Message } from "../../src/message.ts";
import type { QoS } from "../../src/packet/packets.ts";
import { parseTopicFilter } from "../../src/packet/topic.ts";
import { ProtocolError } from "../../src/packet/protocol_error.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { Sender, type SenderOptions } from "../../src/session/sender.ts";
import { ShareGroup } from "../../src/topics/share_group.ts";
import { delivery, FakeLink, message, senderOptions } from "./support.ts";

function online(receiveMaximum = 65_535, changes: Partial<SenderOptions> = {}) {
  const { options, dropped } = senderOptions(changes);
  const sender = new Sender(options);
  const link = attach(sender, receiveMaximum);
  return { sender, link, dropped };
}

function attach(sender: Sender, receiveMaximum = 65_535): FakeLink {
  const link = new FakeLink();
  link.receiveMaximum = receiveMaximum;
  sender.attach(link);
  return link;
}

function offerAll(sender: Sender, ...messages: readonly (readonly [name: string, qos: QoS])[]): void {
  for (const [name, qos] of messages) sender.offer(delivery(name, qos));
}

const share = new ShareGroup("g", parseTopicFilter("#"));
const shared = (name: string, qos: QoS) => ({ ...delivery(name, qos), share });

Deno.test("The lower of the client's receive maximum and the limit bounds what is under way", () => {
  for (const [receiveMaximum, maximumInflight, sent] of [[1, 10, 1], [3, 10, 3], [10, 2, 2]] as const) {
    const { sender, link } = online(receiveMaximum, { maximumInflight });
    for (const name of ["a", "b", "c", "d", "e"]) sender.offer(delivery(name, 1));
    assertEquals([link.take().length, sender.inflight, sender.queued], [sent, sent, 5 - sent]);
  }
});

Deno.test("The next in order takes the quota that PUBACK, PUBCOMP or a refusal frees; PUBREC alone frees none", () => {
  const { sender, link } = online(2);
  offerAll(sender, ["a", 2], ["b", 2], ["c", 1], ["d", 2], ["e", 1]);
  assertEquals(link.take(), ["a#1", "b#2"]);
  sender.pubrec(1);
  assertEquals(link.take(), ["pubrel 1"]);
  sender.pubcomp(1);
  assertEquals(link.take(), ["c#3"]);
  sender.pubrec(2, ReasonCode.QuotaExceeded);
  assertEquals(link.take(), ["d#4"]);
  sender.puback(3, ReasonCode.UnspecifiedError);
  assertEquals(link.take(), ["e#5"]);
});

Deno.test("A sender tells whether a message would leave at once", () => {
  const { options } = senderOptions();
  const sender = new Sender(options);
  assertEquals(sender.availability, "offline");
  const link = attach(sender, 1);
  assertEquals(sender.availability, "ready");
  sender.offer(delivery("a", 1));
  assertEquals(sender.availability, "busy");
  sender.puback(1);
  assertEquals(sender.availability, "ready");
  link.congested = true;
  assertEquals(sender.availability, "busy");
  sender.detach();
  assertEquals(sender.availability, "offline");
});

Deno.test("More under way than a new connection takes is sent again in its order as the quota is freed", () => {
  const { sender } = online();
  offerAll(sender, ["a", 1], ["b", 2], ["c", 2], ["d", 1], ["e", 1]);
  sender.detach();
  sender.offer(delivery("f", 1));
  const link = attach(sender, 2);
  assertEquals([link.take(), sender.availability], [["a#1 dup", "b#2 dup"], "busy"]);
  sender.offer(delivery("g", 1));
  sender.pubrec(2);
  assertEquals(link.take(), ["pubrel 2"]);
  sender.pubcomp(2);
  assertEquals(link.take(), ["c#3 dup"]);
  sender.puback(1);
  assertEquals(link.take(), ["d#4 dup"]);
  sender.puback(4);
  assertEquals(link.take(), ["e#5 dup"]);
  sender.pubrec(3, ReasonCode.NotAuthorized);
  assertEquals(link.take(), ["f#6"]);
  sender.puback(5);
  assertEquals([link.take(), sender.inflight, sender.queued], [["g#7"], 2, 0]);
});

Deno.test("PUBREL goes out again whatever the quota is, as soon as it is its turn", () => {
  const { sender } = online();
  offerAll(sender, ["a", 2], ["b", 2], ["c", 1], ["d", 1]);
  for (const packetIdentifier of [1, 2]) sender.pubrec(packetIdentifier);
  sender.detach();
  const link = attach(sender, 1);
  assertEquals(link.take(), ["pubrel 1", "pubrel 2"]);
  sender.pubcomp(1);
  assertEquals(link.take(), []);
  sender.pubcomp(2);
  assertEquals(link.take(), ["c#3 dup"]);
  sender.puback(3);
  assertEquals(link.take(), ["d#4 dup"]);
});

Deno.test("What is to be sent again begins anew when the connection is lost in the middle of it", () => {
  const { sender } = online();
  offerAll(sender, ["a", 1], ["b", 1], ["c", 1]);
  sender.detach();
  assertEquals(attach(sender, 2).take(), ["a#1 dup", "b#2 dup"]);
  sender.puback(1);
  sender.detach();
  assertEquals(attach(sender, 65_535).take(), ["b#2 dup", "c#3 dup"]);
});

Deno.test("What a client may no longer be given is not sent again: QoS 1 is over, QoS 2 is released", () => {
  const { sender, dropped } = online();
  offerAll(sender, ["a", 1], ["b", 1], ["c", 2], ["d", 2]);
  sender.detach();
  const link = new FakeLink();
  link.receiveMaximum = 2;
  for (const name of ["a", "c"]) link.refused.set(name, "maximum-packet-size");
  sender.attach(link);
  assertEquals(link.take(), ["b#2 dup", "pubrel 3"]);
  assertEquals([dropped, sender.inflight], [["a maximum-packet-size", "c maximum-packet-size"], 3]);
  assertEquals([sender.puback(1), sender.pubcomp(3)], [false, true]);
  assertEquals(link.take(), ["d#4 dup"]);
});

Deno.test("What expires under way is sent again, what expires in the queue is not sent", () => {
  const { sender, dropped } = online(2);
  offerAll(sender, ["a", 1], ["b", 2], ["c", 1], ["d", 1]);
  sender.detach();
  const link = new FakeLink();
  for (const name of ["a", "b", "c"]) link.refused.set(name, "message-expired");
  sender.attach(link);
  assertEquals([link.take(), dropped], [["a#1 dup", "b#2 dup", "d#3"], ["c message-expired"]]);
});

Deno.test("A refusal by the client ends the delivery and is told once", () => {
  const { sender, link, dropped } = online();
  offerAll(sender, ["a", 1], ["b", 2], ["c", 2]);
  link.take();
  assertEquals([sender.puback(1, ReasonCode.NotAuthorized), sender.pubrec(2, ReasonCode.QuotaExceeded)], [true, true]);
  assertEquals([sender.puback(1, ReasonCode.NotAuthorized), sender.pubrec(2)], [false, false]);
  assertEquals([dropped, sender.inflight], [["a refused-by-client", "b refused-by-client"], 1]);
  sender.pubrec(3, ReasonCode.NoMatchingSubscribers);
  assertEquals(link.take(), ["pubrel 3"]);
  // The client had it already, so that this refuses nothing; but it knows the identifier no longer.
  assertEquals([sender.pubrec(3, ReasonCode.UnspecifiedError), sender.inflight, dropped.length], [true, 0, 2]);
  sender.detach();
  assertEquals(attach(sender).take(), []);
});

Deno.test("A refusal is told only where a message of that quality of service is under way", () => {
  const { sender, dropped } = online();
  offerAll(sender, ["a", 1], ["b", 2]);
  assertThrows(() => sender.puback(2, ReasonCode.NotAuthorized), ProtocolError);
  assertThrows(() => sender.pubrec(1, ReasonCode.NotAuthorized), ProtocolError);
  assertEquals([sender.puback(9, ReasonCode.NotAuthorized), dropped, sender.inflight], [false, [], 2]);
});

/** A sender whose shared messages are taken by others, but for those of this name. */
function returning(unwanted = "") {
  const returned: string[] = [];
  const onReturn: SenderOptions["onReturn"] = ({ message: { topicName } }, why) => {
    if (topicName === unwanted) return false;
    returned.push(`${topicName} ${why}`);
    return true;
  };
  return { ...online(1, { onReturn }), returned };
}

Deno.test("When the client goes, what waits of shared subscriptions goes to others, the rest keeps its order", () => {
  const { sender, returned, dropped } = returning("d");
  for (const one of [shared("a", 1), shared("b", 1), delivery("c", 1), shared("d", 2), shared("e", 2)]) {
    sender.offer(one);
  }
  sender.detach();
  assertEquals([returned, dropped, sender.inflight, sender.queued], [["b detached", "e detached"], [], 1, 2]);
  assertEquals(attach(sender).take(), ["a#1 dup", "c#2", "d#3"]);
});

Deno.test("When the session ends, what others can take of shared subscriptions goes to them, but no QoS 2 under way", () => {
  for (const [qos, expected] of [[1, ["a ended", "b ended"]], [2, ["b ended"]]] as const) {
    const { sender, returned, dropped } = returning("d");
    for (const one of [shared("a", qos), shared("b", 2), delivery("c", 1), shared("d", 1)]) sender.offer(one);
    sender.end();
    assertEquals(returned, [...expected]);
    const own = ["c session-ended", "d session-ended"];
    assertEquals([dropped, sender.inflight, sender.queued], [qos === 1 ? own : ["a session-ended", ...own], 0, 0]);
  }
});

Deno.test("A shared message that the client refuses goes to nobody else", () => {
  const { sender, returned, dropped } = returning();
  for (const one of [shared("a", 1), shared("b", 2)]) sender.offer(one);
  sender.puback(1, ReasonCode.NotAuthorized);
  sender.pubrec(2, ReasonCode.NotAuthorized);
  sender.end();
  assertEquals([returned, dropped], [[], ["a refused-by-client", "b refused-by-client"]]);
});

const plenty: Partial<SenderOptions> = {
  maximumInflight: 65_000,
  queueQoS0: true,
  queue: { maximumMessages: 10_000, maximumBytes: 1_000_000, policy: "oldest" },
};

/** A link on which others want their turn whenever they are asked. */
class BusyLink extends FakeLink {
  readonly resumes: (() => void)[] = [];

  pauses(_sent: number, resume: () => void): boolean {
    this.resumes.push(resume);
    return true;
  }
}

for (const [what, qos] of [["queued", 0], ["queued", 1], ["under way", 1]] as const) {
  Deno.test(`Much that was ${what} at QoS ${qos} is sent in several turns, in order, with what comes meanwhile behind it`, () => {
    const { options } = senderOptions(plenty);
    const sender = new Sender(options);
    const first = new FakeLink();
    if (what === "under way") sender.attach(first);
    const names = Array.from({ length: 1000 }, (_, i) => `m${i}`);
    for (const name of names) sender.offer(delivery(name, qos));
    if (what === "under way") sender.detach();
    const link = new BusyLink();
    sender.attach(link);
    const got = link.take();
    assertEquals(got.length < 300, true, `${got.length} in one go`);
    sender.offer(delivery("new", qos));
    for (let turns = 0; link.resumes.length > 0; turns++) {
      link.resumes.shift()!();
      got.push(...link.take());
      assertEquals(turns < 20, true);
    }
    assertEquals(got.map((text) => text.slice(0, text.indexOf("#"))), [...names, "new"]);
  });
}

Deno.test("A turn that comes after the client has gone sends nothing", () => {
  const { options } = senderOptions(plenty);
  const sender = new Sender(options);
  for (let i = 0; i < 1000; i++) sender.offer(delivery(`m${i}`, 1));
  const link = new BusyLink();
  sender.attach(link);
  link.take();
  sender.detach();
  for (const resume of link.resumes) resume();
  assertEquals(link.take(), []);
});

Deno.test("Limits of the way that the client has come by hold from then on, for what is under way and for what waits", () => {
  const { sender, link, dropped } = online(10, { maximumInflight: 1 });
  offerAll(sender, ["a", 1], ["b", 1]);
  const queue = { maximumMessages: 2, maximumBytes: 1_000_000, policy: "newest" } as const;
  sender.limitTo({ maximumInflight: 2, queueQoS0: true, queue });
  offerAll(sender, ["c", 1], ["d", 1]);
  assertEquals([link.take(), dropped], [["a#1"], ["d queue-limit"]]);
  sender.puback(1);
  assertEquals(link.take(), ["b#2", "c#3"]);
  sender.detach();
  sender.offer(delivery("e", 0));
  assertEquals([sender.queued, dropped.length], [1, 1]);
});

Deno.test("A message for now leaves at once or not at all", () => {
  const { sender, link, dropped } = online(1, { queueQoS0: true });
  const { topicName, payload } = message("now");
  const forNow = (qos: QoS) => {
    const message = Message.of({ topicName, payload, qos, expiresAtMs: expiryTime(0, 0) });
    return { ...delivery("now", qos), message };
  };
  assertEquals(sender.offer(forNow(1)), true);
  assertEquals([link.take(), sender.offer(forNow(2)), sender.queued], [["now#1"], true, 0]);
  sender.detach();
  sender.offer(forNow(0));
  assertEquals([sender.queued, dropped], [0, ["now message-expired", "now message-expired"]]);
});

Deno.test("Only what came through a share is offered to others when this client cannot be given it", () => {
  const { sender, link, returned, dropped } = returning();
  for (const name of ["own", "shared"]) link.refused.set(name, "receive-denied");
  link.refused.set("old", "message-expired");
  for (const one of [delivery("own", 1), shared("shared", 1), shared("old", 1), delivery("own", 0)]) sender.offer(one);
  assertEquals(returned, ["shared refused"]);
  assertEquals(dropped, ["own receive-denied", "old message-expired", "own receive-denied"]);
});

Deno.test("Of what memory has no room for the oldest goes, QoS 0 first, and no more than it takes", () => {
  const { sender, dropped } = online(1, { queueQoS0: true });
  sender.detach();
  offerAll(sender, ["a", 1], ["b", 0], ["c", 2], ["d", 1]);
  const each = sender.memoryBytes / 4;
  sender.shed(2 * each);
  assertEquals([dropped, sender.queued], [["b max-total-bytes", "a max-total-bytes"], 2]);
  sender.shed(9 * each);
  assertEquals([dropped.length, sender.queued], [4, 0]);
});

Deno.test("What is retained is done with when all of it has been sent, and a subscription that owes nothing ends", () => {
  const { options } = senderOptions();
  const sender = new Sender(options);
  const link = attach(sender);
  const topicFilter = parseTopicFilter("#");
  assertEquals(sender.makePromises(), undefined);
  sender.forgetRetained(topicFilter);
  for (const name of ["a", "b"]) options.retained.set(message(name, 1, 1));
  const subscription = { topicFilter, qos: 1, noLocal: false, retainAsPublished: false } as const;
  sender.makePromises()?.promise(topicFilter, subscription);
  assertEquals([sender.promises?.isPending, sender.findRetained({ steps: 1, messages: 1 })], [true, true]);
  sender.offer(delivery("later", 1));
  assertEquals([link.take(), sender.findRetained({ steps: 9, messages: 9 })], [["later#1"], false]);
  assertEquals([link.take(), sender.promises], [["a#2", "b#3"], undefined]);
  sender.makePromises()?.promise(topicFilter, subscription);
  sender.offer(delivery("a", 0));
  assertEquals(link.take(), []);
  sender.forgetRetained(topicFilter);
  assertEquals([link.take(), sender.queued], [["a#0"], 0]);
});

Deno.test("PUBREL that answers a PUBREC does not go out again when its turn to be sent again comes", () => {
  const { sender } = online();
  offerAll(sender, ["a", 1], ["b", 2]);
  sender.pubrec(2);
  sender.detach();
  const link = new FakeLink();
  link.congested = true;
  sender.attach(link);
  sender.pubrec(2);
  assertEquals(link.take(), ["pubrel 2"]);
  link.congested = false;
  sender.pump();
  assertEquals(link.take(), ["a#1 dup"]);
});

Deno.test("Without a client, or after the end, nothing is sent", () => {
  const { options } = senderOptions();
  const sender = new Sender(options);
  sender.offer(delivery("a", 1));
  sender.pump();
  assertEquals([sender.queued, sender.inflight], [1, 0]);
  const link = attach(sender);
  sender.end();
  assertEquals([link.take(), sender.availability], [["a#1"], "offline"]);
});
