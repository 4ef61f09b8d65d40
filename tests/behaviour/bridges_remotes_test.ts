/** Bridges to remotes that refuse, are silent, take little, or have forgotten. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { BridgeConfig, BridgeTopicConfig, BrokerConfig } from "../../src/config/config.ts";
import { type InboundPacket, PacketType } from "../../src/packet/packets.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { House, MemoryDisk, until } from "../support/durable_broker.ts";
import { FakeRemote } from "../support/fake_remote.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

/** A broker with one bridge, `house`. */
function bridged(
  address: string | string[],
  topics: readonly BridgeTopicConfig[],
  rest: BridgeConfig = {},
): BrokerConfig {
  return { bridges: { house: { address, topics, ...rest } } };
}

const bridgeOf = ({ broker }: TestBroker) => broker.bridges()[0]!;

/** Turns the clock only while the bridge waits for its next attempt. */
async function connected(broker: TestBroker): Promise<void> {
  await until("the bridge is connected", () => {
    if (bridgeOf(broker).state === "waiting") broker.clock.advance(1000);
    return bridgeOf(broker).state === "connected";
  });
}

async function allAcknowledged(broker: TestBroker): Promise<void> {
  await until("all is acknowledged", () => {
    const { messagesQueued, messagesInflight } = bridgeOf(broker);
    return messagesQueued + messagesInflight === 0;
  });
}

for (const qos of [1, 2] as const) {
  Deno.test(`QoS ${qos}: what the remote refuses for now goes out again after a growing wait, in its order, before what came later`, async () => {
    let refusals = 3;
    const answer = () => refusals-- > 0 ? ReasonCode.QuotaExceeded : ReasonCode.Success;
    await using remote = new FakeRemote({ answer });
    await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos }]));
    await connected(here);
    const before = here.broker.statistics.bytesReceived;
    // PUBACK and PUBREC with a reason have five bytes.
    const heard = (count: number) => here.broker.statistics.bytesReceived - before >= 5 * count;
    await here.broker.publish("a", "1", { qos });
    await until("it is refused", () => heard(1));
    await here.broker.publish("a", "2", { qos });
    here.clock.advance(600);
    assertEquals([remote.payloads, bridgeOf(here).messagesInflight, bridgeOf(here).messagesQueued], [["1"], 1, 1]);
    here.clock.advance(1400);
    await until("it is refused again", () => heard(2));
    here.clock.advance(1000);
    assertEquals(remote.payloads, ["1", "1"]);
    here.clock.advance(2500);
    await until("it is refused a third time", () => heard(3));
    here.clock.advance(6000);
    await allAcknowledged(here);
    assertEquals(remote.payloads, ["1", "1", "1", "1", "2"]);
    assertEquals(bridgeOf(here).state, "connected");
    const told = here.log.lines.filter((line) => line.includes("refuses"));
    assertEquals(told.length, 1);
    assert(told[0]!.endsWith(`the remote refuses a message of QoS ${qos}, it is tried again: 0x97 QuotaExceeded`));
  });

  Deno.test(`QoS ${qos}: of several that were refused for now one alone is tried again, and the others follow when it is taken`, async () => {
    let isFull = true;
    await using remote = new FakeRemote({ answer: () => isFull ? ReasonCode.QuotaExceeded : ReasonCode.Success });
    await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos }]));
    await connected(here);
    const before = here.broker.statistics.bytesReceived;
    const heard = (count: number) => here.broker.statistics.bytesReceived - before >= 5 * count;
    await Promise.all(["1", "2", "3"].map((payload) => here.broker.publish("a", payload, { qos })));
    await until("all are refused", () => heard(3));
    await here.broker.publish("a", "4", { qos });
    here.clock.advance(2000);
    await until("the first is refused again", () => heard(4));
    assertEquals(remote.payloads, ["1", "2", "3", "1"]);
    isFull = false;
    here.clock.advance(4000);
    await allAcknowledged(here);
    assertEquals(remote.payloads, ["1", "2", "3", "1", "1", "2", "3", "4"]);
  });

  Deno.test(`QoS ${qos}: a message that is refused for now ends with its message expiry interval, or maximum-age`, async () => {
    const answer = ({ payload }: { payload: Uint8Array }) =>
      payload.length > 1 ? ReasonCode.QuotaExceeded : ReasonCode.Success;
    await using remote = new FakeRemote({ answer });
    const topics: BridgeTopicConfig[] = [{ filter: "a", qos }, { filter: "old", qos, maximumAge: 3 }];
    await using here = await startBroker(bridged(remote.address, topics));
    await connected(here);
    const before = here.broker.statistics.bytesReceived;
    const heard = (count: number) => here.broker.statistics.bytesReceived - before >= 5 * count;
    await Promise.all([
      here.broker.publish("a", "short", { qos, properties: { messageExpiryIntervalSeconds: 2 } }),
      here.broker.publish("old", "aged", { qos }),
    ]);
    await until("both are refused", () => heard(2));
    await here.broker.publish("a", "4", { qos });
    here.clock.advance(1500);
    await until("the first is refused again", () => heard(3));
    here.clock.advance(4000);
    await allAcknowledged(here);
    assertEquals(remote.payloads, ["short", "aged", "short", "4"]);
    assertEquals(here.broker.session("bridge:house")!.messagesDropped, { "message-expired": 2 });
  });

  Deno.test(`QoS ${qos}: what the remote refuses for good is dropped, counted and told once`, async () => {
    const finals = [ReasonCode.NotAuthorized, ReasonCode.TopicNameInvalid, ReasonCode.PayloadFormatInvalid];
    let at = 0;
    await using remote = new FakeRemote({ answer: () => finals[at++] ?? ReasonCode.NotAuthorized });
    await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos }]));
    await connected(here);
    for (const payload of ["1", "2", "3", "4"]) await here.broker.publish("a", payload, { qos });
    await until("all are answered", () => at === 4 && bridgeOf(here).messagesInflight === 0);
    const { messagesDropped } = here.broker.session("bridge:house")!;
    assertEquals(messagesDropped, { "refused-by-client": 4 });
    const told = here.log.lines.filter((line) => line.includes("it is dropped")).map((line) => line.slice(-30));
    assertEquals(told.length, 3);
    here.clock.advance(10_000);
    assertEquals(remote.payloads, ["1", "2", "3", "4"]);
  });
}

Deno.test("A reason that may pass or not is tried for a while only, and what comes later is not held up for ever", async () => {
  const answer = ({ payload }: { payload: Uint8Array }) =>
    payload.length > 1 ? ReasonCode.ImplementationSpecificError : ReasonCode.Success;
  await using remote = new FakeRemote({ answer });
  await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos: 1 }], { keepAlive: 0 }));
  await connected(here);
  await here.broker.publish("a", "bad", { qos: 1 });
  await here.broker.publish("a", "g", { qos: 1 });
  await until("it is given up", () => {
    if (remote.payloads.filter((payload) => payload === "bad").length < 8) here.clock.advance(1000);
    return bridgeOf(here).messagesQueued + bridgeOf(here).messagesInflight === 0;
  });
  assertEquals(remote.payloads.filter((payload) => payload === "bad").length, 8);
  assert(remote.payloads.includes("g"));
});

Deno.test("A remote that does not answer what is tried again is left after a minute", async () => {
  let refusals = 1;
  const answer = () => refusals-- > 0 ? ReasonCode.QuotaExceeded : undefined;
  await using remote = new FakeRemote({ answer });
  await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos: 1 }], { keepAlive: 0 }));
  await connected(here);
  const before = here.broker.statistics.bytesReceived;
  await here.broker.publish("a", "1", { qos: 1 });
  await until("it is refused", () => here.broker.statistics.bytesReceived - before >= 5);
  here.clock.advance(2000);
  await until("it is tried again", () => remote.payloads.length === 2);
  here.clock.advance(59_000);
  assertEquals(bridgeOf(here).state, "connected");
  here.clock.advance(2000);
  await until("it is left", () => bridgeOf(here).state === "waiting");
  assertEquals(bridgeOf(here).error, "the remote refused a message for now, and does not answer others");
});

Deno.test("A message that was refused for now is still there when the connection is lost meanwhile", async () => {
  let isFull = true;
  await using remote = new FakeRemote({ answer: () => isFull ? ReasonCode.QuotaExceeded : ReasonCode.Success });
  await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos: 2 }]));
  await connected(here);
  await here.broker.publish("a", "1", { qos: 2 });
  await until("it is sent", () => remote.payloads.length === 1);
  remote.cut();
  await until("the bridge has noticed", () => bridgeOf(here).state === "waiting");
  isFull = false;
  await connected(here);
  await allAcknowledged(here);
  assertEquals(remote.payloads, ["1", "1"]);
  assertEquals(here.broker.session("bridge:house")!.messagesDropped, {});
});

Deno.test("A remote that does not know 5.0 is spoken to in 3.1.1, with the bridge bit, and without it if it does not know that", async () => {
  const words: string[] = [];
  const welcome = ({ protocolVersion, isBridge }: { protocolVersion: number; isBridge?: boolean }) => {
    words.push(`${protocolVersion}${isBridge ? " bridge" : ""}`);
    return words.length < 3 ? ReasonCode.UnsupportedProtocolVersion : ReasonCode.Success;
  };
  await using remote = new FakeRemote({ welcome });
  await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos: 1 }]));
  await connected(here);
  assertEquals(words, ["5", "4 bridge", "4"]);
  await here.broker.publish("a", "1", { qos: 1 });
  await allAcknowledged(here);
  assertEquals(remote.payloads, ["1"]);
});

Deno.test("QoS and packet size are the remote's: less QoS is lowered, what is too large is dropped and counted", async () => {
  for (const maximumQoS of [0, 1] as const) {
    await using remote = new FakeRemote({ granted: { maximumQoS, maximumPacketSizeBytes: 200, topicAliasMaximum: 1 } });
    await using here = await startBroker(bridged(remote.address, [{ filter: "a/#", qos: 2 }]));
    for (const qos of [1, 2] as const) await here.broker.publish("a/1", `waits ${qos}`, { qos });
    await connected(here);
    await here.broker.publish("a/1", "x".repeat(300), { qos: 2 });
    for (const qos of [0, 1, 2, 2] as const) await here.broker.publish("a/1", `${qos}`, { qos });
    await allAcknowledged(here);
    await until("all have come", () => remote.messages.length === 6);
    assertEquals(remote.payloads, ["waits 1", "waits 2", "0", "1", "2", "2"]);
    assertEquals(
      remote.messages.map(({ qos }) => qos),
      [1, 1, 0, 1, 1, 1].map((qos) => Math.min(qos, maximumQoS)) as never,
    );
    assert(remote.messages.every(({ topicAlias = 1 }) => topicAlias === 1), "no alias above the remote's maximum");
    assertEquals(here.broker.session("bridge:house")!.messagesDropped, { "maximum-packet-size": 1 });
  }
});

Deno.test("A remote that has lost its session is subscribed to anew, and gets what is retained and what it had not acknowledged", async () => {
  let knows = false;
  const ignores = ({ type }: InboundPacket) => type === PacketType.Publish;
  await using remote = new FakeRemote({ sessionPresent: () => knows, ignores });
  const topics: BridgeTopicConfig[] = [{ filter: "a/#", qos: 1 }, { filter: "b/#", direction: "in" }];
  await using here = await startBroker(bridged(remote.address, topics));
  await here.broker.publish("a/kept", "kept", { retain: true });
  await connected(here);
  await here.broker.publish("a/1", "1", { qos: 1 });
  await until("it was sent", () => remote.payloads.includes("1"));
  const again = async (isKnown: boolean) => {
    knows = isKnown;
    const before = remote.packets.length;
    remote.cut();
    await until("the bridge has noticed", () => bridgeOf(here).state === "waiting");
    await connected(here);
    await until(
      "it was sent again",
      () => remote.packets.slice(before).some(({ type }) => type === PacketType.Publish),
    );
    return remote.packets.slice(before);
  };
  const known = await again(true);
  assertEquals(known.map(({ type }) => type), [PacketType.Connect, PacketType.Publish]);
  const unknown = await again(false);
  assertEquals(unknown[1]!.type, PacketType.Subscribe);
  const first = unknown.find((packet) => packet.type === PacketType.Publish)!;
  assertEquals([new TextDecoder().decode(first.payload), first.dup], ["1", false]);
  await until("what is retained has come", () => remote.payloads.filter((payload) => payload === "kept").length === 2);
});

Deno.test("What is retained when a bridge is new comes first, what is retained until it connects in its order, each once", async () => {
  let isOpen = false;
  const welcome = () => isOpen ? ReasonCode.Success : ReasonCode.ServerUnavailable;
  await using remote = new FakeRemote({ welcome, sessionPresent: () => false });
  await using house = new House(new MemoryDisk());
  const { broker } = await house.start();
  for (const text of ["gone", "before"]) await broker.publish("a/1", text, { qos: 2, retain: true });
  await broker.publish("a/2", "no more", { qos: 2, retain: true });
  const config = bridged(remote.address, [{ filter: "a/#", qos: 2 }]);
  const here = await house.restart("shutdown", { config });
  for (const text of ["1", "2", "3"]) await here.broker.publish("a/1", text, { qos: 2, retain: true });
  await here.broker.publish("a/2", "", { qos: 2, retain: true });
  await here.broker.publish("a/0", "at most once", { qos: 0, retain: true });
  await house.stored();
  isOpen = true;
  await connected(await house.restart("crash"));
  await allAcknowledged(house.broker);
  await until("all has come", () => remote.payloads.includes("at most once"));
  const of = (topic: string) =>
    remote.messages.flatMap((one, i) => one.topicName === topic ? [remote.payloads[i]] : []);
  // What was replaced or cleared before its turn need not come.
  assertEquals([of("a/1"), of("a/2"), of("a/0")], [["1", "2", "3"], [""], ["at most once"]]);
  assert(remote.messages.every(({ retain }) => retain));
});

Deno.test("What was retained at QoS 0 before the first connection crosses with it", async () => {
  let isOpen = false;
  const welcome = () => isOpen ? ReasonCode.Success : ReasonCode.ServerUnavailable;
  await using remote = new FakeRemote({ welcome, sessionPresent: () => false });
  await using here = await startBroker(bridged(remote.address, [{ filter: "a/#", qos: 1 }]));
  await until("it is refused", () => bridgeOf(here).state === "waiting");
  await here.broker.publish("a/0", "kept", { qos: 0, retain: true });
  await here.broker.publish("a/1", "waits", { qos: 1, retain: true });
  isOpen = true;
  await connected(here);
  await allAcknowledged(here);
  await until("both have come", () => remote.payloads.length >= 2);
  assertEquals(remote.payloads.toSorted(), ["kept", "waits"]);
});

Deno.test("After a change of topics what is gone is unsubscribed from at the remote, what is new is subscribed to, and the rest is left alone", async () => {
  await using remote = new FakeRemote();
  const config = (filters: string[]) =>
    bridged(remote.address, filters.map((filter) => ({ filter, direction: "in", remotePrefix: "r/" })));
  await using house = new House(new MemoryDisk(), config(["a", "b"]));
  await connected(await house.start());
  await house.stored();
  const before = remote.packets.length;
  await connected(await house.restart("shutdown", { config: config(["b", "c"]) }));
  const asked = remote.packets.slice(before).flatMap((packet) => {
    if (packet.type === PacketType.Unsubscribe) return packet.topicFilters.map((filter) => `- ${filter}`);
    return packet.type === PacketType.Subscribe
      ? packet.subscriptions.map(({ topicFilter }) => `+ ${topicFilter}`)
      : [];
  });
  assertEquals(asked, ["- r/a", "+ r/c"]);
});

Deno.test("A remote that is silent is asked once for each keep-alive, and left after one and a half; one that answers is kept", async () => {
  let isSilent = false;
  await using remote = new FakeRemote({ ignores: ({ type }) => isSilent && type === PacketType.Pingreq });
  await using here = await startBroker(bridged(remote.address, [{ filter: "a" }], { keepAlive: 10 }));
  await connected(here);
  for (let pings = 1; pings <= 3; pings++) {
    here.clock.advance(10_000);
    await until("it is asked", () => remote.count(PacketType.Pingreq) === pings);
    await new Promise((resolve) => setTimeout(resolve));
  }
  assertEquals(bridgeOf(here).state, "connected");
  isSilent = true;
  here.clock.advance(10_000);
  await until("it is asked", () => remote.count(PacketType.Pingreq) === 4);
  here.clock.advance(5000);
  await until("it is left", () => bridgeOf(here).state === "waiting");
  assertEquals(bridgeOf(here).error, "nothing was heard of the remote in time (keep-alive)");
  assertEquals(remote.count(PacketType.Pingreq), 4);
});

Deno.test("A remote that does not answer CONNECT, or SUBSCRIBE, is left after connect-timeout", async () => {
  for (
    const [type, words] of [[PacketType.Connect, "did not answer in time"], [
      PacketType.Subscribe,
      "subscriptions",
    ]] as const
  ) {
    await using remote = new FakeRemote({ ignores: (packet) => packet.type === type });
    await using here = await startBroker({
      ...bridged(remote.address, [{ filter: "a", direction: "in" }], { keepAlive: 0 }),
      connectTimeout: 5,
    });
    await until("it is spoken to", () => remote.packets.some((packet) => packet.type === type));
    here.clock.advance(5000);
    await until("it is left", () => bridgeOf(here).state === "waiting");
    assert(bridgeOf(here).error?.includes(words), bridgeOf(here).error);
  }
});

Deno.test("QoS 0 does not wait for the remote unless told to, and what is older than maximum-age is dropped", async () => {
  for (const queueQos0 of [false, true]) {
    await using remote = new FakeRemote();
    const topics: BridgeTopicConfig[] = [{ filter: "a", qos: 1 }, { filter: "old", qos: 1, maximumAge: 60 }];
    await using here = await startBroker(bridged(remote.address, topics, { queueQos0 }));
    here.broker.pauseBridge("house");
    await until("it is paused", () => bridgeOf(here).state === "paused");
    remote.packets.length = 0;
    await here.broker.publish("a", "at QoS 0");
    await here.broker.publish("old", "old", { qos: 1 });
    here.clock.advance(61_000);
    await here.broker.publish("old", "young", { qos: 1 });
    await here.broker.publish("a", "at QoS 1", { qos: 1 });
    here.broker.resumeBridge("house");
    await connected(here);
    await allAcknowledged(here);
    assertEquals(remote.payloads, [...queueQos0 ? ["at QoS 0"] : [], "young", "at QoS 1"]);
  }
});

Deno.test("A lazy bridge connects when something waits, and leaves when nothing has for a while", async () => {
  await using remote = new FakeRemote();
  const rest: BridgeConfig = { start: "lazy", idleTimeout: 10, keepAlive: 0 };
  await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos: 1 }], rest));
  await until("it is idle", () => bridgeOf(here).state === "idle");
  here.clock.advance(5000);
  assertEquals(remote.connects.length, 0);
  for (const count of [1, 2]) {
    await here.broker.publish("a", `${count}`, { qos: 1 });
    here.clock.advance(2000);
    await connected(here);
    await allAcknowledged(here);
    here.clock.advance(11_000);
    await until("it is idle again", () => bridgeOf(here).state === "idle");
    assertEquals([remote.connects.length, bridgeOf(here).error], [count, undefined]);
  }
  assertEquals(remote.payloads, ["1", "2"]);
});

Deno.test("Of several addresses the first that lets the bridge in is used, or each in its turn", async () => {
  for (const addressOrder of ["first", "round-robin"] as const) {
    let isDown = true;
    await using first = new FakeRemote({ welcome: () => isDown ? ReasonCode.ServerUnavailable : ReasonCode.Success });
    await using second = new FakeRemote();
    const addresses = [first.address, second.address];
    await using here = await startBroker(bridged(addresses, [{ filter: "a" }], { addressOrder, version: "5" }));
    await connected(here);
    assertEquals(bridgeOf(here).address, second.address);
    isDown = false;
    const used: (string | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      const connects = () => first.connects.length + second.connects.length;
      const before = connects();
      here.broker.reconnectBridge("house");
      await until("it has come again", () => connects() > before);
      await connected(here);
      used.push(bridgeOf(here).address);
    }
    const expected = addressOrder === "first" ? [0, 0, 0] : [1, 0, 1];
    assertEquals(used, expected.map((at) => addresses[at]));
  }
});

Deno.test("The password is read anew for each connection", async () => {
  const file = await Deno.makeTempFile();
  try {
    await using remote = new FakeRemote();
    await Deno.writeTextFile(file, "old\nnot this");
    const rest = { username: "me", passwordFile: file };
    await using here = await startBroker(bridged(remote.address, [{ filter: "a" }], rest));
    await connected(here);
    await Deno.writeTextFile(file, "new\r\n");
    here.broker.reconnectBridge("house");
    await until("it has come again", () => remote.connects.length === 2);
    const passwords = remote.connects.map(({ password }) => new TextDecoder().decode(password));
    assertEquals(passwords, ["old", "new"]);
    await connected(here);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("A bridge that is paused stays away until it is resumed, and one that does not exist is told of", async () => {
  await using remote = new FakeRemote();
  await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos: 1 }]));
  await connected(here);
  here.broker.pauseBridge("house");
  await until("it is paused", () => bridgeOf(here).state === "paused");
  assertEquals([remote.count(PacketType.Disconnect), bridgeOf(here).error], [1, undefined]);
  await here.broker.publish("a", "waits", { qos: 1 });
  here.clock.advance(300_000);
  assertEquals([remote.connects.length, bridgeOf(here).messagesQueued], [1, 1]);
  const told = here.broker.retained.get("$SYS/broker/connection/house/state/text");
  assertEquals(new TextDecoder().decode(told?.payload), "paused");
  here.broker.reconnectBridge("house");
  await connected(here);
  await allAcknowledged(here);
  assertEquals(remote.payloads, ["waits"]);
  assertThrows(() => here.broker.pauseBridge("no"), Error, 'Cannot pause bridge "no": there is none of this name');
});

Deno.test("A bridge speaks over WebSocket", async () => {
  await using remote = await startBroker({ listeners: { ws: { type: "ws", bind: "127.0.0.1:0" } } });
  const { hostname, port } = remote.broker.addresses.ws!;
  const topics: BridgeTopicConfig[] = [{ filter: "a/#", qos: 2, direction: "both" }];
  await using here = await startBroker(bridged(`${hostname}:${port}`, topics, { type: "ws", path: "/" }));
  await connected(here);
  await here.broker.publish("a/out", "out", { qos: 2, retain: true });
  await until("it is there", () => remote.broker.retained.has("a/out"));
  await remote.broker.publish("a/in", "in", { qos: 2, retain: true });
  await until("it is here", () => here.broker.retained.has("a/in"));
  await allAcknowledged(here);
});

Deno.test("The figures of a bridge are kept below $SYS", async () => {
  await using remote = new FakeRemote({ ignores: ({ type }) => type === PacketType.Publish });
  await using here = await startBroker(bridged(remote.address, [{ filter: "a", qos: 1 }], { keepAlive: 0 }));
  await connected(here);
  await here.broker.publish("a", "1", { qos: 1 });
  await until("it is sent", () => bridgeOf(here).messagesSent === 1);
  here.clock.advance(20_000);
  const root = "$SYS/broker/connection/house/";
  const told = new Map(
    [...here.broker.retained].filter(([topic]) => topic.startsWith(root)).map(([topic, { payload }]) =>
      [topic.slice(root.length), new TextDecoder().decode(payload)] as const
    ),
  );
  assertEquals(Object.fromEntries(told), {
    "state": "1",
    "state/text": "connected",
    "address": remote.address,
    "messages/queued": "0",
    "messages/inflight": "1",
    "messages/sent": "1",
    "messages/received": "0",
  });
});
