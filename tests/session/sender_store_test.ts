/** A sender whose session a store has: what leaves memory, what comes back, and what is lost at the end. */
import { assertEquals } from "@std/assert";
import type { DropReason } from "../../src/message.ts";
import type { QoS } from "../../src/packet/packets.ts";
import { parseTopicFilter } from "../../src/packet/topic.ts";
import { Sender, type SenderOptions } from "../../src/session/sender.ts";
import type { RetainedMessages } from "../../src/topics/retained.ts";
import { ShareGroup } from "../../src/topics/share_group.ts";
import { FakeSessionJournal } from "./fake_session_journal.ts";
import { delivery, FakeLink, message, senderOptions } from "./support.ts";

const PAYLOAD_BYTES = 100;
const share = new ShareGroup("g", parseTopicFilter("#"));

/** A sender that tells its losses. */
function stored(changes: Partial<SenderOptions> = {}) {
  const lost: [number, DropReason][] = [];
  const { options, dropped } = senderOptions({ onLost: (...loss) => void lost.push(loss), ...changes });
  const log = new FakeSessionJournal();
  const sender = new Sender(options, log);
  return { sender, log, dropped, lost, retained: options.retained };
}

function offerAll(sender: Sender, ...messages: readonly (readonly [name: string, qos: QoS])[]): void {
  for (const [name, qos] of messages) sender.offer(delivery(name, qos, PAYLOAD_BYTES));
}

/** Three messages under way, one of them released, and two that wait; the client has gone. */
function offline() {
  const parts = stored({ maximumInflight: 4 });
  const { sender } = parts;
  sender.attach(new FakeLink());
  offerAll(sender, ["a", 1], ["b", 2], ["c", 2], ["d", 1], ["e", 1], ["f", 2]);
  sender.pubrec(2);
  sender.detach();
  return parts;
}

/** Subscribes to everything that is retained: these. */
function offerRetained(sender: Sender, retained: RetainedMessages, ...names: readonly string[]): void {
  for (const name of names) retained.set(message(name, 1, PAYLOAD_BYTES));
  const topicFilter = parseTopicFilter("#");
  const subscription = { topicFilter, qos: 1, noLocal: false, retainAsPublished: false } as const;
  sender.makePromises()?.promise(topicFilter, subscription);
  assertEquals(sender.findRetained({ steps: 100, messages: 100 }), false);
}

/** Lets what was begun go on. */
const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("A session without a client keeps nothing in memory that the store has, and still counts it", () => {
  const { sender } = offline();
  sender.spill();
  assertEquals([sender.memoryBytes, sender.inflight, sender.queued, sender.isUnread], [0, 4, 2, true]);
});

Deno.test("[MQTT-4.4.0-1] 3.1.1, [MQTT-4.4.0-1] 5.0: what was let out of memory goes out again first, in its order", async () => {
  const { sender } = offline();
  sender.spill();
  await sender.readInflight();
  assertEquals(sender.isUnread, false);
  const link = new FakeLink();
  sender.attach(link);
  assertEquals(link.take(), ["a#1 dup", "pubrel 2", "c#3 dup", "d#4 dup"]);
  await turn();
  assertEquals([sender.puback(1), sender.pubrec(3), sender.pubcomp(2)], [true, true, true]);
  await turn();
  assertEquals(link.take(), ["pubrel 3", "e#5", "f#6"]);
  assertEquals([sender.pubcomp(3), sender.puback(4), sender.puback(5), sender.pubrec(6)], [true, true, true, true]);
  assertEquals([sender.pubcomp(6), sender.inflight, sender.memoryBytes], [true, 0, 0]);
});

Deno.test("What is sent before something that waited longer keeps its place when it comes back", async () => {
  const { sender, retained } = stored({ maximumInflight: 2 });
  const link = new FakeLink();
  sender.attach(link);
  offerAll(sender, ["a", 1], ["b", 1], ["c", 1]);
  offerRetained(sender, retained, "retained");
  sender.puback(1);
  sender.puback(2);
  assertEquals(link.take(), ["a#1", "b#2", "retained#3", "c#4"]);
  sender.detach();
  sender.spill();
  await sender.readInflight();
  const back = new FakeLink();
  sender.attach(back);
  assertEquals(back.take(), ["retained#3 dup", "c#4 dup"]);
});

Deno.test("What is under way stays in memory while the client is there, and from when it has signed in", () => {
  const { sender } = stored();
  const link = new FakeLink();
  sender.attach(link);
  offerAll(sender, ["a", 1]);
  sender.spill();
  assertEquals([sender.isUnread, sender.memoryBytes > 0], [false, true]);
  sender.detach();
  sender.expect();
  sender.spill();
  assertEquals([sender.isUnread, sender.memoryBytes > 0], [false, true]);
  sender.detach();
  sender.spill();
  assertEquals([sender.isUnread, sender.memoryBytes], [true, 0]);
});

Deno.test("Without a store nothing under way is let out of memory", () => {
  const { options } = senderOptions();
  const sender = new Sender(options);
  sender.attach(new FakeLink());
  offerAll(sender, ["a", 1]);
  sender.detach();
  sender.spill();
  assertEquals([sender.isUnread, sender.memoryBytes > 0], [false, true]);
});

Deno.test("At the end of a session each message that only the store has is counted as lost, but none that was released", () => {
  const { sender, dropped, lost } = offline();
  sender.spill();
  sender.end();
  assertEquals([lost, dropped], [[[5, "session-ended"]], []]);
  assertEquals([sender.inflight, sender.queued, sender.memoryBytes], [0, 0, 0]);
});

Deno.test("At the end of a session a message is told with its name or counted, never both", async () => {
  const { sender, dropped, lost } = offline();
  sender.spill();
  await sender.readInflight();
  sender.end();
  assertEquals([lost, dropped], [[[2, "session-ended"]], ["a", "c", "d"].map((name) => `${name} session-ended`)]);
});

Deno.test("Retained messages that a client has not taken are lost with its session", () => {
  const { sender, dropped, lost, retained } = stored({ maximumInflight: 1 });
  sender.attach(new FakeLink());
  offerRetained(sender, retained, "a", "b", "c");
  sender.end();
  assertEquals([lost, dropped, sender.queued], [[[2, "session-ended"]], ["a session-ended"], 0]);
});

Deno.test("A session that a store has and nobody has come back to loses what waits there", () => {
  const { sender, lost } = stored();
  sender.restore({ messages: 5, bytes: 500, underWay: 2, lastSequence: 7, mayBeShared: false });
  assertEquals(sender.isUnread, true);
  sender.end();
  assertEquals(lost, [[7, "session-ended"]]);
});

Deno.test("A session that has delivered everything loses nothing", () => {
  const { sender, dropped, lost } = stored();
  sender.attach(new FakeLink());
  offerAll(sender, ["a", 1], ["b", 0]);
  sender.puback(1);
  sender.end();
  assertEquals([dropped, lost], [[], []]);
});

Deno.test("At the end others get what is shared and was under way at QoS 1, though memory was short", () => {
  const returned: string[] = [];
  const onReturn: SenderOptions["onReturn"] = ({ message }, why) => returned.push(`${message.topicName} ${why}`) > 0;
  const { sender, dropped, lost } = stored({ onReturn });
  sender.attach(new FakeLink());
  for (const [name, qos] of [["a", 1], ["b", 2]] as const) sender.offer({ ...delivery(name, qos), share });
  sender.detach();
  sender.spill();
  sender.end();
  assertEquals([returned, dropped, lost], [["a ended"], [], [[1, "session-ended"]]]);
});

/** A member of a share with one message under way; three wait, and memory had no room for them. */
function spilledMember(onReturn: SenderOptions["onReturn"] = () => false, changes: Partial<SenderOptions> = {}) {
  const parts = stored({ maximumInflight: 1, onReturn, ...changes });
  const { sender } = parts;
  sender.attach(new FakeLink());
  offerAll(sender, ["a", 1], ["b", 1]);
  for (const name of ["c", "d"]) sender.offer({ ...delivery(name, 1), share });
  sender.spill();
  return parts;
}

Deno.test("When the client goes, what waits in the store of shared subscriptions goes to others", async () => {
  const returned: string[] = [];
  const { sender } = spilledMember(({ message }, why) => returned.push(`${message.topicName} ${why}`) > 0);
  sender.detach();
  await turn();
  assertEquals([returned, sender.queued], [["c detached", "d detached"], 1]);
});

Deno.test("At the end what waits in the store of shared subscriptions is left for others, and nothing is lost yet", async () => {
  const { sender, lost } = spilledMember();
  sender.puback(1);
  const handOver = sender.end();
  assertEquals(lost, []);
  await handOver?.settle(() => Promise.resolve(true));
  assertEquals(lost, [[3, "session-ended"]]);
});

Deno.test("What is given up is over for the store, too, and what the client has is kept as released", async () => {
  const { sender, log, dropped } = stored();
  const link = new FakeLink();
  link.refused.set("refused", "receive-denied");
  sender.attach(link);
  offerAll(sender, ["refused", 1], ["a", 2], ["b", 1]);
  sender.pubrec(1);
  sender.puback(2);
  assertEquals([await log.load(0), dropped], [[], ["refused receive-denied"]]);
  const underWay = await log.loadInflight();
  assertEquals(underWay.map(({ packetIdentifier, released }) => [packetIdentifier, released !== undefined]), [[
    1,
    true,
  ]]);
});

Deno.test("At the end a QoS 0 message of a share, which no store has, goes to others at once", () => {
  const returned: string[] = [];
  const onReturn: SenderOptions["onReturn"] = ({ message }, why) => returned.push(`${message.topicName} ${why}`) > 0;
  const { sender, log } = spilledMember(onReturn, { queueQoS0: true });
  sender.detach();
  returned.length = 0;
  sender.offer({ ...delivery("e", 1), share });
  sender.offer({ ...delivery("f", 0), share });
  log.forgottenNames.length = 0;
  assertEquals([sender.end() !== undefined, returned], [true, ["f ended"]]);
  // Nobody holds it in memory any longer.
  assertEquals(log.forgottenNames.filter((name) => name === "a"), ["a"]);
});

Deno.test("What a store has is not given up for memory", () => {
  const { sender, dropped } = stored({ queueQoS0: true });
  offerAll(sender, ["a", 1], ["b", 0], ["c", 1]);
  sender.shed(1_000_000);
  assertEquals([dropped, sender.queued], [["b max-total-bytes"], 2]);
});

Deno.test("What another member of a share takes, since this client cannot be given it, is over here", async () => {
  const { sender, log, dropped } = stored({ onReturn: () => true });
  const link = new FakeLink();
  link.refused.set("a", "receive-denied");
  sender.attach(link);
  sender.offer({ ...delivery("a", 1), share });
  assertEquals([await log.load(0), dropped, sender.inflight], [[], [], 0]);
});

Deno.test("What leaves behind something newer is noted in its new place alone", async () => {
  const { sender, log, retained } = stored({ maximumInflight: 1 });
  sender.attach(new FakeLink());
  offerAll(sender, ["a", 1], ["b", 1]);
  offerRetained(sender, retained, "retained");
  sender.puback(1);
  sender.puback(2);
  const underWay = (await log.loadInflight()).map(({ delivery }) => delivery?.message.topicName as string | undefined);
  assertEquals([underWay, await log.load(0)], [["b"], []]);
});

Deno.test("What is retained is noted when it leaves at QoS 1, so that it can be sent again", async () => {
  const { sender, log, retained } = stored();
  sender.attach(new FakeLink());
  offerRetained(sender, retained, "a");
  assertEquals((await log.loadInflight()).length, 1);
});

Deno.test("A session that a store has goes on with what its subscriptions still have to bring", () => {
  const { sender, retained } = stored();
  for (const name of ["a", "b"]) retained.set(message(name, 1, 1));
  const topicFilter = parseTopicFilter("+");
  const subscription = { topicFilter, qos: 1, noLocal: false, retainAsPublished: false } as const;
  sender.restorePromises([]);
  assertEquals(sender.promises, undefined);
  sender.restorePromises([[topicFilter, subscription, { after: 1, upTo: 2 }]]);
  const link = new FakeLink();
  sender.attach(link);
  sender.findRetained({ steps: 9, messages: 9 });
  assertEquals(link.take(), ["b#1"]);
});
