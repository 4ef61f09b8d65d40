/** SUBSCRIBE and SUBACK of MQTT 5.0 (§3.8, §3.9): what is answered, and what is delivered then. */
import { assertEquals } from "@std/assert";
import { PacketType } from "../../src/packet/packets.ts";
import { subscribePacket } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

Deno.test(
  "SUBSCRIBE is answered with SUBACK of its identifier [MQTT-3.8.4-1] 5.0 [MQTT-3.8.4-2] 5.0",
  async () => {
    await using broker = await startBroker();
    const client = await broker.connect5();
    for (const identifier of [1, 255, 256, 65_535]) {
      await client.sendPacket(subscribePacket(identifier, [["a", 0]]));
      const { packetIdentifier, reasonCodes, properties } = await client.expect("Suback");
      assertEquals([packetIdentifier, [...reasonCodes], properties], [identifier, [0], undefined]);
      await client.expectNothing();
    }
  },
);

Deno.test(
  "SUBACK has the granted QoS or a failure for each filter, in their order " +
    "[MQTT-3.8.4-6] 5.0 [MQTT-3.8.4-7] 5.0 [MQTT-3.9.3-1] 5.0 [MQTT-3.9.3-2] 5.0",
  async () => {
    const refuse = hooks({
      authorizeSubscribe: (_, { topicFilter }) => topicFilter.startsWith("no") ? "deny" : "allow",
    });
    await using broker = await startBroker({ plugins: [refuse] });
    const client = await broker.connect5();
    await client.sendPacket(subscribePacket(1, [["a", 2], ["no/1", 1], ["b", 0], ["c", 1], ["no/#", 2], ["a", 1]]));
    assertEquals<number[]>([...(await client.expect("Suback")).reasonCodes], [2, 0x87, 0, 1, 0x87, 1]);
    await broker.broker.publish("no/1", "m");
    await client.expectNothing();
    await broker.broker.publish("a", "m", { qos: 2 });
    await client.takeMessage({ topicName: "a", qos: 1 });
  },
);

Deno.test("The QoS granted is no more than maximum-qos of the listener [MQTT-3.8.4-7] 5.0", async () => {
  const listeners = { memory: { type: "external", maximumQos: 1 }, all: { type: "external" } } as const;
  await using broker = await startBroker({ listeners });
  const client = await broker.connect5();
  assertEquals(await client.subscribe([{ topicFilter: "a", qos: 0 }, { topicFilter: "b", qos: 2 }]), [0, 1]);
  await broker.broker.publish("b", "m", { qos: 2 });
  await client.takeMessage({ qos: 1 });
  const other = broker.open("all");
  await other.connect({ protocolVersion: 5, clientIdentifier: "other" });
  assertEquals(await other.subscribe("b", 2), [2]);
});

Deno.test("A SUBSCRIBE with several filters acts as several with one SUBACK [MQTT-3.8.4-5] 5.0", async () => {
  await using broker = await startBroker();
  for (const topicName of ["a", "b"]) await broker.broker.publish(topicName, "old", { qos: 1, retain: true });
  const client = await broker.connect5();
  await client.sendPacket(subscribePacket(1, [["a", 0], ["b", 1], ["c/+", 2]]));
  assertEquals<number[]>([...(await client.expect("Suback")).reasonCodes], [0, 1, 2]);
  await client.takeMessage({ topicName: "a", qos: 0, retain: true });
  await client.takeMessage({ topicName: "b", qos: 1, retain: true });
  for (const [topicName, qos] of [["a", 0], ["b", 1], ["c/d", 2]] as const) {
    await broker.broker.publish(topicName, "new", { qos: 2 });
    await client.takeMessage({ topicName, qos, payload: "new" });
  }
});

for (const granted of [0, 1, 2] as const) {
  Deno.test(`Granted QoS ${granted}: the lower of it and the published QoS is delivered [MQTT-3.8.4-8] 5.0`, async () => {
    await using broker = await startBroker();
    const [client, publisher] = [await broker.connect5(), await broker.connect5()];
    assertEquals(await client.subscribe("a", granted), [granted]);
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a", "m", { qos });
      await client.takeMessage({ qos: Math.min(qos, granted) as 0 | 1 | 2 });
    }
    await client.expectNothing();
  });
}

Deno.test("Overlapping subscriptions deliver once, at the highest QoS", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.subscribe("a/#", 0);
  await client.subscribe("a/b", 2);
  await client.subscribe("+/b", 1);
  for (const qos of [0, 1, 2] as const) {
    await broker.broker.publish("a/b", "m", { qos });
    await client.takeMessage({ qos });
    await client.expectNothing();
  }
});

Deno.test("SUBSCRIBE with a filter that exists replaces the subscription [MQTT-3.8.4-3] 5.0", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  for (const qos of [2, 0, 1, 2] as const) {
    assertEquals(await client.subscribe("a", { qos, identifier: qos + 1 }), [qos]);
    await broker.broker.publish("a", "m", { qos: 2 });
    await client.takeMessage({ qos, subscriptionIdentifiers: [qos + 1] });
    await client.expectNothing();
  }
  assertEquals(broker.broker.statistics.subscriptions, 1);
  assertEquals(await client.unsubscribe("a"), [0]);
  await broker.broker.publish("a", "m", { qos: 2 });
  await client.expectNothing();
});

Deno.test(
  "A replacement with retain handling 0 sends what is retained again, and loses nothing [MQTT-3.8.4-4] 5.0",
  async () => {
    await using broker = await startBroker();
    const client = await broker.connect5({ receiveMaximum: 2 });
    await client.subscribe("a", 1);
    await broker.broker.publish("a", "0", { qos: 1, retain: true });
    for (const payload of ["1", "2", "3"]) await broker.broker.publish("a", payload, { qos: 1 });
    const held = [await client.expectMessage({ payload: "0" }), await client.expectMessage({ payload: "1" })];
    await client.subscribe({ topicFilter: "a", qos: 1, retainHandling: 0 });
    await broker.broker.publish("a", "4", { qos: 1 });
    for (const { packetIdentifier } of held) await client.sendAck("Puback", packetIdentifier);
    const rest: string[] = [];
    for (let count = 0; count < 4; count++) {
      const { payload, retain } = await client.takeMessage({ topicName: "a" });
      rest.push(`${payload}${retain ? " retained" : ""}`);
    }
    assertEquals(rest.toSorted(), ["0 retained", "2", "3", "4"]);
    assertEquals(rest.filter((one) => one !== "0 retained"), ["2", "3", "4"]);
    await client.expectNothing();
  },
);

Deno.test("Subscriptions with all their options outlive the connection with the session", async () => {
  await using broker = await startBroker();
  const options = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 };
  const before = await broker.connect5(options);
  await before.subscribe({ topicFilter: "a", qos: 1, noLocal: true, retainAsPublished: true }, { identifier: 7 });
  await broker.lose(before);
  await broker.broker.publish("a", "waits", { qos: 2, retain: true });
  const after = await broker.connect5(options);
  await after.takeMessage({ payload: "waits", qos: 1, retain: true, subscriptionIdentifiers: [7] });
  await after.publish("a", "own", { qos: 1 });
  await after.expectNothing();
  await broker.broker.publish("a", "live", { retain: true });
  await after.expectMessage({ payload: "live", retain: true, subscriptionIdentifiers: [7] });
});

Deno.test("A session that is resumed with 3.1.1 keeps its subscription, without identifiers", async () => {
  await using broker = await startBroker();
  const before = await broker.connect5({ clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 });
  await before.subscribe("a", { qos: 1, identifier: 7 });
  await before.disconnect();
  await broker.broker.publish("a", "waits", { qos: 1 });
  const after = await broker.connect({ clientIdentifier: "s", clean: false });
  await after.takeMessage({ payload: "waits", qos: 1 });
  await broker.broker.publish("a", "live", { qos: 1 });
  await after.takeMessage({ payload: "live", qos: 1 });
});

Deno.test("User properties of SUBSCRIBE are taken, and change nothing", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  assertEquals(await client.subscribe("a", { qos: 1, userProperties: [["a", "1"], ["a", "1"]] }), [1]);
  await broker.broker.publish("a", "m", { qos: 1 });
  await client.takeMessage({ payload: "m", properties: undefined });
});

Deno.test("A filter that stands twice in a SUBSCRIBE is subscribed to as it stands last, and gets what is retained once", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "old", { qos: 2, retain: true });
  const client = await broker.connect5();
  assertEquals(await client.subscribe([{ topicFilter: "a", qos: 2 }, "b", { topicFilter: "a", qos: 1 }]), [2, 0, 1]);
  await client.takeMessage({ payload: "old", qos: 1, retain: true });
  await client.expectNothing();
  await broker.broker.publish("a", "new", { qos: 2 });
  await client.takeMessage({ payload: "new", qos: 1 });
  await client.expectNothing();
});

/** So many retained messages are more than is looked up in one turn for a SUBSCRIBE. */
const MANY = 10_000;

async function retainMany(broker: TestBroker): Promise<void> {
  for (let index = 0; index < MANY; index++) await broker.broker.publish(`many/${index}`, "m", { retain: true });
  await broker.broker.publish("last", "m", { qos: 1, retain: true });
}

Deno.test("Retained messages that are too many for one turn all arrive after SUBACK, and before the next answer", async () => {
  await using broker = await startBroker();
  await retainMany(broker);
  const client = await broker.connect5();
  await client.sendPacket(subscribePacket(1, [["many/+", 0], ["last", 0]]), { type: PacketType.Pingreq });
  assertEquals<number[]>([...(await client.expect("Suback")).reasonCodes], [0, 0]);
  const names = new Set<string>();
  for (let count = 0; count < MANY; count++) names.add((await client.expectMessage({ retain: true })).topicName);
  assertEquals([names.size, names.has("last")], [MANY, false]);
  await client.expectMessage({ topicName: "last", retain: true });
  await client.expect("Pingresp");
});

Deno.test("A client that goes while its retained messages are still being looked up is sent no more", async () => {
  let toLeave: string | undefined;
  const sent: string[] = [];
  const plugin = hooks((context) => ({
    packetSent: (client, packet) => {
      if (packet.type !== PacketType.Publish) return;
      sent.push(packet.topicName);
      if (client?.clientIdentifier !== toLeave) return;
      toLeave = undefined;
      // Before the next turn of the lookup, since it was asked for before.
      setTimeout(() => context.disconnect("s"), 0);
    },
  }));
  await using broker = await startBroker({ plugins: [plugin], maxOutboundBytes: 100_000_000 });
  await retainMany(broker);
  const client = await broker.connect5({ clientIdentifier: "s", sessionExpiryIntervalSeconds: 100 });
  toLeave = "s";
  await client.sendPacket(subscribePacket(1, [["many/+", 0], ["last", 1]]));
  await client.expect("Suback");
  for (let count = 0; count < MANY; count++) await client.expectMessage({ retain: true });
  await client.expectDisconnect(0x98);
  assertEquals([sent.length, sent.includes("last")], [MANY, false]);
  assertEquals(broker.log.complains(""), false);
  assertEquals(await (await broker.connect5()).subscribe("last"), [0]);
  assertEquals(broker.broker.statistics.messagesQueued, 0);
});

Deno.test("A filter that stands twice gets what is retained, whichever of the two asks for it", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "kept", { retain: true });
  for (const [first, second] of [[1, 1], [0, 2], [1, 2], [2, 0]] as const) {
    const client = await broker.connect5();
    const filters = [first, second].map((retainHandling) => ({ topicFilter: "a", qos: 1, retainHandling } as const));
    await client.subscribe(filters);
    await client.expectMessage({ topicName: "a", payload: "kept", retain: true });
    await client.expectNothing();
  }
});

Deno.test("More retained messages than may wait at once all arrive, as the client takes them", async () => {
  await using broker = await startBroker();
  const count = 2.5 * MANY;
  for (let index = 0; index < count; index++) {
    await broker.broker.publish(`many/${index}`, "m", { qos: 1, retain: true });
  }
  const client = await broker.connect5({ receiveMaximum: 100 });
  await client.subscribe("#", 1);
  const names = new Set<string>();
  while (names.size < count) names.add((await client.takeMessage({ retain: true })).topicName);
  await client.expectNothing();
});
