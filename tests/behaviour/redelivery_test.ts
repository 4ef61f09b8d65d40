/** What is sent again after a reconnect, and what is not (MQTT 3.1.1 §4.4, §4.6). */
import { assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const persistent = { clientIdentifier: "s", clean: false } as const;

async function persistentSubscriber(broker: TestBroker, qos: QoS): Promise<RawClient> {
  const client = await broker.connect(persistent);
  await client.subscribe("a", qos);
  return client;
}

/** Cuts the connection off and makes another of the same session. */
async function reconnect(broker: TestBroker, client: RawClient): Promise<RawClient> {
  await broker.lose(client);
  return await broker.connect(persistent);
}

Deno.test(
  "Unacknowledged messages are sent again in their order, with DUP and their identifiers " +
    "[MQTT-4.4.0-1] 3.1.1 [MQTT-3.3.1-1] 3.1.1 [MQTT-4.6.0-1] 3.1.1 [MQTT-2.3.1-4] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const before = await persistentSubscriber(broker, 2);
    const sent = [];
    for (let index = 0; index < 30; index++) {
      await broker.broker.publish("a", `${index}`, { qos: index % 3 === 0 ? 1 : 2 });
      sent.push(await before.expectMessage({ payload: `${index}`, dup: false }));
    }
    const after = await reconnect(broker, before);
    for (const message of sent) await after.takeMessage({ ...message, dup: true });
    await after.expectNothing();
  },
);

Deno.test("What was acknowledged is not sent again", async () => {
  await using broker = await startBroker();
  const before = await persistentSubscriber(broker, 2);
  for (const qos of [0, 1, 2] as const) {
    await broker.broker.publish("a", "m", { qos });
    await before.takeMessage({ qos });
  }
  await before.expectNothing();
  const after = await reconnect(broker, before);
  await after.expectNothing();
});

Deno.test("A QoS 0 message is not sent again [MQTT-3.3.1-2] 3.1.1", async () => {
  await using broker = await startBroker();
  const before = await persistentSubscriber(broker, 2);
  await broker.broker.publish("a", "0", { qos: 0 });
  await before.expectMessage({ payload: "0" });
  const after = await reconnect(broker, before);
  await after.expectNothing();
});

Deno.test(
  "After PUBREC it is PUBREL that is sent again, not PUBLISH [MQTT-4.4.0-1] 3.1.1 [MQTT-4.3.3-1] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const first = await persistentSubscriber(broker, 2);
    await broker.broker.publish("a", "m", { qos: 2 });
    const { packetIdentifier } = await first.expectMessage({ payload: "m" });
    await first.sendAck("Pubrec", packetIdentifier);
    await first.expectAck("Pubrel", packetIdentifier);
    const second = await reconnect(broker, first);
    await second.expectAck("Pubrel", packetIdentifier);
    await second.expectNothing();
    const third = await reconnect(broker, second);
    await third.expectAck("Pubrel", packetIdentifier);
    await third.sendAck("Pubcomp", packetIdentifier);
    await third.expectNothing();
    const fourth = await reconnect(broker, third);
    await fourth.expectNothing();
  },
);

Deno.test("PUBLISH and PUBREL that wait are sent again in the order of the messages [MQTT-4.6.0-1] 3.1.1", async () => {
  await using broker = await startBroker();
  const before = await persistentSubscriber(broker, 2);
  const sent = [];
  for (const payload of ["0", "1", "2", "3"]) {
    await broker.broker.publish("a", payload, { qos: 2 });
    sent.push(await before.expectMessage({ payload }));
  }
  for (const index of [0, 1]) {
    await before.sendAck("Pubrec", sent[index]!.packetIdentifier);
    await before.expectAck("Pubrel", sent[index]!.packetIdentifier);
  }
  const after = await reconnect(broker, before);
  for (const index of [0, 1]) await after.expectAck("Pubrel", sent[index]!.packetIdentifier);
  for (const index of [2, 3]) await after.expectMessage({ ...sent[index], dup: true });
});

Deno.test("What was in flight comes before what waited, and what waited before what is new", async () => {
  await using broker = await startBroker({ maxInflight: 2 });
  const before = await persistentSubscriber(broker, 1);
  for (const payload of ["0", "1", "2", "3"]) await broker.broker.publish("a", payload, { qos: 1 });
  for (const payload of ["0", "1"]) await before.expectMessage({ payload });
  await broker.lose(before);
  await broker.broker.publish("a", "4", { qos: 1 });
  const after = await broker.connect(persistent);
  await broker.broker.publish("a", "5", { qos: 1 });
  for (const payload of ["0", "1", "2", "3", "4", "5"]) {
    await after.takeMessage({ payload, dup: payload < "2" });
  }
  await after.expectNothing();
});

Deno.test("Identifiers in flight stay in use across a reconnect [MQTT-2.3.1-4] 3.1.1", async () => {
  await using broker = await startBroker();
  const before = await persistentSubscriber(broker, 1);
  const identifiers = new Set<number>();
  for (const payload of ["0", "1", "2"]) {
    await broker.broker.publish("a", payload, { qos: 1 });
    identifiers.add((await before.expectMessage({ payload })).packetIdentifier);
  }
  const after = await reconnect(broker, before);
  for (const payload of ["0", "1", "2"]) await after.expectMessage({ payload, dup: true });
  for (const payload of ["3", "4", "5"]) {
    await broker.broker.publish("a", payload, { qos: 1 });
    identifiers.add((await after.expectMessage({ payload, dup: false })).packetIdentifier);
  }
  assertEquals(identifiers.size, 6);
});

Deno.test("On a living connection nothing is sent twice, however long the acknowledgement takes", async () => {
  await using broker = await startBroker();
  const subscriber = await persistentSubscriber(broker, 1);
  await broker.broker.publish("a", "m", { qos: 1 });
  const { packetIdentifier } = await subscriber.expectMessage({ payload: "m" });
  broker.clock.advance(3_600_000);
  await subscriber.expectNothing();
  await subscriber.sendAck("Puback", packetIdentifier);
  await subscriber.expectNothing();
  const after = await reconnect(broker, subscriber);
  await after.expectNothing();
});

Deno.test("Messages in flight wait for as long as the session does", async () => {
  await using broker = await startBroker();
  const before = await persistentSubscriber(broker, 2);
  await broker.broker.publish("a", "m", { qos: 2 });
  const sent = await before.expectMessage({ payload: "m" });
  await broker.lose(before);
  broker.clock.advance(3_600_000);
  const after = await broker.connect(persistent);
  await after.takeMessage({ ...sent, dup: true });
});

Deno.test("An acknowledgement of the wrong kind for an identifier in use closes the connection, with 0x82 in 5.0", async () => {
  await using broker = await startBroker();
  for (const protocolVersion of [4, 5] as const) {
    for (const [name, qos] of [["Pubrec", 1], ["Pubcomp", 1], ["Puback", 2], ["Pubcomp", 2]] as const) {
      const client = await broker.connect({ protocolVersion });
      await client.subscribe("a", qos);
      await broker.broker.publish("a", "m", { qos });
      await client.sendAck(name, (await client.expectMessage()).packetIdentifier);
      if (protocolVersion === 5) await client.expectDisconnect(0x82);
      else await client.expectClosed();
    }
  }
});
