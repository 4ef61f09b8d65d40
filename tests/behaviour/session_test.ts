/** Clean and persistent sessions, and takeover (MQTT 3.1.1 §3.1.2.4, §3.1.4, §3.2.2.2, §4.1). */
import { assertEquals } from "@std/assert";
import { connectPacket } from "../support/raw_client.ts";
import { anybody, startBroker, type TestBroker } from "../support/test_broker.ts";

const persistent = { clientIdentifier: "s", clean: false } as const;
const IDENTIFIER_REJECTED = 2;
const DAY_MS = 86_400_000;

async function sessionPresent(broker: TestBroker, clean: boolean): Promise<boolean> {
  const client = broker.open();
  const connack = await client.connect({ ...persistent, clean });
  await client.disconnect();
  return connack.sessionPresent;
}

Deno.test(
  "Session present tells whether a session was kept " +
    "[MQTT-3.1.4-3] 3.1.1 [MQTT-3.2.2-1] 3.1.1 [MQTT-3.2.2-2] 3.1.1 [MQTT-3.2.2-3] 3.1.1",
  async () => {
    await using broker = await startBroker();
    assertEquals(await sessionPresent(broker, false), false, "never seen");
    assertEquals(await sessionPresent(broker, false), true, "kept");
    assertEquals(await sessionPresent(broker, true), false, "clean");
    assertEquals(await sessionPresent(broker, false), false, "the clean one was not kept");
  },
);

Deno.test("A persistent session keeps its subscriptions [MQTT-3.1.2-4] 3.1.1 [MQTT-4.1.0-1] 3.1.1", async () => {
  await using broker = await startBroker();
  const before = await broker.connect(persistent);
  await before.subscribe("a/+", 1);
  await broker.lose(before);
  const client = await broker.connect(persistent);
  await broker.broker.publish("a/b", "m", { qos: 1 });
  await client.expectMessage({ topicName: "a/b", payload: "m", qos: 1, dup: false });
});

Deno.test(
  "QoS 1 and 2 messages wait for a client that is away, in order [MQTT-3.1.2-5] 3.1.1 [MQTT-4.5.0-1] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const before = await broker.connect(persistent);
    await before.subscribe("a", 2);
    await before.disconnect();
    const publisher = await broker.connect();
    for (const qos of [1, 2, 1] as const) await publisher.publish("a", `${qos}`, { qos });
    const after = await broker.connect(persistent);
    for (const qos of [1, 2, 1] as const) {
      await after.takeMessage({ payload: `${qos}`, qos, dup: false, retain: false });
    }
    await after.expectNothing();
  },
);

Deno.test("A clean session forgets subscriptions and messages of the one before [MQTT-3.1.2-6] 3.1.1", async () => {
  await using broker = await startBroker();
  const before = await broker.connect(persistent);
  await before.subscribe("a", 1);
  await before.disconnect();
  await broker.broker.publish("a", "for nobody", { qos: 1 });
  for (const clean of [true, false]) {
    const client = await broker.connect({ ...persistent, clean });
    await broker.broker.publish("a", "still for nobody", { qos: 1 });
    await client.expectNothing();
    await client.disconnect();
  }
});

Deno.test("A clean session ends with its connection [MQTT-3.1.2-6] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ ...persistent, clean: true });
  await client.subscribe("a", 1);
  await client.close();
  assertEquals(await sessionPresent(broker, false), false);
});

Deno.test("Sessions belong to client identifiers, letter by letter [MQTT-3.1.3-2] 3.1.1", async () => {
  await using broker = await startBroker();
  const one = await broker.connect(persistent);
  await one.subscribe("a", 1);
  await one.disconnect();
  await broker.broker.publish("a", "m", { qos: 1 });
  const other = broker.open();
  assertEquals((await other.connect({ clientIdentifier: "S", clean: false })).sessionPresent, false);
  await other.expectNothing();
  await (await broker.connect(persistent)).expectMessage({ payload: "m" });
});

Deno.test("Retained messages outlive the session that set them [MQTT-3.1.2-7] 3.1.1", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect();
  await publisher.publish("a", "kept", { qos: 1, retain: true });
  await publisher.disconnect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("a");
  await subscriber.expectMessage({ payload: "kept", retain: true });
});

Deno.test("A second connection of a client cuts off the first [MQTT-3.1.4-2] 3.1.1", async () => {
  await using broker = await startBroker();
  for (const clean of [true, false]) {
    const first = await broker.connect({ clientIdentifier: "a", clean });
    const second = await broker.connect({ clientIdentifier: "a", clean });
    await first.expectClosed();
    await second.expectNothing();
    assertEquals(broker.broker.clients.length, 1);
    await second.disconnect();
  }
});

Deno.test("A takeover publishes the will of the connection that was cut off", async () => {
  await using broker = await startBroker();
  const witness = await broker.connect();
  await witness.subscribe("will");
  await broker.connect({ clientIdentifier: "a", will: { topicName: "will", payload: "first" } });
  await broker.connect({ clientIdentifier: "a", will: { topicName: "will", payload: "second" } });
  await witness.expectMessage({ payload: "first" });
  await witness.expectNothing();
});

Deno.test("A takeover keeps the persistent session and what is in flight", async () => {
  await using broker = await startBroker();
  const first = await broker.connect(persistent);
  await first.subscribe("a", 1);
  await broker.broker.publish("a", "m", { qos: 1 });
  const { packetIdentifier } = await first.expectMessage({ payload: "m" });
  const second = await broker.connect(persistent);
  await first.expectClosed();
  await second.expectMessage({ payload: "m", dup: true, packetIdentifier });
});

Deno.test("Another user cannot take a session over and gets return code 2", async () => {
  await using broker = await startBroker({ auth: anybody });
  const owner = await broker.connect({ ...persistent, username: "alice" });
  await owner.subscribe("a", 1);
  for (const username of ["eve", undefined]) {
    for (const clean of [true, false]) {
      const intruder = broker.open();
      const connack = await intruder.connect({ ...persistent, clean, username });
      assertEquals([connack.reasonCode, connack.sessionPresent], [IDENTIFIER_REJECTED, false]);
      await intruder.expectClosed();
    }
  }
  await broker.broker.publish("a", "m", { qos: 1 });
  await owner.expectMessage({ payload: "m" });
});

Deno.test("A session lasts at least as long as its connection [MQTT-4.1.0-2] 3.1.1", async () => {
  await using broker = await startBroker({ sessionExpiryInterval: 60 });
  const client = await broker.connect(persistent);
  await client.subscribe("a", 1);
  broker.clock.advance(DAY_MS);
  await broker.broker.publish("a", "m", { qos: 1 });
  await client.expectMessage({ payload: "m" });
});

Deno.test("A session whose client stays away too long is forgotten", async () => {
  await using broker = await startBroker({ sessionExpiryInterval: 60 });
  assertEquals(await sessionPresent(broker, false), false);
  broker.clock.advance(50_000);
  assertEquals(await sessionPresent(broker, false), true, "the time starts again with each connection");
  broker.clock.advance(50_000);
  assertEquals(await sessionPresent(broker, false), true);
  broker.clock.advance(70_000);
  assertEquals(await sessionPresent(broker, false), false);
});

Deno.test("Many connections of one client at once leave one", async () => {
  await using broker = await startBroker();
  const clients = Array.from({ length: 20 }, () => broker.open());
  await Promise.all(clients.map((client) => client.sendPacket(connectPacket(persistent))));
  await Promise.all(clients.map((client) => client.expect("Connack")));
  await Promise.all(clients.slice(0, -1).map((client) => client.expectClosed()));
  await clients.at(-1)!.expectNothing();
  assertEquals(broker.broker.clients.length, 1);
});

Deno.test("A session without a connected client is replaced by a new, empty one when another user comes, and that is logged", async () => {
  for (const [was, is] of [[undefined, "ann"], ["ann", "bob"], ["ann", undefined]]) {
    await using broker = await startBroker({ auth: anybody });
    const before = await broker.connect({ ...persistent, username: was });
    await before.subscribe("a", 1);
    await broker.lose(before);
    await broker.broker.publish("a", "for the former user", { qos: 1 });
    const after = broker.open();
    const { reasonCode, sessionPresent } = await after.connect({ ...persistent, username: is });
    assertEquals([reasonCode, sessionPresent], [0, false]);
    await broker.broker.publish("a", "for nobody", { qos: 1 });
    await after.expectNothing();
    assertEquals(
      broker.log.lines.filter((line) => line.startsWith('warn: session begins anew: client "s", ')).length,
      1,
    );
    await broker.lose(await broker.connect({ ...persistent, username: is }));
    assertEquals((await broker.open().connect({ ...persistent, username: is })).sessionPresent, true);
  }
});
