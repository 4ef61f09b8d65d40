/** SUBSCRIBE and UNSUBSCRIBE (MQTT 3.1.1 §3.8 to §3.11). */
import { assertEquals } from "@std/assert";
import { subscribePacket, unsubscribePacket } from "../support/raw_client.ts";
import { hooks, startBroker } from "../support/test_broker.ts";

Deno.test(
  "SUBSCRIBE is answered with SUBACK of its identifier " +
    "[MQTT-3.8.4-1] 3.1.1 [MQTT-3.8.4-2] 3.1.1 [MQTT-2.3.1-7] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const client = await broker.connect();
    for (const identifier of [1, 255, 256, 65_535]) {
      await client.sendPacket(subscribePacket(identifier, [["a", 0]]));
      assertEquals((await client.expect("Suback")).packetIdentifier, identifier);
    }
  },
);

Deno.test(
  "SUBACK has a return code for each filter, in their order " +
    "[MQTT-3.8.4-5] 3.1.1 [MQTT-3.9.3-1] 3.1.1 [MQTT-3.9.3-2] 3.1.1",
  async () => {
    const authorizeSubscribe = (_: unknown, { topicFilter }: { topicFilter: string }) =>
      topicFilter.startsWith("no") ? "deny" as const : "allow" as const;
    const plugins = [hooks({ authorizeSubscribe, authorizePublish: () => "allow", authorizeReceive: () => "allow" })];
    await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
    const client = await broker.connect();
    await client.sendPacket(subscribePacket(1, [["a", 2], ["no/1", 1], ["b", 0], ["c", 1], ["no/#", 2], ["a", 1]]));
    assertEquals([...(await client.expect("Suback")).reasonCodes] as number[], [2, 0x80, 0, 1, 0x80, 1]);
    await broker.broker.publish("no/1", "m");
    await client.expectNothing();
  },
);

Deno.test("A SUBSCRIBE with several filters acts as several with one SUBACK [MQTT-3.8.4-4] 3.1.1", async () => {
  await using broker = await startBroker();
  for (const topicName of ["a", "b"]) await broker.broker.publish(topicName, "old", { qos: 1, retain: true });
  const client = await broker.connect();
  await client.sendPacket(subscribePacket(1, [["a", 0], ["b", 1], ["c/+", 2]]));
  assertEquals([...(await client.expect("Suback")).reasonCodes] as number[], [0, 1, 2]);
  await client.takeMessage({ topicName: "a", qos: 0, retain: true });
  await client.takeMessage({ topicName: "b", qos: 1, retain: true });
  for (const [topicName, qos] of [["a", 0], ["b", 1], ["c/d", 2]] as const) {
    await broker.broker.publish(topicName, "new", { qos: 2 });
    await client.takeMessage({ topicName, qos, payload: "new" });
  }
});

Deno.test("A message matches by the subscription's filter only [MQTT-3.3.2-3] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("a/+/c");
  for (const topicName of ["a/b/c", "a/b", "a/b/c/d", "b/b/c", "a//c"]) await broker.broker.publish(topicName, "");
  for (const topicName of ["a/b/c", "a//c"]) await client.expectMessage({ topicName });
  await client.expectNothing();
});

Deno.test("Overlapping subscriptions deliver once, at the highest QoS [MQTT-3.3.5-1] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("a/#", 0);
  await client.subscribe("a/b", 2);
  await client.subscribe("+/b", 1);
  for (const qos of [0, 1, 2] as const) {
    await broker.broker.publish("a/b", "m", { qos });
    await client.takeMessage({ qos });
    await client.expectNothing();
  }
});

Deno.test(
  "SUBSCRIBE with a filter that exists replaces the subscription, up and down [MQTT-3.8.4-3] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const client = await broker.connect();
    for (const qos of [2, 0, 1, 2] as const) {
      assertEquals(await client.subscribe("a", qos), [qos]);
      await broker.broker.publish("a", "m", { qos: 2 });
      await client.takeMessage({ qos });
      await client.expectNothing();
    }
    await client.unsubscribe("a");
    await broker.broker.publish("a", "m", { qos: 2 });
    await client.expectNothing();
  },
);

Deno.test("Subscribing again loses nothing that is on its way [MQTT-3.8.4-3] 3.1.1", async () => {
  await using broker = await startBroker({ maxInflight: 2 });
  const client = await broker.connect();
  await client.subscribe("a", 1);
  const payloads = Array.from({ length: 20 }, (_, index) => `${index}`);
  for (const payload of payloads.slice(0, 10)) await broker.broker.publish("a", payload, { qos: 1 });
  await client.takeMessage({ payload: "0" });
  await client.takeMessage({ payload: "1" });
  const held = [await client.expectMessage({ payload: "2" }), await client.expectMessage({ payload: "3" })];
  await client.subscribe("a", 1);
  for (const { packetIdentifier } of held) await client.sendAck("Puback", packetIdentifier);
  for (const payload of payloads.slice(10)) await broker.broker.publish("a", payload, { qos: 1 });
  for (const payload of payloads.slice(4)) await client.takeMessage({ payload });
});

Deno.test(
  "UNSUBSCRIBE is answered with UNSUBACK of its identifier, and nothing new comes " +
    "[MQTT-3.10.4-4] 3.1.1 [MQTT-3.10.4-2] 3.1.1 [MQTT-2.3.1-7] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const client = await broker.connect();
    await client.subscribe(["a", "b"], 1);
    await client.sendPacket(unsubscribePacket(4711, ["a"]));
    assertEquals((await client.expect("Unsuback")).packetIdentifier, 4711);
    for (const topicName of ["a", "b"]) await broker.broker.publish(topicName, "m", { qos: 1 });
    await client.takeMessage({ topicName: "b" });
    await client.expectNothing();
  },
);

Deno.test("UNSUBACK comes even if there was no such subscription [MQTT-3.10.4-5] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.unsubscribe("never/subscribed");
});

Deno.test("UNSUBSCRIBE compares filters character by character [MQTT-3.10.4-1] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("a/+", 1);
  for (const other of ["a/#", "#", "a/b", "A/+", "a/+/", "+/+", "/a/+"]) await client.unsubscribe(other);
  await broker.broker.publish("a/b", "m", { qos: 1 });
  await client.takeMessage({ topicName: "a/b" });
  await client.unsubscribe("a/+");
  await broker.broker.publish("a/b", "m", { qos: 1 });
  await client.expectNothing();
});

Deno.test("UNSUBSCRIBE with several filters acts as several with one UNSUBACK [MQTT-3.10.4-6] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe(["a", "b", "c"]);
  await client.unsubscribe("a", "x", "c");
  for (const topicName of ["a", "b", "c"]) await broker.broker.publish(topicName, "m");
  await client.expectMessage({ topicName: "b" });
  await client.expectNothing();
});

Deno.test("UNSUBSCRIBE completes the delivery that was begun [MQTT-3.10.4-3] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ clientIdentifier: "s", clean: false });
  await client.subscribe("a", 2);
  for (const qos of [1, 2] as const) await broker.broker.publish("a", "m", { qos });
  const [one, two] = [await client.expectMessage({ qos: 1 }), await client.expectMessage({ qos: 2 })];
  await client.unsubscribe("a");
  await client.sendAck("Pubrec", two.packetIdentifier);
  await client.expectAck("Pubrel", two.packetIdentifier);
  await broker.lose(client);
  const again = await broker.connect({ clientIdentifier: "s", clean: false });
  await again.takeMessage({ ...one, dup: true });
  await again.expectAck("Pubrel", two.packetIdentifier);
  await again.sendAck("Pubcomp", two.packetIdentifier);
  await again.expectNothing();
});

Deno.test("UNSUBSCRIBE holds for the session, not only for the connection", async () => {
  await using broker = await startBroker();
  const before = await broker.connect({ clientIdentifier: "s", clean: false });
  await before.subscribe(["a", "b"], 1);
  await before.unsubscribe("a");
  await before.disconnect();
  for (const topicName of ["a", "b"]) await broker.broker.publish(topicName, "m", { qos: 1 });
  const after = await broker.connect({ clientIdentifier: "s", clean: false });
  await after.takeMessage({ topicName: "b" });
  await after.expectNothing();
});

Deno.test("A client gets its own messages if it is subscribed to them", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("a");
  await client.sendPublish("a", "m");
  await client.expectMessage({ payload: "m" });
});

Deno.test("A subscription that takes a client past max-subscriptions is refused with 0x80", async () => {
  await using broker = await startBroker({ maxSubscriptions: 2 });
  const client = await broker.connect();
  assertEquals(await client.subscribe(["a", "b", "c", "a"], 1), [1, 1, 0x80, 1]);
  await client.unsubscribe("a");
  assertEquals(await client.subscribe("c"), [0]);
  assertEquals(await (await broker.connect()).subscribe("c"), [0], "another client has its own limit");
});
