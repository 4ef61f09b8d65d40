import { assertEquals, assertThrows } from "@std/assert";
import { Message } from "../../src/message.ts";
import { ProtocolError } from "../../src/packet/protocol_error.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { deliveryQoS, Sender, type SenderOptions } from "../../src/session/sender.ts";
import { delivery, FakeLink, senderOptions } from "./support.ts";
import { borrowed } from "../support/borrowed.ts";

function online(changes: Partial<SenderOptions> = {}) {
  const { options, dropped, waiting } = senderOptions(changes);
  const sender = new Sender(options);
  const link = new FakeLink();
  sender.attach(link);
  return { sender, link, dropped, waiting };
}

Deno.test("QoS 0 is sent without a packet identifier and is not under way afterwards", () => {
  const { sender, link } = online();
  sender.offer(delivery("a", 0));
  assertEquals([link.take(), sender.inflight, sender.queued], [["a#0"], 0, 0]);
});

Deno.test("No more QoS 1 and 2 messages than the limit are under way, and each acknowledgement makes room for one", () => {
  const { sender, link } = online({ maximumInflight: 2 });
  for (const [name, qos] of [["a", 1], ["b", 2], ["c", 1], ["d", 2]] as const) sender.offer(delivery(name, qos));
  assertEquals([link.take(), sender.inflight, sender.queued], [["a#1", "b#2"], 2, 2]);
  assertEquals(sender.puback(1), true);
  assertEquals([link.take(), sender.inflight], [["c#3"], 2]);
  assertEquals(sender.pubrec(2), true);
  assertEquals([link.take(), sender.inflight], [["pubrel 2"], 2]);
  assertEquals(sender.pubcomp(2), true);
  assertEquals([link.take(), sender.inflight, sender.queued], [["d#4"], 2, 0]);
});

Deno.test("QoS 0 passes a full inflight window but no QoS 0 message that waits", () => {
  const { sender, link } = online({ maximumInflight: 1 });
  sender.offer(delivery("a", 1));
  sender.offer(delivery("b", 1));
  sender.offer(delivery("c", 0));
  assertEquals(link.take(), ["a#1", "c#0"]);
  sender.detach();
  assertEquals([sender.inflight, sender.queued], [1, 1]);
});

Deno.test("A newer QoS 0 message does not overtake one that waited while the client was away", () => {
  const { options } = senderOptions({ maximumInflight: 1, queueQoS0: true });
  const sender = new Sender(options);
  for (const [name, qos] of [["a", 1], ["b", 1], ["c", 0]] as const) sender.offer(delivery(name, qos));
  const link = new FakeLink();
  sender.attach(link);
  sender.offer(delivery("d", 0));
  assertEquals(link.take(), ["a#1"]);
  sender.puback(1);
  assertEquals(link.take(), ["b#2"]);
  sender.puback(2);
  assertEquals(link.take(), ["c#0", "d#0"]);
});

Deno.test("A client that is back gets what was under way in its order, PUBLISH with DUP or PUBREL, then what waited", () => {
  const { sender, link } = online({ maximumInflight: 4 });
  for (const [name, qos] of [["a", 1], ["b", 2], ["c", 1], ["d", 2]] as const) sender.offer(delivery(name, qos));
  sender.pubrec(2);
  sender.puback(1);
  sender.offer(delivery("e", 1));
  sender.detach();
  sender.offer(delivery("f", 1));
  sender.offer(delivery("g", 1));
  assertEquals(link.take().at(-1), "e#5");
  const back = new FakeLink();
  sender.attach(back);
  assertEquals(back.take(), ["pubrel 2", "c#3 dup", "d#4 dup", "e#5 dup"]);
  sender.pubcomp(2);
  assertEquals(back.take(), ["f#6"]);
  assertEquals(link.take(), []);
});

Deno.test("A PUBREC that comes while the client is away decides what is sent again", () => {
  const { sender } = online();
  sender.offer(delivery("a", 2));
  sender.detach();
  sender.pubrec(1);
  const back = new FakeLink();
  sender.attach(back);
  assertEquals(back.take(), ["pubrel 1"]);
});

Deno.test("A repeated PUBREC is answered with PUBREL again", () => {
  const { sender, link } = online();
  sender.offer(delivery("a", 2));
  assertEquals([sender.pubrec(1), sender.pubrec(1)], [true, true]);
  assertEquals(link.take(), ["a#1", "pubrel 1", "pubrel 1"]);
  assertEquals([sender.pubcomp(1), sender.pubrec(1)], [true, false]);
});

Deno.test("An acknowledgement for an identifier that is not in use is told and changes nothing", () => {
  const { sender, link } = online();
  sender.offer(delivery("a", 1));
  link.take();
  assertEquals([sender.puback(9), sender.pubrec(9), sender.pubcomp(9)], [false, false, false]);
  assertEquals([link.take(), sender.inflight], [[], 1]);
});

Deno.test("An acknowledgement of the wrong kind for an identifier in use is a protocol error and changes nothing", () => {
  const { sender, link } = online();
  sender.offer(delivery("a", 1));
  sender.offer(delivery("b", 2));
  link.take();
  const wrong = (acknowledge: () => boolean) => assertEquals(assertThrows(acknowledge, ProtocolError).reasonCode, 0x82);
  wrong(() => sender.pubrec(1));
  wrong(() => sender.pubcomp(1));
  wrong(() => sender.puback(2));
  wrong(() => sender.pubcomp(2));
  assertEquals([link.take(), sender.inflight], [[], 2]);
  sender.pubrec(2);
  wrong(() => sender.puback(2));
  assertEquals(sender.inflight, 2);
});

Deno.test("Towards a congested client QoS 0 is dropped and the rest waits until there is room", () => {
  const { sender, link, dropped } = online();
  link.congested = true;
  for (const [name, qos] of [["a", 0], ["b", 1], ["c", 2]] as const) sender.offer(delivery(name, qos));
  sender.pump();
  assertEquals([link.take(), dropped, sender.queued], [[], ["a max-outbound-bytes"], 2]);
  link.congested = false;
  sender.offer(delivery("d", 1));
  assertEquals([link.take(), sender.queued], [[], 3]);
  sender.pump();
  assertEquals([link.take(), sender.queued], [["b#1", "c#2", "d#3"], 0]);
});

Deno.test("Sending stops in the middle of the queue when the client becomes congested", () => {
  const { options } = senderOptions();
  const sender = new Sender(options);
  for (const name of ["a", "b", "c"]) sender.offer(delivery(name, 1));
  const link = new FakeLink();
  const sendPublish = link.sendPublish.bind(link);
  link.sendPublish = (...sent) => (sendPublish(...sent), link.congested = true);
  sender.attach(link);
  assertEquals([link.take(), sender.queued], [["a#1"], 2]);
});

Deno.test("What the client may not receive is dropped when it would be sent, and takes no packet identifier", () => {
  const { sender, link, dropped } = online({ maximumInflight: 1 });
  link.refused.set("b", "receive-denied").set("c", "receive-denied");
  for (const [name, qos] of [["a", 1], ["b", 1], ["c", 0], ["d", 1]] as const) sender.offer(delivery(name, qos));
  assertEquals([link.asked, dropped], [["a", "c"], ["c receive-denied"]]);
  sender.puback(1);
  assertEquals([link.take(), dropped], [["a#1", "d#2"], ["c receive-denied", "b receive-denied"]]);
  assertEquals([sender.inflight, sender.queued], [1, 0]);
});

Deno.test("While the client is away QoS 1 and 2 wait, QoS 0 only if it was asked for", () => {
  const without = senderOptions();
  const sender = new Sender(without.options);
  for (const [name, qos] of [["a", 0], ["b", 1], ["c", 2]] as const) sender.offer(delivery(name, qos));
  assertEquals([without.dropped, without.waiting, sender.queued], [["a offline-qos0"], ["b", "c"], 2]);
  const withQoS0 = senderOptions({ queueQoS0: true });
  new Sender(withQoS0.options).offer(delivery("a", 0));
  assertEquals([withQoS0.dropped, withQoS0.waiting], [[], ["a"]]);
});

Deno.test("What goes over the queue's limits is told with its reason", () => {
  const { options, dropped } = senderOptions({
    queue: { maximumMessages: 1, maximumBytes: 1_000_000, policy: "oldest" },
  });
  const sender = new Sender(options);
  sender.offer(delivery("a", 1));
  sender.offer(delivery("b", 1));
  assertEquals([dropped, sender.queued], [["a queue-limit"], 1]);
});

Deno.test("The end of a session gives up what has not arrived, but not what the client has released", () => {
  const { sender, link, dropped } = online({ maximumInflight: 2 });
  for (const [name, qos] of [["a", 2], ["b", 1], ["c", 1]] as const) sender.offer(delivery(name, qos));
  sender.pubrec(1);
  link.take();
  sender.end();
  assertEquals(dropped, ["b session-ended", "c session-ended"]);
  assertEquals([sender.inflight, sender.queued, link.take()], [0, 0, []]);
});

Deno.test("A message under way no longer borrows its payload", () => {
  const { sender } = online();
  const payload = new Uint8Array([1]);
  const message = Message.of({ topicName: parseTopicName("a"), payload: borrowed(payload), qos: 1 });
  sender.offer({ ...delivery("a", 1), message });
  payload[0] = 9;
  assertEquals([...message.payload], [1]);
});

Deno.test("A packet identifier under way is not given to another message", () => {
  const { sender, link } = online({ maximumInflight: 2 });
  sender.offer(delivery("held", 1));
  for (let sent = 2; sent <= 65535; sent++) {
    sender.offer(delivery("a", 1));
    assertEquals(sender.puback(sent), true);
  }
  link.take();
  sender.offer(delivery("b", 1));
  assertEquals(link.take(), ["b#2"]);
});

Deno.test("A delivery has the lower of both qualities of service", () => {
  assertEquals([deliveryQoS(0, 2), deliveryQoS(2, 1), deliveryQoS(1, 1), deliveryQoS(2, 0)], [0, 1, 1, 0]);
});
