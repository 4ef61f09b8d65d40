/** Retained messages (MQTT 3.1.1 §3.3.1.3). */
import { assertEquals } from "@std/assert";
import type { RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

/** A subscriber that comes after what was published. */
async function late(broker: TestBroker, topicFilter: string | string[] = "#"): Promise<RawClient> {
  const client = await broker.connect();
  await client.subscribe(topicFilter, 2);
  return client;
}

const retained = (broker: TestBroker) =>
  [...broker.broker.retained].map(([topicName, message]) => [topicName, new TextDecoder().decode(message.payload)]);

Deno.test(
  "A retained message is kept with its QoS for those who subscribe later, and sent with RETAIN " +
    "[MQTT-3.3.1-5] 3.1.1 [MQTT-3.3.1-6] 3.1.1 [MQTT-3.3.1-8] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const publisher = await broker.connect();
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a", `${qos}`, { qos, retain: true });
      const subscriber = await late(broker);
      await subscriber.takeMessage({ topicName: "a", payload: `${qos}`, qos, retain: true, dup: false });
      await subscriber.expectNothing();
    }
  },
);

Deno.test("Those who are subscribed already get it without RETAIN [MQTT-3.3.1-9] 3.1.1", async () => {
  await using broker = await startBroker();
  const subscriber = await late(broker);
  const publisher = await broker.connect();
  for (const payload of ["one", "two", ""]) {
    await publisher.publish("a", payload, { qos: 1, retain: true });
    await subscriber.takeMessage({ payload, retain: false });
  }
});

Deno.test("The last retained message of a topic is the one that is sent [MQTT-3.3.1-6] 3.1.1", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect();
  for (const payload of ["first", "second", "third"]) await publisher.publish("a", payload, { qos: 1, retain: true });
  const subscriber = await late(broker);
  await subscriber.takeMessage({ payload: "third" });
  await subscriber.expectNothing();
});

Deno.test("A new subscription gets the retained messages of every topic that matches", async () => {
  await using broker = await startBroker();
  for (const topicName of ["a/1", "a/2", "a/2/x", "b"]) await broker.broker.publish(topicName, "m", { retain: true });
  for (const [filter, expected] of [["a/+", ["a/1", "a/2"]], ["a/#", ["a/1", "a/2", "a/2/x"]], ["c", []]] as const) {
    const subscriber = await late(broker, filter);
    const got: string[] = [];
    for (const _ of expected) got.push((await subscriber.expectMessage({ retain: true })).topicName);
    assertEquals(got.sort(), [...expected]);
    await subscriber.expectNothing();
  }
});

Deno.test("A retained message comes at the lower of its QoS and the subscription's [MQTT-3.8.4-6] 3.1.1", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { qos: 2, retain: true });
  for (const qos of [0, 1, 2] as const) {
    const subscriber = await broker.connect();
    await subscriber.subscribe("a", qos);
    await subscriber.takeMessage({ qos, retain: true });
  }
});

Deno.test("A QoS 0 message takes the place of what was retained at QoS 1 [MQTT-3.3.1-7] 3.1.1", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect();
  await publisher.publish("a", "old", { qos: 1, retain: true });
  await publisher.publish("a", "new", { qos: 0, retain: true });
  const subscriber = await late(broker);
  await subscriber.expectMessage({ payload: "new", qos: 0, retain: true });
});

Deno.test(
  "An empty retained message is delivered, removes the one before and is not kept " +
    "[MQTT-3.3.1-10] 3.1.1 [MQTT-3.3.1-11] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const publisher = await broker.connect();
    for (const qos of [0, 1, 2] as const) {
      const early = await broker.connect();
      await publisher.publish("a", "m", { qos, retain: true });
      await early.subscribe("a", 2);
      await early.takeMessage({ payload: "m", retain: true });
      await publisher.publish("a", "", { qos, retain: true });
      await early.takeMessage({ payload: "", retain: false });
      assertEquals(retained(broker), []);
      await (await late(broker)).expectNothing();
    }
  },
);

Deno.test("An empty retained message on a topic without one changes nothing [MQTT-3.3.1-11] 3.1.1", async () => {
  await using broker = await startBroker();
  await (await broker.connect()).publish("a", "", { qos: 1, retain: true });
  assertEquals(retained(broker), []);
});

Deno.test("A message without RETAIN neither is kept nor changes what is [MQTT-3.3.1-12] 3.1.1", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect();
  await publisher.publish("a", "kept", { qos: 1, retain: true });
  for (const payload of ["passing", ""]) await publisher.publish("a", payload, { qos: 1 });
  await publisher.publish("b", "passing", { qos: 1 });
  assertEquals(retained(broker), [["a", "kept"]]);
});

Deno.test("Subscribing again sends retained messages again [MQTT-3.8.4-3] 3.1.1", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { qos: 1, retain: true });
  const subscriber = await late(broker, "a");
  await subscriber.takeMessage({ retain: true });
  for (let times = 0; times < 3; times++) {
    await subscriber.subscribe("a", 1);
    await subscriber.takeMessage({ payload: "m", retain: true });
  }
  await subscriber.expectNothing();
});

Deno.test("A session that is resumed is not sent retained messages: no subscription is new", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { qos: 1, retain: true });
  const before = await broker.connect({ clientIdentifier: "s", clean: false });
  await before.subscribe("a", 1);
  await before.takeMessage({ retain: true });
  await before.expectNothing();
  await broker.lose(before);
  const after = await broker.connect({ clientIdentifier: "s", clean: false });
  await after.expectNothing();
});

Deno.test("A connection that subscribes to nothing is sent nothing", async () => {
  await using broker = await startBroker();
  const other = await late(broker);
  await broker.broker.publish("a", "m", { retain: true });
  await other.expectMessage();
  const client = await broker.connect();
  await client.expectNothing();
});

Deno.test("A retained message that the client may not receive is not sent", async () => {
  const authorizeReceive = (_: unknown, message: { topicName: string }) =>
    message.topicName === "secret" ? "deny" as const : "allow" as const;
  const plugins = [hooks({ authorizeReceive, authorizeSubscribe: () => "allow", authorizePublish: () => "allow" })];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
  for (const topicName of ["open", "secret"]) await broker.broker.publish(topicName, "m", { retain: true });
  const subscriber = await late(broker);
  await subscriber.expectMessage({ topicName: "open", retain: true });
  await subscriber.expectNothing();
});

Deno.test("A refused subscription is sent no retained messages", async () => {
  const plugins = [hooks({ authorizeSubscribe: () => "deny" })];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
  await broker.broker.publish("a", "m", { retain: true });
  const client = await broker.connect();
  assertEquals(await client.subscribe("a"), [0x80]);
  await client.expectNothing();
});

Deno.test("More retained messages than may be in flight all arrive", async () => {
  await using broker = await startBroker({ maxInflight: 5 });
  const topics = Array.from({ length: 100 }, (_, index) => `a/${index}`);
  for (const topicName of topics) await broker.broker.publish(topicName, "m", { qos: 1, retain: true });
  const subscriber = await late(broker);
  const got = new Set<string>();
  for (const _ of topics) got.add((await subscriber.takeMessage({ retain: true })).topicName);
  assertEquals(got.size, 100);
});

Deno.test("No more retained messages are kept than max-retained says", async () => {
  await using broker = await startBroker({ maxRetained: 2 });
  for (const topicName of ["a", "b", "c"]) await broker.broker.publish(topicName, "m", { retain: true });
  assertEquals(broker.broker.retained.size, 2);
  await broker.broker.publish("a", "new", { retain: true });
  assertEquals(retained(broker).find(([topicName]) => topicName === "a"), ["a", "new"]);
});
