/** How many QoS 1 and 2 messages may be under way (MQTT 5.0 §3.3.4, §4.9). */
import { assertEquals } from "@std/assert";
import type { RawClient, ReceivedMessage } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const RECEIVE_MAXIMUM_EXCEEDED = 0x93;
const persistent = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 3600 } as const;

const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, index) => `${first + index}`);

/** Publishes the payloads to `a`, by turns at QoS 1 and 2. */
async function publishAll(broker: TestBroker, payloads: readonly string[]): Promise<void> {
  for (const payload of payloads) await broker.broker.publish("a", payload, { qos: Number(payload) % 2 === 0 ? 1 : 2 });
}

/** The messages with these payloads come, and nothing behind them. */
async function expectExactly(client: RawClient, payloads: readonly string[]): Promise<ReceivedMessage[]> {
  const messages = [];
  for (const payload of payloads) messages.push(await client.expectMessage({ payload }));
  await client.expectNothing();
  return messages;
}

Deno.test(
  "[MQTT-3.3.4-9] 5.0, [MQTT-4.9.0-1] 5.0, [MQTT-4.9.0-2] 5.0: " +
    "no more messages at QoS 1 and 2 than the client's receive maximum are under way",
  async () => {
    await using broker = await startBroker();
    for (const receiveMaximum of [1, 2, 5]) {
      const client = await broker.connect5({ receiveMaximum });
      await client.subscribe("a", 2);
      await publishAll(broker, numbers(20));
      await expectExactly(client, numbers(receiveMaximum));
      await client.disconnect();
    }
  },
);

Deno.test("[MQTT-4.9.0-2] 5.0: PUBACK, PUBCOMP and a PUBREC that refuses free the quota for the next in order", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5({ receiveMaximum: 2 });
  await client.subscribe("a", 2);
  await publishAll(broker, numbers(10));
  const [zero, one] = await expectExactly(client, ["0", "1"]);
  await client.sendAck("Puback", zero!.packetIdentifier);
  const [two] = await expectExactly(client, ["2"]);
  await client.sendAck("Pubrec", one!.packetIdentifier);
  await client.expectAck("Pubrel", one!.packetIdentifier);
  await client.expectNothing();
  await client.sendAck("Pubcomp", one!.packetIdentifier);
  const [three] = await expectExactly(client, ["3"]);
  await client.sendAck("Pubrec", three!.packetIdentifier, 0x97);
  const [four] = await expectExactly(client, ["4"]);
  await client.sendAck("Puback", two!.packetIdentifier, 0x80);
  await expectExactly(client, ["5"]);
  await client.sendAck("Puback", four!.packetIdentifier);
  await expectExactly(client, ["6"]);
});

Deno.test("An acknowledgement that is sent twice frees the quota once", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5({ receiveMaximum: 2 });
  await client.subscribe("a", 1);
  await publishAll(broker, numbers(10));
  const [first] = await expectExactly(client, ["0", "1"]);
  for (let times = 0; times < 3; times++) await client.sendAck("Puback", first!.packetIdentifier);
  await expectExactly(client, ["2"]);
});

Deno.test("[MQTT-4.9.0-1] 5.0: max-inflight bounds the quota of a client that takes more", async () => {
  await using broker = await startBroker({ maxInflight: 3 });
  for (const options of [{}, { receiveMaximum: 65_535 }, { receiveMaximum: 4 }]) {
    const client = await broker.connect5(options);
    await client.subscribe("a", 2);
    await publishAll(broker, numbers(6));
    await expectExactly(client, numbers(3));
    await client.disconnect();
  }
});

Deno.test(
  "[MQTT-3.3.4-10] 5.0, [MQTT-4.9.0-3] 5.0: at the receive maximum everything else is still sent and answered",
  async () => {
    await using broker = await startBroker();
    const client = await broker.connect5({ receiveMaximum: 1 });
    await client.subscribe("a", 2);
    await publishAll(broker, numbers(3, 1));
    const [{ packetIdentifier }] = await expectExactly(client, ["1"]) as [ReceivedMessage];
    assertEquals(await client.subscribe("b", 0), [0]);
    assertEquals(await client.subscribe("c", 0), [0]);
    assertEquals(await client.unsubscribe("c"), [0]);
    assertEquals([await client.publish("d", "", { qos: 1 }), await client.publish("d", "", { qos: 2 })], [0x10, 0]);
    await client.publish("b", "at most once");
    await client.expectMessage({ topicName: "b", qos: 0 });
    await client.sendAck("Pubrec", packetIdentifier);
    await client.expectAck("Pubrel", packetIdentifier, 0);
    await client.expectNothing();
    await client.sendAck("Pubcomp", packetIdentifier);
    await expectExactly(client, ["2"]);
  },
);

Deno.test("[MQTT-3.3.4-9] 5.0: retained messages for a new subscription keep to the receive maximum", async () => {
  await using broker = await startBroker();
  for (const index of numbers(5)) await broker.broker.publish(`a/${index}`, index, { qos: 1, retain: true });
  const client = await broker.connect5({ receiveMaximum: 2 });
  await client.subscribe("a/+", 1);
  const payloads = [];
  for (let round = 0; round < 5; round++) payloads.push((await client.takeMessage({ retain: true })).payload);
  await client.expectNothing();
  assertEquals(payloads.sort(), numbers(5));
  await client.subscribe("a/+", 1);
  for (let count = 0; count < 2; count++) await client.expectMessage({ retain: true });
  await client.expectNothing();
});

Deno.test(
  "[MQTT-3.3.4-9] 5.0, [MQTT-4.9.0-1] 5.0, [MQTT-4.9.0-2] 5.0: " +
    "what is sent again keeps to the receive maximum of the new connection, in order and before all else",
  async () => {
    await using broker = await startBroker();
    const before = await broker.connect5({ ...persistent, receiveMaximum: 6 });
    await before.subscribe("a", 2);
    await publishAll(broker, numbers(8));
    const sent = await expectExactly(before, numbers(6));
    await before.sendAck("Pubrec", sent[1]!.packetIdentifier);
    await before.expectAck("Pubrel", sent[1]!.packetIdentifier);
    await broker.lose(before);
    const after = await broker.connect5({ ...persistent, receiveMaximum: 2 });
    await publishAll(broker, ["8"]);
    await after.expectMessage({ ...sent[0], dup: true });
    await after.expectAck("Pubrel", sent[1]!.packetIdentifier);
    // PUBREL takes none of the quota, but its exchange is not at its end.
    await after.sendAck("Pubcomp", sent[1]!.packetIdentifier);
    await after.expectMessage({ ...sent[2], dup: true });
    await after.expectNothing();
    for (const index of [0, 2]) await after.sendAck("Puback", sent[index]!.packetIdentifier);
    for (const index of [3, 4]) await after.expectMessage({ ...sent[index], dup: true });
    await after.expectNothing();
    await after.sendAck("Puback", sent[4]!.packetIdentifier);
    await after.expectMessage({ ...sent[5], dup: true });
    await after.expectNothing();
    await after.sendAck("Pubrec", sent[3]!.packetIdentifier, 0x80);
    await after.expectMessage({ payload: "6", dup: false });
    await after.expectNothing();
    await after.sendAck("Pubrec", sent[5]!.packetIdentifier, 0x80);
    for (const payload of ["7", "8"]) await after.takeMessage({ payload, dup: false });
    await after.expectNothing();
  },
);

Deno.test("A receive maximum that has grown is used at once on the new connection", async () => {
  await using broker = await startBroker();
  const before = await broker.connect5({ ...persistent, receiveMaximum: 1 });
  await before.subscribe("a", 2);
  await publishAll(broker, numbers(6));
  await expectExactly(before, ["0"]);
  await broker.lose(before);
  const after = await broker.connect5({ ...persistent, receiveMaximum: 4 });
  await after.expectMessage({ payload: "0", dup: true });
  for (const payload of ["1", "2", "3"]) await after.expectMessage({ payload, dup: false });
  await after.expectNothing();
});

Deno.test("CONNACK tells max-inflight as the broker's receive maximum", async () => {
  await using broker = await startBroker({ maxInflight: 7 });
  assertEquals((await broker.connect5()).connack.properties?.receiveMaximum, 7);
});

for (const qos of [1, 2] as const) {
  Deno.test(`A client with a PUBLISH at QoS ${qos} over the broker's receive maximum is cut off with 0x93`, async () => {
    await using broker = await startBroker({ maxInflight: 2 });
    const messages = broker.broker.subscribe("a");
    const client = await broker.connect5();
    for (const packetIdentifier of [1, 2]) {
      await client.sendPublish("a", `${packetIdentifier}`, { qos: 2, packetIdentifier });
      await client.expectAck("Pubrec", packetIdentifier, 0);
    }
    await client.sendPublish("a", "too many", { qos, packetIdentifier: 3 });
    await client.expectDisconnect(RECEIVE_MAXIMUM_EXCEEDED);
    await broker.broker.publish("a", "end");
    for (const payload of ["1", "2", "end"]) {
      assertEquals(new TextDecoder().decode((await messages.next()).value?.payload), payload);
    }
  });
}

Deno.test("QoS 0, what is sent again and what was refused take none of the broker's receive maximum", async () => {
  const plugins = [hooks({
    authorizePublish: (_, { topicName }) => topicName === "secret" ? "deny" : "allow",
    authorizeSubscribe: () => "allow",
    authorizeReceive: () => "allow",
  })];
  await using broker = await startBroker({ maxInflight: 1, topicCheck: { enabled: true, plugins } });
  const client = await broker.connect5();
  for (let times = 0; times < 3; times++) assertEquals(await client.publish("secret", "", { qos: 2 }), 0x87);
  await client.sendPublish("a", "", { qos: 2, packetIdentifier: 77 });
  await client.expectAck("Pubrec", 77, 0x10);
  for (let times = 0; times < 3; times++) {
    await client.sendPublish("a", "", { qos: 2, packetIdentifier: 77, dup: true });
    await client.expectAck("Pubrec", 77, 0);
    await client.publish("a", "", { qos: 0 });
  }
  await client.sendAck("Pubrel", 77);
  await client.expectAck("Pubcomp", 77, 0);
  assertEquals(await client.publish("a", "", { qos: 2 }), 0);
});

Deno.test("What an earlier connection left unreleased takes none of the broker's receive maximum", async () => {
  await using broker = await startBroker({ maxInflight: 2 });
  const before = await broker.connect5(persistent);
  for (const packetIdentifier of [1, 2]) {
    await before.sendPublish("a", "", { qos: 2, packetIdentifier });
    await before.expectAck("Pubrec", packetIdentifier);
  }
  await broker.lose(before);
  const after = await broker.connect5(persistent);
  for (const packetIdentifier of [3, 4]) {
    await after.sendPublish("a", "", { qos: 2, packetIdentifier });
    await after.expectAck("Pubrec", packetIdentifier);
  }
  // A message of the earlier connection is released: that is no room for another of this one.
  await after.sendAck("Pubrel", 1);
  await after.expectAck("Pubcomp", 1, 0);
  await after.sendPublish("a", "", { qos: 2, packetIdentifier: 5 });
  await after.expectDisconnect(RECEIVE_MAXIMUM_EXCEEDED);
});
