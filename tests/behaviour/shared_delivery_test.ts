/** Shared subscriptions: what becomes of a message that its member cannot take, or does not (MQTT 5.0 §4.8.2). */
import { assertEquals } from "@std/assert";
import type { ConnectOptions, RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const FILTER = "$share/g/a";

/** A member with a session that lasts 100 seconds, unless `options` say otherwise. */
async function join(
  broker: TestBroker,
  clientIdentifier: string,
  options: ConnectOptions = {},
  qos: 1 | 2 = 2,
): Promise<RawClient> {
  const member = await resume(broker, clientIdentifier, options);
  assertEquals(await member.subscribe(FILTER, qos), [qos]);
  return member;
}

function resume(broker: TestBroker, clientIdentifier: string, options: ConnectOptions = {}): Promise<RawClient> {
  const lasting = { protocolVersion: 5, clean: false, sessionExpiryIntervalSeconds: 100 } as const;
  return broker.connect({ ...lasting, clientIdentifier, ...options });
}

/** Publishes the digits from `from` on. */
async function publish(broker: TestBroker, from: number, count: number, qos: 0 | 1 | 2 = 1): Promise<void> {
  for (let number = from; number < from + count; number++) await broker.broker.publish("a", `${number}`, { qos });
}

async function takeAll(client: RawClient, ...payloads: string[]): Promise<void> {
  for (const payload of payloads) await client.takeMessage({ payload });
  await client.expectNothing();
}

Deno.test("A member whose receive maximum is used up is passed over until it acknowledges", async () => {
  await using broker = await startBroker();
  const [slow, fast] = [await join(broker, "slow", { receiveMaximum: 1 }), await join(broker, "fast")];
  await publish(broker, 0, 4);
  const { packetIdentifier } = await slow.expectMessage({ payload: "0" });
  await slow.expectNothing();
  await takeAll(fast, "1", "2", "3");
  await slow.sendAck("Puback", packetIdentifier);
  await slow.expectNothing();
  await publish(broker, 4, 2);
  await takeAll(slow, "4");
  await takeAll(fast, "5");
});

Deno.test("A 3.1.1 member with max-inflight messages under way is passed over", async () => {
  await using broker = await startBroker({ maxInflight: 2 });
  const slow = await join(broker, "slow", { protocolVersion: 4 });
  const fast = await join(broker, "fast");
  await publish(broker, 0, 4, 2);
  for (const payload of ["0", "2"]) await slow.expectMessage({ payload });
  await takeAll(fast, "1", "3");
  await publish(broker, 4, 2, 2);
  await slow.expectNothing();
  await takeAll(fast, "4", "5");
});

Deno.test("When nobody has quota left the messages wait, and leave as soon as there is", async () => {
  await using broker = await startBroker();
  const [one, two] = [await join(broker, "1", { receiveMaximum: 1 }), await join(broker, "2", { receiveMaximum: 1 })];
  await publish(broker, 0, 6);
  const held = [await one.expectMessage({ payload: "0" }), await two.expectMessage({ payload: "1" })];
  for (const member of [one, two]) await member.expectNothing();
  await one.sendAck("Puback", held[0]!.packetIdentifier);
  await takeAll(one, "2", "4");
  await two.expectNothing();
  await two.sendAck("Puback", held[1]!.packetIdentifier);
  await takeAll(two, "3", "5");
});

/** Ways for a member with a lasting session to go. */
const GOING: readonly (readonly [how: string, go: (broker: TestBroker, member: RawClient) => Promise<unknown>])[] = [
  ["is lost", (broker, member) => broker.lose(member)],
  ["says goodbye", (_, member) => member.disconnect()],
  ["is taken over, for a moment", (broker) => resume(broker, "slow")],
];

for (const [how, go] of GOING) {
  for (const qos of [1, 2] as const) {
    Deno.test(`What is unsent at QoS ${qos} goes to another member when its member ${how}`, async () => {
      await using broker = await startBroker();
      const slow = await join(broker, "slow", { receiveMaximum: 1 });
      const fast = await join(broker, "fast", { receiveMaximum: 1 });
      await publish(broker, 0, 4, qos);
      await slow.expectMessage({ payload: "0" });
      const first = await fast.expectMessage({ payload: "1" });
      if (how === "says goodbye") await slow.expectNothing();
      await go(broker, slow);
      if (qos === 1) await fast.sendAck("Puback", first.packetIdentifier);
      else {
        await fast.sendAck("Pubrec", first.packetIdentifier);
        await fast.expectAck("Pubrel", first.packetIdentifier);
        await fast.sendAck("Pubcomp", first.packetIdentifier);
      }
      await takeAll(fast, "3", "2");
      const again = await resume(broker, "slow");
      await again.takeMessage({ payload: "0", dup: true });
      await again.expectNothing();
    });
  }
}

Deno.test("What is unsent stays with its member when nobody else is connected", async () => {
  await using broker = await startBroker();
  const only = await join(broker, "only", { receiveMaximum: 1 });
  const other = await join(broker, "other");
  await broker.lose(other);
  await publish(broker, 0, 3);
  await only.expectMessage({ payload: "0" });
  await broker.lose(only);
  const back = await resume(broker, "other");
  await back.expectNothing();
  const again = await resume(broker, "only");
  await again.takeMessage({ payload: "0", dup: true });
  await takeAll(again, "1", "2");
});

/** Ways for a member's session to end. */
const ENDING: readonly (readonly [
  how: string,
  options: ConnectOptions,
  end: (broker: TestBroker, member: RawClient) => Promise<unknown>,
])[] = [
  ["with its connection", { sessionExpiryIntervalSeconds: 0 }, (broker, member) => broker.lose(member)],
  ["with a 3.1.1 connection", { protocolVersion: 4, clean: true }, (broker, member) => broker.lose(member)],
  ["by DISCONNECT", {}, (_, member) => member.disconnect(0, { sessionExpiryIntervalSeconds: 0 })],
  ["by its time", {}, async (broker, member) => {
    await broker.lose(member);
    broker.clock.advance(101_000);
  }],
  ["by a clean start", {}, (broker) => resume(broker, "dies", { clean: true })],
];

for (const [how, options, end] of ENDING) {
  Deno.test(`QoS 1 unacknowledged goes to another member when the session ends ${how}`, async () => {
    await using broker = await startBroker();
    const [dies, stays] = [await join(broker, "dies", options), await join(broker, "stays")];
    await publish(broker, 0, 6);
    const first = await dies.expectMessage({ payload: "0" });
    for (const payload of ["2", "4"]) await dies.expectMessage({ payload });
    await dies.sendAck("Puback", first.packetIdentifier);
    await dies.expectNothing();
    await takeAll(stays, "1", "3", "5");
    await end(broker, dies);
    for (const payload of ["2", "4"]) await stays.takeMessage({ payload, qos: 1, dup: false });
    await stays.expectNothing();
    assertEquals(broker.broker.statistics.messagesDropped["session-ended"], 0);
  });

  Deno.test(
    `QoS 2 under way goes to nobody when the session ends ${how}, what is unsent does [MQTT-4.8.2-5] 5.0`,
    async () => {
      await using broker = await startBroker({ maxInflight: 2 });
      const [dies, stays] = [await join(broker, "dies", options), await join(broker, "stays")];
      await publish(broker, 0, 6, 2);
      const first = await dies.expectMessage({ payload: "0" });
      await dies.expectMessage({ payload: "2" });
      await dies.sendAck("Pubrec", first.packetIdentifier);
      await dies.expectAck("Pubrel", first.packetIdentifier);
      await dies.expectNothing();
      await stays.takeMessage({ payload: "1" });
      await stays.takeMessage({ payload: "3" });
      await stays.takeMessage({ payload: "5" });
      await end(broker, dies);
      await takeAll(stays, "4");
      assertEquals(broker.broker.statistics.messagesDropped["session-ended"], 1);
    },
  );
}

Deno.test("QoS 1 unacknowledged waits for its member while the session lasts", async () => {
  await using broker = await startBroker();
  const [away, stays] = [await join(broker, "away"), await join(broker, "stays")];
  await publish(broker, 0, 2);
  const message = await away.expectMessage({ payload: "0" });
  await broker.lose(away);
  broker.clock.advance(99_000);
  await takeAll(stays, "1");
  const again = await resume(broker, "away");
  await again.takeMessage({ ...message, dup: true });
  await takeAll(stays);
});

Deno.test("QoS 2 under way is completed when its member is back [MQTT-4.8.2-4] 5.0", async () => {
  await using broker = await startBroker();
  const [away, stays] = [await join(broker, "away"), await join(broker, "stays")];
  await publish(broker, 0, 4, 2);
  const [one, two] = [await away.expectMessage({ payload: "0" }), await away.expectMessage({ payload: "2" })];
  await away.sendAck("Pubrec", one.packetIdentifier);
  await away.expectAck("Pubrel", one.packetIdentifier);
  await broker.lose(away);
  await takeAll(stays, "1", "3");
  const again = await resume(broker, "away");
  await again.expectAck("Pubrel", one.packetIdentifier);
  await again.sendAck("Pubcomp", one.packetIdentifier);
  await again.takeMessage({ ...two, dup: true });
  await again.expectNothing();
  await takeAll(stays);
});

for (const [qos, answer] of [[1, "Puback"], [2, "Pubrec"]] as const) {
  for (const reasonCode of [0x80, 0x97]) {
    Deno.test(
      `A message answered with ${answer} of 0x${reasonCode.toString(16)} goes to nobody [MQTT-4.8.2-6] 5.0`,
      async () => {
        await using broker = await startBroker();
        const [refuses, other] = [await join(broker, "refuses"), await join(broker, "other")];
        await publish(broker, 0, 2, qos);
        const { packetIdentifier } = await refuses.expectMessage({ payload: "0" });
        await takeAll(other, "1");
        await refuses.sendAck(answer, packetIdentifier, reasonCode);
        await refuses.expectNothing();
        await refuses.disconnect(0, { sessionExpiryIntervalSeconds: 0 });
        await takeAll(other);
        assertEquals(broker.broker.statistics.messagesDropped["refused-by-client"], 1);
      },
    );
  }
}

for (const protocolVersion of [4, 5] as const) {
  Deno.test(`An offline member gets nothing while another is connected, version ${protocolVersion}`, async () => {
    await using broker = await startBroker();
    const [away, stays] = [await join(broker, "away", { protocolVersion }), await join(broker, "stays")];
    await broker.lose(away);
    await publish(broker, 0, 3);
    await takeAll(stays, "0", "1", "2");
    const again = await resume(broker, "away", { protocolVersion });
    assertEquals(again.connack.sessionPresent, true);
    await again.expectNothing();
    await publish(broker, 3, 2);
    await takeAll(again, "3");
    await takeAll(stays, "4");
  });
}

Deno.test("An offline member gets nothing while another is connected, though that one has no quota left", async () => {
  await using broker = await startBroker();
  const [away, stays] = [await join(broker, "away"), await join(broker, "stays", { receiveMaximum: 1 })];
  await broker.lose(away);
  await publish(broker, 0, 3);
  await takeAll(stays, "0", "1", "2");
  await takeAll(await resume(broker, "away"));
});

Deno.test("When all members are offline the messages wait with them in turn", async () => {
  await using broker = await startBroker();
  const members = [await join(broker, "1"), await join(broker, "2", { protocolVersion: 4 })];
  for (const member of members) await broker.lose(member);
  await publish(broker, 0, 4);
  await takeAll(await resume(broker, "1"), "0", "2");
  await takeAll(await resume(broker, "2", { protocolVersion: 4 }), "1", "3");
});

Deno.test("What waits with an offline member goes to another one, offline or not, when its session ends", async () => {
  await using broker = await startBroker();
  const short = await join(broker, "short", { sessionExpiryIntervalSeconds: 10 });
  const long = await join(broker, "long");
  for (const member of [short, long]) await broker.lose(member);
  await publish(broker, 0, 4, 2);
  broker.clock.advance(11_000);
  await takeAll(await resume(broker, "long"), "1", "3", "0", "2");
  assertEquals(broker.broker.statistics.messagesDropped["session-ended"], 0);
});

Deno.test("When the last member's session ends what it had is dropped, and counted", async () => {
  await using broker = await startBroker();
  const only = await join(broker, "only", { receiveMaximum: 2 });
  await publish(broker, 0, 5);
  await only.expectMessage({ payload: "0" });
  await broker.lose(only);
  broker.clock.advance(101_000);
  assertEquals(broker.broker.statistics.messagesDropped["session-ended"], 5);
  assertEquals(broker.broker.statistics.subscriptions, 0);
});

Deno.test("What goes to another member has that one's QoS and identifier", async () => {
  await using broker = await startBroker();
  const dies = await join(broker, "dies", { sessionExpiryIntervalSeconds: 0 });
  const stays = await broker.connect5();
  await publish(broker, 0, 1);
  await dies.expectMessage({ payload: "0", qos: 1 });
  await stays.subscribe(FILTER, { qos: 0, identifier: 9 });
  await broker.lose(dies);
  await stays.expectMessage({ payload: "0", qos: 0, subscriptionIdentifiers: [9] });
  await stays.expectNothing();
});

Deno.test("A message of a plain subscription goes to no member of a share", async () => {
  await using broker = await startBroker();
  const dies = await join(broker, "dies", { sessionExpiryIntervalSeconds: 0, receiveMaximum: 1 });
  const stays = await join(broker, "stays");
  await dies.unsubscribe(FILTER);
  await dies.subscribe("a", 1);
  await publish(broker, 0, 3);
  await dies.expectMessage({ payload: "0" });
  await takeAll(stays, "0", "1", "2");
  await broker.lose(dies);
  await takeAll(stays);
});

const LARGE = "x".repeat(200);

/** Publishes messages that a client with maximum packet size 100 cannot take. */
async function publishLarge(broker: TestBroker, count: number, qos: 0 | 1 | 2): Promise<void> {
  for (let index = 0; index < count; index++) await broker.broker.publish("a", `${index} ${LARGE}`, { qos });
}

Deno.test("[MQTT-3.1.2-25] 5.0: a message too large for one member goes to another that can take it", async () => {
  await using broker = await startBroker();
  const narrow = await join(broker, "narrow", { maximumPacketSizeBytes: 100 });
  const wide = await join(broker, "wide", { receiveMaximum: 2 });
  for (const qos of [0, 1, 2] as const) {
    await publishLarge(broker, 4, qos);
    for (let index = 0; index < 4; index++) await wide.takeMessage({ payload: `${index} ${LARGE}`, qos });
  }
  await narrow.expectNothing();
  await publish(broker, 0, 2);
  await takeAll(narrow, "0");
  assertEquals(broker.broker.statistics.messagesDropped["maximum-packet-size"], 0);
});

Deno.test("A message that one member may not receive goes to another that may", async () => {
  const authorizeReceive = ({ clientIdentifier }: { clientIdentifier: string }) =>
    clientIdentifier === "denied" ? "deny" as const : "allow" as const;
  await using broker = await startBroker({ plugins: [hooks({ authorizeReceive })] });
  const denied = await join(broker, "denied");
  const allowed = await join(broker, "allowed");
  await publish(broker, 0, 3);
  await takeAll(allowed, "0", "1", "2");
  await denied.expectNothing();
  assertEquals(broker.broker.statistics.messagesDropped["receive-denied"], 0);
});

Deno.test("A message that no member can take is dropped, and counted once", async () => {
  await using broker = await startBroker();
  const members = [];
  for (let index = 0; index < 12; index++) {
    members.push(await join(broker, `${index}`, { maximumPacketSizeBytes: 100 }));
  }
  await publishLarge(broker, 3, 1);
  for (const member of members) await member.expectNothing();
  assertEquals(broker.broker.statistics.messagesDropped["maximum-packet-size"], 3);
});

Deno.test("What waits for a member that comes back and can take less than before goes to another", async () => {
  await using broker = await startBroker();
  const before = await join(broker, "m");
  await publishLarge(broker, 1, 1);
  await before.expectMessage();
  await broker.lose(before);
  await broker.broker.publish("a", `waits ${LARGE}`, { qos: 1 });
  await publish(broker, 7, 1);
  const other = await join(broker, "other");
  const after = await resume(broker, "m", { maximumPacketSizeBytes: 100 });
  await takeAll(after, "7");
  await takeAll(other, `0 ${LARGE}`, `waits ${LARGE}`);
  assertEquals(broker.broker.statistics.messagesDropped["maximum-packet-size"], 0);
  await broker.lose(after);
  await (await resume(broker, "m")).expectNothing();
});
