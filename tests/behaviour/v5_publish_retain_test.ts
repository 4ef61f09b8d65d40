/** RETAIN in PUBLISH, and what a SUBSCRIBE brings of it (MQTT 5.0 §3.3.1.3). */
import { assertEquals } from "@std/assert";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

/** What a new subscriber to everything is sent at once, as `topic payload`. */
async function retainedNow(broker: TestBroker): Promise<string[]> {
  const client = await broker.connect5();
  await client.subscribe("#");
  // The broker answers in order, so that all of it stands before the answer to this.
  await broker.broker.publish("end", "");
  const found: string[] = [];
  for (let one = await next(client); one !== "end "; one = await next(client)) found.push(one);
  await client.disconnect();
  return found.sort();
}

async function next(client: RawClient): Promise<string> {
  const { topicName, payload } = await client.expectMessage();
  return `${topicName} ${payload}`;
}

Deno.test(
  "[MQTT-3.3.1-5] 5.0, [MQTT-3.3.1-8] 5.0: only a message with RETAIN is kept, in place of the one before it",
  async () => {
    await using broker = await startBroker();
    const publisher = await broker.connect5();
    await publisher.publish("a", "not kept");
    assertEquals(await retainedNow(broker), []);
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a", `kept ${qos}`, { qos, retain: true });
      assertEquals(await retainedNow(broker), [`a kept ${qos}`]);
    }
    await publisher.publish("a", "live");
    await publisher.publish("a", "");
    await publisher.publish("b", "other", { retain: true });
    assertEquals(await retainedNow(broker), ["a kept 2", "b other"]);
  },
);

Deno.test(
  "[MQTT-3.3.1-6] 5.0, [MQTT-3.3.1-7] 5.0: an empty message with RETAIN is delivered, clears the topic and is not kept",
  async () => {
    await using broker = await startBroker();
    const subscriber = await broker.connect5();
    await subscriber.subscribe({ topicFilter: "a", retainAsPublished: true });
    const publisher = await broker.connect5();
    await publisher.publish("a", "kept", { retain: true });
    await subscriber.expectMessage({ payload: "kept" });
    for (let times = 0; times < 2; times++) {
      await publisher.publish("a", "", { retain: true });
      await subscriber.expectMessage({ topicName: "a", payload: "", retain: true });
      assertEquals(await retainedNow(broker), []);
    }
    assertEquals(broker.broker.retained.size, 0);
  },
);

Deno.test("[MQTT-3.3.1-9] 5.0: retain handling 0 sends what is retained at every SUBSCRIBE", async () => {
  await using broker = await startBroker();
  for (const topicName of ["a/b", "a/c", "d"]) await broker.broker.publish(topicName, "m", { retain: true });
  const subscriber = await broker.connect5();
  for (let times = 0; times < 2; times++) {
    await subscriber.subscribe({ topicFilter: "a/+", retainHandling: 0 });
    const names = [await subscriber.expectMessage({ retain: true }), await subscriber.expectMessage({ retain: true })];
    assertEquals(names.map(({ topicName }) => topicName).sort(), ["a/b", "a/c"]);
    await subscriber.expectNothing();
  }
});

Deno.test("[MQTT-3.3.1-10] 5.0: retain handling 1 sends what is retained for a new subscription only", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { retain: true });
  const persistent = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 3600 } as const;
  const subscriber = await broker.connect5(persistent);
  await subscriber.subscribe({ topicFilter: "a", retainHandling: 1 });
  await subscriber.expectMessage({ payload: "m", retain: true });
  await subscriber.subscribe({ topicFilter: "a", retainHandling: 1, qos: 1 });
  await subscriber.expectNothing();
  await subscriber.disconnect();
  const back = await broker.connect5(persistent);
  await back.subscribe({ topicFilter: "a", retainHandling: 1 });
  await back.expectNothing();
  await back.unsubscribe("a");
  await back.subscribe({ topicFilter: "a", retainHandling: 1 });
  await back.expectMessage({ payload: "m", retain: true });
});

Deno.test("[MQTT-3.3.1-11] 5.0: retain handling 2 sends nothing that is retained", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { retain: true });
  const subscriber = await broker.connect5();
  for (let times = 0; times < 2; times++) {
    await subscriber.subscribe({ topicFilter: "a", retainHandling: 2 });
    await subscriber.expectNothing();
  }
  await broker.broker.publish("a", "live", { retain: true });
  await subscriber.expectMessage({ payload: "live" });
});

Deno.test("[MQTT-3.3.1-12] 5.0: without retain as published a message is forwarded with RETAIN 0", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect5();
  await subscriber.subscribe({ topicFilter: "a", retainAsPublished: false });
  const publisher = await broker.connect5();
  for (const retain of [true, false]) {
    await publisher.publish("a", "m", { retain });
    await subscriber.expectMessage({ retain: false });
  }
});

Deno.test("[MQTT-3.3.1-13] 5.0: with retain as published a message is forwarded with RETAIN as it came", async () => {
  await using broker = await startBroker();
  const persistent = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 3600 } as const;
  const before = await broker.connect5(persistent);
  await before.subscribe({ topicFilter: "a", qos: 1, retainAsPublished: true });
  const publisher = await broker.connect5();
  for (const retain of [true, false]) {
    await publisher.publish("a", "m", { qos: 1, retain });
    await before.takeMessage({ retain });
  }
  await before.disconnect();
  for (const retain of [true, false]) await publisher.publish("a", "m", { qos: 1, retain });
  const after = await broker.connect5(persistent);
  for (const retain of [true, false]) await after.takeMessage({ retain });
});

Deno.test("Retained messages carry the identifier of the subscription that they come for", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { retain: true });
  const subscriber = await broker.connect5();
  await subscriber.subscribe("#", { identifier: 1 });
  await subscriber.expectMessage({ retain: true, subscriptionIdentifiers: [1] });
  await subscriber.subscribe("a", { identifier: 2 });
  await subscriber.expectMessage({ retain: true, subscriptionIdentifiers: [2] });
});

for (const qos of [0, 1, 2] as const) {
  Deno.test(`With retain-available off a retained message at QoS ${qos} ends the connection with 0x9A`, async () => {
    await using broker = await startBroker({ retainAvailable: false });
    const publisher = await broker.connect5();
    assertEquals(publisher.connack.properties?.retainAvailable, false);
    await publisher.publish("a", "m", { qos });
    await publisher.sendPublish("a", "m", { qos, retain: true });
    await publisher.expectDisconnect(0x9a);
    assertEquals(broker.broker.retained.size, 0);
  });
}
