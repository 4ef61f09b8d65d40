/** PUBLISH from and to 5.0 clients: its flags, its topic name and its properties (MQTT 5.0 §3.3). */
import { assert, assertEquals } from "@std/assert";
import type { MessageProperties, QoS } from "../../src/packet/packets.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { concat, packetOf, string, u16 } from "../support/client_codec.ts";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const MALFORMED = 0x81;
const PROTOCOL_ERROR = 0x82;
const persistent = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 3600 } as const;

/** A subscriber to everything, and a client to publish with. */
async function pair(broker: TestBroker, qos: QoS = 0): Promise<[subscriber: RawClient, publisher: RawClient]> {
  const subscriber = await broker.connect5();
  await subscriber.subscribe("#", qos);
  return [subscriber, await broker.connect5()];
}

/** Sends bytes that must not come; the broker says so and closes the connection. */
async function expectCutOff(broker: TestBroker, bytes: Uint8Array, reasonCode: number): Promise<void> {
  const client = await broker.connect5();
  await client.send(bytes);
  await client.expectDisconnect(reasonCode);
}

Deno.test(
  "[MQTT-3.3.4-1] 5.0, [MQTT-4.3.2-4] 5.0, [MQTT-4.3.3-8] 5.0: " +
    "PUBLISH is answered with nothing, PUBACK or PUBREC of its identifier",
  async () => {
    await using broker = await startBroker();
    const [subscriber, publisher] = await pair(broker);
    await publisher.sendPublish("a", "0");
    await publisher.expectNothing();
    await publisher.sendPublish("a", "1", { qos: 1, packetIdentifier: 65_535 });
    await publisher.expectAck("Puback", 65_535, 0);
    await publisher.sendPublish("a", "2", { qos: 2, packetIdentifier: 1 });
    await publisher.expectAck("Pubrec", 1, 0);
    await publisher.expectNothing();
    for (const payload of ["0", "1", "2"]) await subscriber.expectMessage({ topicName: "a", payload });
  },
);

Deno.test("[MQTT-3.3.1-3] 5.0: DUP of an incoming PUBLISH is not passed on", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker, 2);
  for (const qos of [1, 2] as const) {
    await publisher.publish("a", "m", { qos, dup: true });
    await subscriber.takeMessage({ qos, dup: false });
  }
});

Deno.test(
  "[MQTT-3.3.1-1] 5.0, [MQTT-3.3.1-2] 5.0, [MQTT-3.3.1-3] 5.0: DUP is set on what is sent again, and on nothing else",
  async () => {
    await using broker = await startBroker();
    const before = await broker.connect5(persistent);
    await before.subscribe("a", 2);
    for (const qos of [0, 1, 2] as const) {
      await broker.broker.publish("a", `${qos}`, { qos });
      await before.expectMessage({ payload: `${qos}`, qos, dup: false });
    }
    await broker.lose(before);
    for (const qos of [0, 1] as const) await broker.broker.publish("a", `${qos} waited`, { qos });
    const after = await broker.connect5(persistent);
    for (const qos of [1, 2] as const) await after.expectMessage({ payload: `${qos}`, qos, dup: true });
    for (const qos of [0, 1] as const) await after.expectMessage({ payload: `${qos} waited`, qos, dup: false });
    await after.expectNothing();
  },
);

Deno.test("[MQTT-3.3.1-2] 5.0, [MQTT-3.3.1-4] 5.0: DUP at QoS 0 and both QoS bits are malformed", async () => {
  await using broker = await startBroker();
  const body = concat(string("a"), u16(1), 0);
  for (const flags of [0x08, 0x06, 0x0e]) await expectCutOff(broker, packetOf(0x30 | flags, body), MALFORMED);
});

Deno.test("[MQTT-3.3.2-1] 5.0: a topic name that is not UTF-8, or too short for its length, is malformed", async () => {
  await using broker = await startBroker();
  const invalid = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x61, 0x00]];
  for (const bytes of invalid) {
    await expectCutOff(broker, packetOf(0x30, u16(bytes.length), bytes, 0), MALFORMED);
  }
  await expectCutOff(broker, packetOf(0x30, u16(5), [0x61, 0]), MALFORMED);
});

Deno.test("[MQTT-3.3.2-1] 5.0: a topic name keeps every character on its way", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker);
  for (const topicName of ["a", "/", "//", " ", "ä/ö/🚀", "\ufeffa", "x".repeat(65_535)]) {
    await publisher.publish(topicName, "", { qos: 1 });
    await subscriber.expectMessage({ topicName, payload: "" });
  }
});

Deno.test("[MQTT-3.3.2-2] 5.0: a topic name with a wildcard is malformed and reaches nobody", async () => {
  await using broker = await startBroker();
  const [subscriber] = await pair(broker);
  for (const topicName of ["+", "#", "a/+/b", "a/#", "a+"]) {
    await expectCutOff(broker, packetOf(0x30, string(topicName), 0), MALFORMED);
  }
  await subscriber.expectNothing();
});

Deno.test("An empty topic name without an alias is a protocol error", async () => {
  await using broker = await startBroker();
  await expectCutOff(broker, packetOf(0x30, string(""), 0), PROTOCOL_ERROR);
});

Deno.test("[MQTT-3.3.2-3] 5.0: a client is sent what its filters match, under its own name, and nothing else", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect5();
  await subscriber.subscribe(["a/+", "b/#"]);
  const publisher = await broker.connect5();
  for (const topicName of ["a", "a/b", "a/b/c", "b", "b/c/d", "c", "A/b"]) await publisher.publish(topicName, "m");
  for (const topicName of ["a/b", "b", "b/c/d"]) await subscriber.expectMessage({ topicName });
  await subscriber.expectNothing();
});

const everyProperty: MessageProperties = {
  payloadFormatIndicator: 1,
  contentType: "text/plain; ä 🚀",
  responseTopic: parseTopicName("answers/ä"),
  correlationData: Uint8Array.of(0, 255, 0x80, 10, 0),
  userProperties: [["a", "1"], ["b", "2"], ["a", "3"], ["", ""], ["ä", "🚀"], ["a", "1"]],
};

Deno.test(
  "[MQTT-3.3.2-4] 5.0, [MQTT-3.3.2-15] 5.0, [MQTT-3.3.2-16] 5.0, [MQTT-3.3.2-17] 5.0, [MQTT-3.3.2-18] 5.0, " +
    "[MQTT-3.3.2-20] 5.0: properties are passed on unaltered and in their order",
  async () => {
    await using broker = await startBroker();
    const [subscriber, publisher] = await pair(broker, 2);
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a", "m", { qos, properties: everyProperty });
      assertEquals((await subscriber.takeMessage({ qos })).properties, everyProperty);
    }
  },
);

Deno.test(
  "[MQTT-3.3.2-4] 5.0, [MQTT-3.3.2-15] 5.0, [MQTT-3.3.2-16] 5.0, [MQTT-3.3.2-18] 5.0, [MQTT-3.3.2-20] 5.0: " +
    "retained and queued messages and what is sent again keep their properties",
  async () => {
    await using broker = await startBroker();
    const before = await broker.connect5(persistent);
    await before.subscribe("a", 1);
    const publisher = await broker.connect5();
    await publisher.publish("a", "under way", { qos: 1, properties: everyProperty });
    await before.expectMessage({ payload: "under way" });
    await broker.lose(before);
    await publisher.publish("a", "queued", { qos: 1, retain: true, properties: everyProperty });
    const after = await broker.connect5(persistent);
    for (const payload of ["under way", "queued"]) {
      assertEquals((await after.takeMessage({ payload })).properties, everyProperty);
    }
    const late = await broker.connect5();
    await late.subscribe("a", 0);
    assertEquals((await late.takeMessage({ payload: "queued", retain: true })).properties, everyProperty);
  },
);

Deno.test("[MQTT-3.3.2-4] 5.0: a message has no property that its publisher did not give", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker);
  for (const payloadFormatIndicator of [0, 1] as const) {
    await publisher.publish("a", "m", { properties: { payloadFormatIndicator } });
    assertEquals((await subscriber.takeMessage()).properties, { payloadFormatIndicator });
  }
  await publisher.publish("a", "m");
  assertEquals((await subscriber.takeMessage()).properties, undefined);
  await publisher.publish("a", "m", { properties: { contentType: "", correlationData: new Uint8Array() } });
  assertEquals((await subscriber.takeMessage()).properties, { contentType: "", correlationData: new Uint8Array() });
});

Deno.test("Properties as large as they may be are passed on", async () => {
  await using broker = await startBroker({ maxUserProperties: 2000 });
  const [subscriber, publisher] = await pair(broker);
  const properties: MessageProperties = {
    contentType: "x".repeat(65_535),
    correlationData: new Uint8Array(65_535).fill(7),
    userProperties: Array.from({ length: 2_000 }, (_, index) => [`${index % 7}`, `${index}`] as const),
  };
  await publisher.publish("a", "m", { qos: 1, properties });
  assertEquals((await subscriber.takeMessage()).properties, properties);
});

Deno.test(
  "[MQTT-3.3.2-13] 5.0, [MQTT-3.3.2-19] 5.0: a response topic or content type that is not UTF-8 is malformed",
  async () => {
    await using broker = await startBroker();
    for (const identifier of [0x03, 0x08]) {
      const properties = concat(identifier, u16(2), [0xc3, 0x28]);
      await expectCutOff(broker, packetOf(0x30, string("a"), properties.length, properties), MALFORMED);
    }
  },
);

Deno.test("[MQTT-3.3.2-14] 5.0: a response topic with a wildcard is a protocol error", async () => {
  await using broker = await startBroker();
  for (const text of ["a/#", "+"]) {
    const properties = concat(0x08, string(text));
    await expectCutOff(broker, packetOf(0x30, string("a"), properties.length, properties), PROTOCOL_ERROR);
  }
});

Deno.test("[MQTT-3.3.4-6] 5.0: a PUBLISH from a client with a subscription identifier is a protocol error", async () => {
  await using broker = await startBroker();
  const [subscriber] = await pair(broker);
  await expectCutOff(broker, packetOf(0x30, string("a"), 2, 0x0b, 1), PROTOCOL_ERROR);
  await subscriber.expectNothing();
});

Deno.test(
  "[MQTT-3.3.4-2] 5.0, [MQTT-3.3.4-3] 5.0, [MQTT-3.3.4-4] 5.0: overlapping subscriptions give one copy " +
    "with the highest QoS among them and the identifiers of those that have one",
  async () => {
    await using broker = await startBroker();
    const subscriber = await broker.connect5();
    await subscriber.subscribe("a/b", { qos: 0, identifier: 7 });
    await subscriber.subscribe("a/+", { qos: 2, identifier: 268_435_455 });
    await subscriber.subscribe("a/#", { qos: 1 });
    await subscriber.subscribe("+/b", { qos: 1, identifier: 7 });
    await subscriber.subscribe("c", { qos: 1, identifier: 1 });
    const publisher = await broker.connect5();
    for (const qos of [2, 1, 0] as const) {
      await publisher.publish("a/b", "m", { qos });
      const { subscriptionIdentifiers } = await subscriber.takeMessage({ qos });
      assertEquals(new Set(subscriptionIdentifiers), new Set([7, 268_435_455]));
    }
    await publisher.publish("a", "m", { qos: 1 });
    await subscriber.takeMessage({ topicName: "a", qos: 1, subscriptionIdentifiers: undefined });
    await subscriber.expectNothing();
  },
);

Deno.test(
  "[MQTT-3.3.4-5] 5.0: the copies of a shared and another subscription carry the identifier of their own",
  async () => {
    await using broker = await startBroker();
    const subscriber = await broker.connect5();
    await subscriber.subscribe("a", { qos: 0, identifier: 1 });
    await subscriber.subscribe("$share/g/a", { qos: 1, identifier: 2 });
    await broker.broker.publish("a", "m", { qos: 1 });
    const copies = [await subscriber.takeMessage(), await subscriber.takeMessage()];
    assertEquals(copies.map(({ qos, subscriptionIdentifiers }) => [qos, subscriptionIdentifiers]).sort(), [
      [0, [1]],
      [1, [2]],
    ]);
    await subscriber.expectNothing();
  },
);

Deno.test("[MQTT-4.5.0-1] 5.0: a message is added to the session of every client that matches, here or away", async () => {
  await using broker = await startBroker();
  const away = await broker.connect5(persistent);
  await away.subscribe("a/#", 2);
  await away.disconnect();
  const old = await broker.connect();
  await old.subscribe("+/b", 1);
  const here = await broker.connect5();
  await here.subscribe("a/b", 2);
  const publisher = await broker.connect5();
  await publisher.publish("a/b", "m", { qos: 2 });
  await old.takeMessage({ payload: "m", qos: 1 });
  await here.takeMessage({ payload: "m", qos: 2 });
  const back = await broker.connect5(persistent);
  await back.takeMessage({ payload: "m", qos: 2, dup: false });
  await back.expectNothing();
});

Deno.test(
  "[MQTT-4.6.0-5] 5.0, [MQTT-4.6.0-6] 5.0: messages at one QoS reach each subscriber in the order of their arrival",
  async () => {
    await using broker = await startBroker({ maxInflight: 10 });
    const numbers = Array.from({ length: 100 }, (_, index) => `${index}`);
    for (const qos of [0, 1, 2] as const) {
      const topicName = `a${qos}`;
      const hasty = await broker.connect5();
      const slow = await broker.connect5({ receiveMaximum: 1 });
      for (const subscriber of [hasty, slow]) await subscriber.subscribe(topicName, qos);
      const publisher = await broker.connect5();
      for (const payload of numbers) await publisher.publish(topicName, payload, { qos });
      for (const subscriber of [hasty, slow]) {
        for (const payload of numbers) await subscriber.takeMessage({ payload, qos });
      }
    }
  },
);

Deno.test("[MQTT-4.6.0-6] 5.0: topics that one filter matches keep their common order, too", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker, 1);
  const topicNames = Array.from({ length: 60 }, (_, index) => `t/${index % 7}/${index}`);
  await publisher.sendPacket(...topicNames.map((name) => publisher.publishPacket(name, name, { qos: 1 })));
  for (const topicName of topicNames) await subscriber.takeMessage({ topicName, payload: topicName });
});

Deno.test("Every identifier that a 5.0 client gets is its own while the message is under way", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect5();
  await subscriber.subscribe("a", 2);
  const identifiers = new Set<number>();
  for (let index = 0; index < 300; index++) {
    await broker.broker.publish("a", `${index}`, { qos: index % 2 === 0 ? 1 : 2 });
    const { packetIdentifier } = await subscriber.expectMessage({ payload: `${index}` });
    assert(packetIdentifier > 0, "identifier is not 0");
    identifiers.add(packetIdentifier);
  }
  assertEquals(identifiers.size, 300);
});
