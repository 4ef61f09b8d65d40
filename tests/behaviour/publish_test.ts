/** Messages from a client to the broker (MQTT 3.1.1 §3.3, §4.3). */
import { assert, assertEquals } from "@std/assert";
import type { RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

/** A subscriber to everything at QoS 0, and a client to publish with. */
async function pair(broker: TestBroker): Promise<[subscriber: RawClient, publisher: RawClient]> {
  const subscriber = await broker.connect();
  await subscriber.subscribe("#");
  return [subscriber, await broker.connect()];
}

Deno.test(
  "PUBLISH is answered with nothing, PUBACK or PUBREC of its identifier [MQTT-3.3.4-1] 3.1.1 [MQTT-2.3.1-6] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const [subscriber, publisher] = await pair(broker);
    await publisher.sendPublish("a", "0");
    await publisher.expectNothing();
    await publisher.sendPublish("a", "1", { qos: 1, packetIdentifier: 65_535 });
    await publisher.expectAck("Puback", 65_535);
    await publisher.sendPublish("a", "2", { qos: 2, packetIdentifier: 1 });
    await publisher.expectAck("Pubrec", 1);
    for (const payload of ["0", "1", "2"]) await subscriber.expectMessage({ topicName: "a", payload });
  },
);

Deno.test("A message may be empty, and the topic name keeps every character [MQTT-3.3.2-1] 3.1.1", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker);
  for (const topicName of ["a", "/", "//", " ", "a/ /b", "ä/ö/🚀", "x".repeat(65_535)]) {
    await publisher.publish(topicName, "", { qos: 1 });
    await subscriber.expectMessage({ topicName, payload: "" });
  }
});

Deno.test("A message of a megabyte arrives whole", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.openTcp();
  await subscriber.connect({ clientIdentifier: "subscriber" });
  await subscriber.subscribe("a");
  const publisher = await broker.openTcp();
  await publisher.connect({ clientIdentifier: "publisher" });
  const payload = "0123456789abcdef".repeat(65_536);
  await publisher.publish("a", payload, { qos: 1 });
  assert((await subscriber.expectMessage()).payload === payload);
});

Deno.test(
  "After PUBACK the same identifier is a new message, whatever DUP says [MQTT-4.3.2-2] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const [subscriber, publisher] = await pair(broker);
    for (const [payload, dup] of [["one", false], ["two", false], ["three", true]] as const) {
      await publisher.publish("a", payload, { qos: 1, packetIdentifier: 7, dup });
      await subscriber.expectMessage({ payload });
    }
  },
);

Deno.test(
  "A QoS 2 message that is sent again is answered again and delivered once [MQTT-4.3.3-2] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const [subscriber, publisher] = await pair(broker);
    for (const dup of [false, true, true, false]) {
      await publisher.sendPublish("a", "once", { qos: 2, packetIdentifier: 7, dup });
      await publisher.expectAck("Pubrec", 7);
    }
    for (let times = 0; times < 2; times++) {
      await publisher.sendAck("Pubrel", 7);
      await publisher.expectAck("Pubcomp", 7);
    }
    await publisher.publish("a", "new", { qos: 2, packetIdentifier: 7, dup: true });
    await subscriber.expectMessage({ payload: "once" });
    await subscriber.expectMessage({ payload: "new" });
    await subscriber.expectNothing();
  },
);

Deno.test("A QoS 2 message is delivered once even if its sender reconnects [MQTT-4.3.3-2] 3.1.1", async () => {
  await using broker = await startBroker();
  const [subscriber] = await pair(broker);
  for (const dup of [false, true, true]) {
    const publisher = await broker.connect({ clientIdentifier: "p", clean: false });
    await publisher.sendPublish("a", "once", { qos: 2, packetIdentifier: 7, dup });
    await publisher.expectAck("Pubrec", 7);
    await publisher.close();
  }
  const publisher = await broker.connect({ clientIdentifier: "p", clean: false });
  await publisher.sendAck("Pubrel", 7);
  await publisher.expectAck("Pubcomp", 7);
  await subscriber.expectMessage({ payload: "once" });
  await subscriber.expectNothing();
});

Deno.test("A clean session forgets which QoS 2 identifiers were in use [MQTT-3.1.2-6] 3.1.1", async () => {
  await using broker = await startBroker();
  const [subscriber] = await pair(broker);
  for (const payload of ["one", "two"]) {
    const publisher = await broker.connect({ clientIdentifier: "p" });
    await publisher.sendPublish("a", payload, { qos: 2, packetIdentifier: 7 });
    await publisher.expectAck("Pubrec", 7);
    await publisher.close();
    await subscriber.expectMessage({ payload });
  }
});

Deno.test("A PUBREL for an unknown identifier is answered with PUBCOMP", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.sendAck("Pubrel", 1234);
  await client.expectAck("Pubcomp", 1234);
});

Deno.test("Acknowledgements that nobody waits for change nothing", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  for (const name of ["Puback", "Pubcomp"] as const) await client.sendAck(name, 99);
  await client.expectNothing();
});

Deno.test(
  "PUBACK and PUBREC come in the order of their PUBLISH [MQTT-4.6.0-2] 3.1.1 [MQTT-4.6.0-3] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const client = await broker.connect();
    const sent = Array.from(
      { length: 200 },
      (_, index) => ({ id: 500 - index, qos: index % 2 === 0 ? 1 : 2 } as const),
    );
    await client.sendPacket(
      ...sent.map(({ id, qos }) => client.publishPacket("a", `${id}`, { qos, packetIdentifier: id })),
    );
    for (const { id, qos } of sent) await client.expectAck(qos === 1 ? "Puback" : "Pubrec", id);
  },
);

Deno.test("DUP of an incoming PUBLISH is not passed on [MQTT-3.3.1-3] 3.1.1", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect();
  await subscriber.subscribe("a", 2);
  const publisher = await broker.connect();
  for (const qos of [1, 2] as const) {
    await publisher.publish("a", "m", { qos, dup: true });
    await subscriber.takeMessage({ qos, dup: false });
  }
});

Deno.test("A PUBLISH that is not allowed is acknowledged and dropped [MQTT-3.3.5-2] 3.1.1", async () => {
  const authorizePublish = (_: unknown, message: { topicName: string }) =>
    message.topicName === "open" ? "allow" as const : "deny" as const;
  const plugins = [hooks({ authorizePublish, authorizeSubscribe: () => "allow", authorizeReceive: () => "allow" })];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
  const [subscriber, publisher] = await pair(broker);
  for (const qos of [0, 1, 2] as const) await publisher.publish("secret", "m", { qos, retain: true });
  await publisher.publish("open", "m", { qos: 1 });
  await subscriber.expectMessage({ topicName: "open" });
  assertEquals(broker.broker.retained.size, 0);
});

Deno.test("A QoS 2 message that is not allowed has the whole exchange", async () => {
  const plugins = [hooks({ authorizePublish: () => Promise.resolve("deny" as const) })];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
  const publisher = await broker.connect();
  for (let times = 0; times < 3; times++) await publisher.publish("a", "m", { qos: 2, packetIdentifier: 1 });
});

Deno.test("Messages keep their order past a check that takes its time [MQTT-4.6.0-6] 3.1.1", async () => {
  let calls = 0;
  const authorizePublish = async () => {
    for (let turns = calls++ % 3; turns > 0; turns--) await Promise.resolve();
    return "allow" as const;
  };
  const plugins = [hooks({ authorizePublish, authorizeSubscribe: () => "allow", authorizeReceive: () => "allow" })];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
  const [subscriber, publisher] = await pair(broker);
  const numbers = Array.from({ length: 50 }, (_, index) => `${index}`);
  await publisher.sendPacket(...numbers.map((payload) => publisher.publishPacket("a", payload)));
  for (const payload of numbers) await subscriber.expectMessage({ payload });
});

Deno.test("Clients can publish neither below $SYS nor to $SYS itself", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect();
  await subscriber.subscribe(["$SYS/#", "$SYS", "marker", "$SYSTEM"]);
  const publisher = await broker.connect();
  for (const topicName of ["$SYS/broker/version", "$SYS", "$SYS/"]) {
    for (const qos of [0, 1, 2] as const) await publisher.publish(topicName, "0", { qos, retain: true });
  }
  await publisher.publish("marker", "", { qos: 1 });
  await subscriber.expectMessage({ topicName: "marker" });
  await publisher.publish("$SYSTEM", "", { qos: 1 });
  await subscriber.expectMessage({ topicName: "$SYSTEM" });
});

Deno.test("QoS 2 messages over max-inflight wait for a PUBREL, in order, and none is lost", async () => {
  await using broker = await startBroker({ maxInflight: 2 });
  const messages = broker.broker.subscribe("a");
  const client = await broker.connect();
  for (let id = 1; id <= 4; id++) await client.send([0x34, 6, 0, 1, 0x61, 0, id, 0x30 + id]);
  await client.expectAck("Pubrec", 1);
  await client.expectAck("Pubrec", 2);
  await client.expectNothing();
  for (const [released, next] of [[1, 3], [2, 4]]) {
    await client.send([0x62, 2, 0, released]);
    await client.expectAck("Pubcomp", released);
    await client.expectAck("Pubrec", next);
  }
  for (const digit of ["1", "2", "3", "4"]) {
    assertEquals(new TextDecoder().decode((await messages.next()).value?.payload), digit);
  }
});

Deno.test("QoS 2 messages that wait for room keep their order, also if some are denied and the plugin takes its time", async () => {
  const authorizePublish = async (_: unknown, { payload }: { readonly payload: Uint8Array }) => {
    await new Promise((resolve) => setTimeout(resolve));
    return payload[0]! % 3 === 0 ? "deny" as const : "allow" as const;
  };
  await using broker = await startBroker({ maxInflight: 2, plugins: [hooks({ authorizePublish })] });
  const messages = broker.broker.subscribe("a");
  const client = await broker.connect();
  const send = (id: number) => client.send([0x34, 6, 0, 1, 0x61, 0, id, id]);
  for (let id = 1; id <= 5; id++) await send(id);
  for (let id = 1; id <= 2; id++) await client.expectAck("Pubrec", id);
  for (let id = 1; id <= 20; id++) {
    // Behind the PUBREL that makes room comes another one that wants it.
    await client.send([0x62, 2, 0, id, 0x34, 6, 0, 1, 0x61, 0, id + 5, id + 5]);
    await client.expectAck("Pubcomp", id);
    await client.expectAck("Pubrec", id + 2);
  }
  const expected = Array.from({ length: 22 }, (_, index) => index + 1).filter((id) => id % 3 !== 0);
  for (const id of expected) assertEquals((await messages.next()).value?.payload[0], id);
});

Deno.test("A QoS 2 message that is sent again while it waits for room is passed on once", async () => {
  await using broker = await startBroker({ maxInflight: 1 });
  const messages = broker.broker.subscribe("a");
  const client = await broker.connect();
  for (const [first, id] of [[0x34, 1], [0x34, 2], [0x3c, 2], [0x34, 3]]) {
    await client.send([first, 6, 0, 1, 0x61, 0, id, 0x30 + id]);
  }
  await client.expectAck("Pubrec", 1);
  for (const [released, next] of [[1, 2], [2, 3]]) {
    await client.send([0x62, 2, 0, released]);
    await client.expectAck("Pubcomp", released);
    await client.expectAck("Pubrec", next);
  }
  for (const digit of ["1", "2", "3"]) {
    assertEquals(new TextDecoder().decode((await messages.next()).value?.payload), digit);
  }
});

Deno.test("Empty QoS 2 messages that have no room take room all the same", async () => {
  await using broker = await startBroker({ maxInflight: 1, maxInboundBytes: 10_000 });
  const client = await broker.connect();
  for (let id = 1; id <= 100; id++) await client.send([0x34, 5, 0, 1, 0x61, 0, id]);
  await client.expectAck("Pubrec", 1);
  await client.expectClosed();
});

Deno.test("A client that goes on with QoS 2 messages that have no room is closed", async () => {
  await using broker = await startBroker({ maxInflight: 1, maxInboundBytes: 10, maxPacketSize: 100 });
  const client = await broker.connect();
  for (let id = 1; id <= 3; id++) await client.send([0x34, 13, 0, 1, 0x61, 0, id, ...new Uint8Array(8)]);
  await client.expectAck("Pubrec", 1);
  await client.expectClosed();
  assert(broker.log.complains("max-inflight"));
});
