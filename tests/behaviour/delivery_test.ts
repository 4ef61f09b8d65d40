/** Messages from the broker to a client (MQTT 3.1.1 §3.3, §4.3, §4.6). */
import { assert, assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

async function subscriberTo(broker: TestBroker, topicFilter: string, qos: QoS): Promise<RawClient> {
  const client = await broker.connect();
  assertEquals(await client.subscribe(topicFilter, qos), [qos]);
  return client;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

Deno.test(
  "At QoS 0 a message is sent once, without identifier or DUP " +
    "[MQTT-4.3.1-1] 3.1.1 [MQTT-2.3.1-5] 3.1.1 [MQTT-3.3.1-2] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const subscriber = await subscriberTo(broker, "a", 0);
    await broker.broker.publish("a", "m");
    // A QoS 0 packet with an identifier would decode with two bytes more of payload.
    await subscriber.expectMessage({ payload: "m", qos: 0, dup: false, packetIdentifier: 0 });
    await subscriber.expectNothing();
  },
);

Deno.test("At QoS 1 a message is held until PUBACK [MQTT-4.3.2-1] 3.1.1", async () => {
  await using broker = await startBroker({ maxInflight: 1 });
  const subscriber = await subscriberTo(broker, "a", 1);
  for (const payload of ["one", "two"]) await broker.broker.publish("a", payload, { qos: 1 });
  const { packetIdentifier } = await subscriber.expectMessage({ payload: "one", qos: 1, dup: false });
  assert(packetIdentifier > 0, "identifier is not 0");
  await subscriber.expectNothing();
  await subscriber.sendAck("Puback", packetIdentifier);
  await subscriber.expectMessage({ payload: "two", qos: 1, dup: false });
});

Deno.test(
  "At QoS 2 PUBREC is answered with PUBREL, and PUBCOMP ends it [MQTT-4.3.3-1] 3.1.1 [MQTT-2.3.1-6] 3.1.1",
  async () => {
    await using broker = await startBroker({ maxInflight: 1 });
    const subscriber = await subscriberTo(broker, "a", 2);
    for (const payload of ["one", "two"]) await broker.broker.publish("a", payload, { qos: 2 });
    const { packetIdentifier } = await subscriber.expectMessage({ payload: "one", qos: 2, dup: false });
    for (let times = 0; times < 2; times++) {
      await subscriber.sendAck("Pubrec", packetIdentifier);
      await subscriber.expectAck("Pubrel", packetIdentifier);
    }
    await subscriber.expectNothing();
    await subscriber.sendAck("Pubcomp", packetIdentifier);
    await subscriber.takeMessage({ payload: "two", qos: 2, dup: false });
    await subscriber.expectNothing();
  },
);

Deno.test("PUBREL comes in the order of PUBREC [MQTT-4.6.0-4] 3.1.1", async () => {
  await using broker = await startBroker();
  const subscriber = await subscriberTo(broker, "a", 2);
  const identifiers: number[] = [];
  for (const payload of numbers(20)) {
    await broker.broker.publish("a", payload, { qos: 2 });
    identifiers.push((await subscriber.expectMessage({ payload })).packetIdentifier);
  }
  identifiers.reverse();
  for (const identifier of identifiers) await subscriber.sendAck("Pubrec", identifier);
  for (const identifier of identifiers) await subscriber.expectAck("Pubrel", identifier);
});

Deno.test("A packet identifier in use is not given again [MQTT-2.3.1-4] 3.1.1 [MQTT-2.3.1-1] 3.1.1", async () => {
  await using broker = await startBroker({ maxInflight: 65_535, queueLimit: 70_000 });
  const subscriber = await subscriberTo(broker, "a", 2);
  await broker.broker.publish("a", "held", { qos: 1 });
  const held = (await subscriber.expectMessage({ payload: "held" })).packetIdentifier;
  await broker.broker.publish("a", "half", { qos: 2 });
  const half = (await subscriber.expectMessage({ payload: "half" })).packetIdentifier;
  await subscriber.sendAck("Pubrec", half);
  await subscriber.expectAck("Pubrel", half);
  // More messages than there are identifiers, so that they come round.
  for (let batch = 0; batch < 66; batch++) {
    for (let index = 0; index < 1000; index++) void broker.broker.publish("a", "", { qos: 1 });
    for (let index = 0; index < 1000; index++) {
      const { packetIdentifier } = await subscriber.takeMessage({ qos: 1 });
      assert(![0, held, half].includes(packetIdentifier), `${packetIdentifier} is in use`);
    }
  }
});

Deno.test("All messages in flight have identifiers of their own [MQTT-2.3.1-4] 3.1.1", async () => {
  await using broker = await startBroker();
  const subscriber = await subscriberTo(broker, "a", 2);
  const identifiers = new Set<number>();
  for (const index of numbers(500)) {
    await broker.broker.publish("a", index, { qos: Number(index) % 2 === 0 ? 1 : 2 });
    identifiers.add((await subscriber.expectMessage({ payload: index })).packetIdentifier);
  }
  assertEquals(identifiers.size, 500);
});

Deno.test("Identifiers of the two directions have nothing to do with each other", async () => {
  await using broker = await startBroker();
  const client = await subscriberTo(broker, "a", 2);
  await broker.broker.publish("a", "down", { qos: 2 });
  const { packetIdentifier } = await client.expectMessage({ payload: "down" });
  await client.sendPublish("b", "up", { qos: 2, packetIdentifier });
  await client.expectAck("Pubrec", packetIdentifier);
  await client.sendAck("Pubrec", packetIdentifier);
  await client.expectAck("Pubrel", packetIdentifier);
  await client.sendAck("Pubrel", packetIdentifier);
  await client.expectAck("Pubcomp", packetIdentifier);
  await client.sendAck("Pubcomp", packetIdentifier);
  await client.expectNothing();
});

Deno.test("A message comes at the lower of its own QoS and the subscription's [MQTT-3.8.4-6] 3.1.1", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect();
  for (const granted of [0, 1, 2] as const) {
    const subscriber = await subscriberTo(broker, "a", granted);
    for (const published of [0, 1, 2] as const) {
      await publisher.publish("a", "m", { qos: published });
      await subscriber.takeMessage({ qos: Math.min(published, granted) as QoS });
    }
  }
});

Deno.test(
  "Messages on one topic reach a subscriber in the order of their publication " +
    "[MQTT-4.6.0-5] 3.1.1 [MQTT-4.6.0-6] 3.1.1",
  async () => {
    await using broker = await startBroker({ maxInflight: 10 });
    const publisher = await broker.connect();
    for (const qos of [0, 1, 2] as const) {
      const subscriber = await subscriberTo(broker, `a${qos}`, qos);
      const packets = numbers(200).map((payload) => publisher.publishPacket(`a${qos}`, payload, { qos }));
      await publisher.sendPacket(...packets);
      for (const [index, { packetIdentifier }] of packets.entries()) {
        // Only as many as max-inflight are accepted before the PUBREL of an earlier one makes room.
        if (qos === 2 && index >= 10) await publisher.expectAck("Pubcomp", packets[index - 10].packetIdentifier);
        if (qos > 0) await publisher.expectAck(qos === 1 ? "Puback" : "Pubrec", packetIdentifier);
        if (qos === 2) await publisher.send([0x62, 2, packetIdentifier >> 8, packetIdentifier & 0xff]);
      }
      for (const payload of numbers(200)) await subscriber.takeMessage({ payload, qos });
    }
  },
);

Deno.test("A message is in the hands of the subscribers before the publisher has PUBACK", async () => {
  await using broker = await startBroker();
  const client = await subscriberTo(broker, "a", 0);
  await client.sendPublish("a", "m", { qos: 1, packetIdentifier: 5 });
  await client.expectMessage({ payload: "m" });
  await client.expectAck("Puback", 5);
});

Deno.test("A subscriber that acknowledges nothing does not hold up another", async () => {
  await using broker = await startBroker({ maxInflight: 5 });
  const silent = await subscriberTo(broker, "a", 1);
  const diligent = await subscriberTo(broker, "a", 1);
  for (const payload of numbers(100)) {
    await broker.broker.publish("a", payload, { qos: 1 });
    await diligent.takeMessage({ payload });
  }
  for (const payload of numbers(5)) await silent.expectMessage({ payload });
  await silent.expectNothing();
});

Deno.test("Every packet from the broker has the flags of its kind [MQTT-2.2.2-1] 3.1.1", async () => {
  await using broker = await startBroker();
  const { hostname, port } = broker.broker.addresses.tcp!;
  const connection = await Deno.connect({ hostname, port });
  const received: number[] = [];
  const client = new RawClient({
    read: async (into) => {
      const count = await connection.read(into);
      received.push(...into.subarray(0, count ?? 0));
      return count;
    },
    write: (bytes) => connection.write(bytes),
    close: () => connection.close(),
  });
  await client.connect();
  await client.subscribe("a", 2);
  await broker.broker.publish("a", "m", { qos: 2 });
  await client.takeMessage({ payload: "m" });
  for (const qos of [1, 2] as const) await client.publish("b", "m", { qos });
  await client.unsubscribe("a");
  await client.expectNothing();
  await client.close();
  assertEquals(firstBytes(received).filter((byte) => !FIRST_BYTES.has(byte)), []);
});

/** CONNACK to PINGRESP with the flags of table 2.2; PUBLISH at QoS 2. */
const FIRST_BYTES = new Set([0x20, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0]);

/** The first byte of each packet; none of them is longer than 127 bytes. */
function firstBytes(bytes: readonly number[]): number[] {
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]!) found.push(bytes[at]!);
  return found;
}
