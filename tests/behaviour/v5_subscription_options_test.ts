/** The subscription options and identifiers of MQTT 5.0 (§3.8.2.1.2, §3.8.3.1). */
import { assertEquals } from "@std/assert";
import { startBroker } from "../support/test_broker.ts";

Deno.test("With no local a client's own messages do not come to it, others do [MQTT-3.8.3-3] 5.0", async () => {
  await using broker = await startBroker();
  const [client, other] = [await broker.connect5(), await broker.connect5()];
  await client.subscribe({ topicFilter: "a/+", noLocal: true }, 2);
  for (const qos of [0, 1, 2] as const) {
    await client.publish("a/b", "own", { qos });
    await client.expectNothing();
    await other.publish("a/b", "foreign", { qos });
    await client.takeMessage({ payload: "foreign", qos });
  }
  assertEquals(await client.publish("a/b", "own", { qos: 1 }), 0x10, "nobody else is subscribed");
});

Deno.test("No local holds over connections of a client, and ends when it is not asked for again", async () => {
  await using broker = await startBroker();
  const options = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 };
  const before = await broker.connect5(options);
  await before.subscribe({ topicFilter: "a", noLocal: true }, 1);
  await before.disconnect();
  const after = await broker.connect5(options);
  await after.publish("a", "own", { qos: 1 });
  await after.expectNothing();
  await after.subscribe("a", 1);
  await after.sendPublish("a", "own", { qos: 0 });
  await after.expectMessage({ payload: "own" });
});

Deno.test("Where only some of the matching subscriptions have no local, the others decide", async () => {
  await using broker = await startBroker();
  const [client, other] = [await broker.connect5(), await broker.connect5()];
  await client.subscribe({ topicFilter: "a", noLocal: true, qos: 2 }, { identifier: 1 });
  await client.subscribe({ topicFilter: "#", qos: 1 }, { identifier: 2 });
  await client.publish("a", "own", { qos: 2 });
  await client.takeMessage({ payload: "own", qos: 1, subscriptionIdentifiers: [2] });
  await other.publish("a", "foreign", { qos: 2 });
  const { subscriptionIdentifiers } = await client.takeMessage({ payload: "foreign", qos: 2 });
  assertEquals(subscriptionIdentifiers?.toSorted(), [1, 2]);
  await client.expectNothing();
});

Deno.test("Without no local a client gets its own messages, in 3.1.1 too", async () => {
  await using broker = await startBroker();
  for (const protocolVersion of [3, 4, 5] as const) {
    const client = await broker.connect({ protocolVersion });
    await client.subscribe("a");
    await client.sendPublish("a", "own");
    await client.expectMessage({ payload: "own" });
  }
});

Deno.test("With retain as published messages keep their RETAIN flag, else it is 0", async () => {
  await using broker = await startBroker();
  const [kept, cleared, old] = [await broker.connect5(), await broker.connect5(), await broker.connect()];
  await kept.subscribe({ topicFilter: "a", retainAsPublished: true }, 1);
  for (const client of [cleared, old]) await client.subscribe("a", 1);
  const publisher = await broker.connect5();
  for (const retain of [true, false]) {
    for (const qos of [0, 1] as const) {
      await publisher.publish("a", "m", { retain, qos });
      await kept.takeMessage({ retain, qos });
      for (const client of [cleared, old]) await client.takeMessage({ retain: false, qos });
    }
  }
});

Deno.test("Messages for a new subscription have RETAIN 1, whatever retain as published says", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { retain: true });
  for (const retainAsPublished of [true, false]) {
    const client = await broker.connect5();
    await client.subscribe({ topicFilter: "a", retainAsPublished });
    await client.expectMessage({ payload: "m", retain: true });
  }
});

const RETAIN_HANDLING = [
  [0, "each time", ["m", "m"]],
  [1, "for a new subscription only", ["m"]],
  [2, "never", []],
] as const;

for (const [retainHandling, when, expected] of RETAIN_HANDLING) {
  Deno.test(`Retain handling ${retainHandling} sends what is retained ${when}`, async () => {
    await using broker = await startBroker();
    await broker.broker.publish("a", "m", { retain: true });
    const client = await broker.connect5();
    for (let count = 0; count < 2; count++) {
      await client.subscribe({ topicFilter: "a", retainHandling });
      if (expected.length > count) await client.expectMessage({ payload: "m", retain: true });
      await client.expectNothing();
    }
    await broker.broker.publish("a", "live");
    await client.expectMessage({ payload: "live" });
  });
}

Deno.test("Retain handling 1 sends anew what is retained after UNSUBSCRIBE, and not to a resumed session", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { retain: true });
  const options = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 };
  const filter = { topicFilter: "a", retainHandling: 1 } as const;
  const before = await broker.connect5(options);
  await before.subscribe(filter);
  await before.expectMessage({ payload: "m" });
  await before.disconnect();
  const after = await broker.connect5(options);
  await after.subscribe(filter);
  await after.expectNothing();
  await after.unsubscribe("a");
  await after.subscribe(filter);
  await after.expectMessage({ payload: "m" });
});

Deno.test("Retain handling is each filter's own within one SUBSCRIBE", async () => {
  await using broker = await startBroker();
  for (const topicName of ["a", "b", "c"]) await broker.broker.publish(topicName, "m", { retain: true });
  const client = await broker.connect5();
  await client.subscribe([
    { topicFilter: "a", retainHandling: 2 },
    { topicFilter: "b", retainHandling: 1 },
    { topicFilter: "c", retainHandling: 0 },
  ]);
  await client.expectMessage({ topicName: "b" });
  await client.expectMessage({ topicName: "c" });
  await client.expectNothing();
});

Deno.test("A message carries the identifiers of all subscriptions that it matches", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.subscribe(["a/#", "+/b"], { identifier: 1, qos: 1 });
  await client.subscribe("a/b", { identifier: 268_435_455 });
  await client.subscribe("a/+");
  await client.subscribe("x", { identifier: 2 });
  await broker.broker.publish("a/b", "m", { qos: 1 });
  const { subscriptionIdentifiers } = await client.takeMessage({ topicName: "a/b", qos: 1 });
  // The same one twice, for two subscriptions (MQTT 5.0 §3.3.4).
  assertEquals(subscriptionIdentifiers?.toSorted((a, b) => a - b), [1, 1, 268_435_455]);
  await broker.broker.publish("a", "m");
  await client.expectMessage({ topicName: "a", subscriptionIdentifiers: [1] });
  await client.expectNothing();
});

Deno.test("A message that no subscription with an identifier matches carries none", async () => {
  await using broker = await startBroker();
  const [client, other] = [await broker.connect5(), await broker.connect5()];
  await client.subscribe("a");
  await client.subscribe("b", { identifier: 3 });
  await other.subscribe("a", { identifier: 4 });
  await broker.broker.publish("a", "m");
  await client.expectMessage({ topicName: "a", subscriptionIdentifiers: undefined, properties: undefined });
  await other.expectMessage({ topicName: "a", subscriptionIdentifiers: [4] });
});

Deno.test("Subscribing again changes the identifier, or takes it away", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  for (const identifier of [1, 2, undefined, 128]) {
    await client.subscribe("a", { identifier });
    await broker.broker.publish("a", "m");
    await client.expectMessage({ subscriptionIdentifiers: identifier === undefined ? undefined : [identifier] });
  }
});

Deno.test("Retained messages carry the identifier of the subscription they are sent for", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { qos: 1, retain: true });
  const client = await broker.connect5();
  await client.subscribe("a", { identifier: 1, qos: 1 });
  await client.takeMessage({ retain: true, subscriptionIdentifiers: [1] });
  await client.subscribe(["+", "#"], { identifier: 2, qos: 1 });
  await client.takeMessage({ retain: true, subscriptionIdentifiers: [2] });
  await client.takeMessage({ retain: true, subscriptionIdentifiers: [2] });
  await client.subscribe("a");
  await client.takeMessage({ retain: true, subscriptionIdentifiers: undefined });
  await client.expectNothing();
});

Deno.test("A publisher's message with properties reaches identifiers and properties side by side", async () => {
  await using broker = await startBroker();
  const [client, publisher] = [await broker.connect5(), await broker.connect5()];
  await client.subscribe("a", { identifier: 5 });
  const properties = { contentType: "text/plain", userProperties: [["k", "v"]] as const };
  await publisher.publish("a", "m", { properties });
  const message = await client.expectMessage({ subscriptionIdentifiers: [5] });
  assertEquals(message.properties, { contentType: "text/plain", userProperties: [["k", "v"]] });
});
