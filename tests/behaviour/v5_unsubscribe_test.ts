/** UNSUBSCRIBE and UNSUBACK of MQTT 5.0 (§3.10, §3.11). */
import { assertEquals } from "@std/assert";
import { binary, packetOf as packet, string, u16 } from "../support/client_codec.ts";
import { unsubscribePacket } from "../support/raw_client.ts";
import { startBroker } from "../support/test_broker.ts";

const ID_1 = u16(1);

const FAULTS: readonly (readonly [what: string, bytes: Uint8Array, reasonCode: number])[] = [
  ["UNSUBSCRIBE without its flag [MQTT-3.10.1-1] 5.0", packet(0xa0, ID_1, 0, string("a")), 0x81],
  ["UNSUBSCRIBE with more flags [MQTT-3.10.1-1] 5.0", packet(0xa6, ID_1, 0, string("a")), 0x81],
  ["UNSUBSCRIBE without properties", packet(0xa2, ID_1), 0x81],
  ["UNSUBSCRIBE without a filter [MQTT-3.10.3-2] 5.0", packet(0xa2, ID_1, 0), 0x82],
  ["a property of SUBSCRIBE in UNSUBSCRIBE", packet(0xa2, ID_1, 2, 0x0b, 1, string("a")), 0x81],
  ["a filter that ends too soon", packet(0xa2, ID_1, 0, 0, 5, 0x61), 0x81],
  ["a surrogate in a filter [MQTT-3.10.3-1] 5.0", packet(0xa2, ID_1, 0, binary([0xed, 0xa0, 0x80])), 0x81],
  ["an overlong form in a filter [MQTT-3.10.3-1] 5.0", packet(0xa2, ID_1, 0, binary([0xc0, 0xaf])), 0x81],
  ["half a character in a filter [MQTT-3.10.3-1] 5.0", packet(0xa2, ID_1, 0, binary([0xe2, 0x82])), 0x81],
  ["NUL in a filter [MQTT-4.7.3-2] 5.0", packet(0xa2, ID_1, 0, binary([0x61, 0x00])), 0x81],
  ["an empty filter [MQTT-4.7.3-1] 5.0", packet(0xa2, ID_1, 0, string("a"), string("")), 0x81],
  ["a filter a/#/b [MQTT-4.7.1-1] 5.0", packet(0xa2, ID_1, 0, string("a/#/b")), 0x81],
];

for (const [what, bytes, reasonCode] of FAULTS) {
  Deno.test(`DISCONNECT with 0x${reasonCode.toString(16)} is the answer to ${what}`, async () => {
    await using broker = await startBroker();
    const options = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 };
    const culprit = await broker.connect5(options);
    await culprit.subscribe("a");
    await culprit.send(bytes);
    await culprit.expectDisconnect(reasonCode);
    assertEquals(broker.broker.statistics.subscriptions, 1, "nothing of it is done");
  });
}

Deno.test(
  "UNSUBSCRIBE is answered with UNSUBACK of its identifier, even for nothing " +
    "[MQTT-3.10.4-4] 5.0 [MQTT-3.10.4-5] 5.0",
  async () => {
    await using broker = await startBroker();
    const client = await broker.connect5();
    for (const identifier of [1, 255, 256, 65_535]) {
      await client.sendPacket(unsubscribePacket(identifier, ["never/subscribed"]));
      const { packetIdentifier, reasonCodes, properties } = await client.expect("Unsuback");
      assertEquals<unknown>([packetIdentifier, [...reasonCodes], properties], [identifier, [0x11], undefined]);
      await client.expectNothing();
    }
  },
);

Deno.test(
  "UNSUBACK has a reason code for each filter, in their order [MQTT-3.11.3-1] 5.0 [MQTT-3.11.3-2] 5.0",
  async () => {
    await using broker = await startBroker();
    const client = await broker.connect5();
    await client.subscribe(["a", "b/#", "$share/g/c"]);
    assertEquals(await client.unsubscribe("x", "a", "b/+", "a", "b/#", "$share/h/c", "c", "$share/g/c"), [
      ...[0x11, 0, 0x11, 0x11, 0, 0x11, 0x11, 0],
    ]);
    assertEquals(broker.broker.statistics.subscriptions, 0);
  },
);

Deno.test("A 3.1.1 client is sent no reason codes in UNSUBACK", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("a");
  assertEquals(await client.unsubscribe("a", "x"), []);
});

Deno.test("UNSUBSCRIBE compares filters character by character [MQTT-3.10.4-1] 5.0", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.subscribe("a/+", 1);
  for (const other of ["a/#", "#", "a/b", "A/+", "a/+/", "+/+", "/a/+", "$share/g/a/+"]) {
    assertEquals(await client.unsubscribe(other), [0x11], other);
  }
  await broker.broker.publish("a/b", "m", { qos: 1 });
  await client.takeMessage({ topicName: "a/b" });
  assertEquals(await client.unsubscribe("a/+"), [0]);
  await broker.broker.publish("a/b", "m", { qos: 1 });
  await client.expectNothing();
});

Deno.test("UNSUBSCRIBE ends the client's own subscription only [MQTT-3.10.4-1] 5.0", async () => {
  await using broker = await startBroker();
  const [client, other] = [await broker.connect5(), await broker.connect5()];
  for (const one of [client, other]) await one.subscribe("a");
  await client.unsubscribe("a");
  await broker.broker.publish("a", "m");
  await other.expectMessage({ topicName: "a" });
  await client.expectNothing();
});

Deno.test("After UNSUBSCRIBE nothing new is added, at no QoS [MQTT-3.10.4-2] 5.0", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  for (const qos of [0, 1, 2] as const) {
    await client.subscribe(["a", "b"], { qos, identifier: 1 });
    await client.unsubscribe("a");
    for (const topicName of ["a", "b"]) await broker.broker.publish(topicName, "m", { qos });
    await client.takeMessage({ topicName: "b", qos });
    await client.expectNothing();
  }
});

Deno.test("UNSUBSCRIBE with several filters acts as several with one UNSUBACK [MQTT-3.10.4-6] 5.0", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.subscribe(["a", "b", "c"]);
  await client.sendPacket(unsubscribePacket(77, ["a", "x", "c"]));
  assertEquals((await client.expect("Unsuback")).packetIdentifier, 77);
  for (const topicName of ["a", "b", "c"]) await broker.broker.publish(topicName, "m");
  await client.expectMessage({ topicName: "b" });
  await client.expectNothing();
});

Deno.test("UNSUBSCRIBE completes the delivery that was begun [MQTT-3.10.4-3] 5.0", async () => {
  await using broker = await startBroker();
  const options = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 };
  const client = await broker.connect5(options);
  await client.subscribe("a", 2);
  for (const [payload, qos] of [["1", 1], ["2", 2], ["3", 2]] as const) {
    await broker.broker.publish("a", payload, { qos });
  }
  const one = await client.expectMessage({ qos: 1 });
  const two = await client.expectMessage({ qos: 2 });
  const three = await client.expectMessage({ qos: 2 });
  await client.unsubscribe("a");
  await client.sendAck("Pubrec", three.packetIdentifier);
  await client.expectAck("Pubrel", three.packetIdentifier, 0);
  await broker.lose(client);
  const again = await broker.connect5(options);
  await again.expectMessage({ ...one, dup: true });
  await again.expectMessage({ ...two, dup: true });
  await again.expectAck("Pubrel", three.packetIdentifier);
  await again.sendAck("Puback", one.packetIdentifier);
  await again.sendAck("Pubrec", two.packetIdentifier);
  await again.expectAck("Pubrel", two.packetIdentifier, 0);
  for (const { packetIdentifier } of [two, three]) await again.sendAck("Pubcomp", packetIdentifier);
  await again.expectNothing();
});

Deno.test("UNSUBSCRIBE holds for the session, and its user properties change nothing", async () => {
  await using broker = await startBroker();
  const options = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 };
  const before = await broker.connect5(options);
  await before.subscribe(["a", "b"], 1);
  await before.send(packet(0xa2, ID_1, 7, 0x26, string("k"), string("v"), string("a")));
  assertEquals<number[]>([...(await before.expect("Unsuback")).reasonCodes], [0]);
  await before.disconnect();
  for (const topicName of ["a", "b"]) await broker.broker.publish(topicName, "m", { qos: 1 });
  const after = await broker.connect5(options);
  await after.takeMessage({ topicName: "b" });
  await after.expectNothing();
});
