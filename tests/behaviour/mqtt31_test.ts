/** MQTT 3.1 where it differs from 3.1.1. */
import { assert, assertEquals } from "@std/assert";
import { hooks, startBroker } from "../support/test_broker.ts";

const v31 = { protocolVersion: 3 } as const;
const persistent = { ...v31, clientIdentifier: "s", clean: false } as const;
const IDENTIFIER_REJECTED = 2;

/** CONNECT of client "a" with protocol name MQIsdp and level 3. */
const connectBytes = (
  flags: number,
) => [0x10, 15, 0, 6, ...new TextEncoder().encode("MQIsdp"), 3, flags, 0, 0, 0, 1, 0x61];

Deno.test("MQIsdp at level 3 is let in", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  await client.send(connectBytes(0x02));
  assertEquals((await client.expect("Connack")).reasonCode, 0);
  assertEquals(broker.broker.clients[0]!.protocolVersion, 3);
});

Deno.test("A 3.1 client may set the connect flag that 3.1.1 reserves", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  await client.send(connectBytes(0x03));
  assertEquals((await client.expect("Connack")).reasonCode, 0);
});

Deno.test("3.1 and 3.1.1 clients exchange messages at every QoS", async () => {
  await using broker = await startBroker();
  const old = await broker.connect(v31);
  const recent = await broker.connect();
  for (const client of [old, recent]) await client.subscribe("a", 2);
  for (const qos of [0, 1, 2] as const) {
    await broker.broker.publish("a", "m", { qos });
    for (const client of [old, recent]) await client.takeMessage({ payload: "m", qos });
  }
  const oldPublisher = await broker.connect(v31);
  for (const qos of [0, 1, 2] as const) {
    await oldPublisher.publish("a", "m", { qos });
    for (const client of [old, recent]) await client.takeMessage({ payload: "m", qos });
  }
});

Deno.test("CONNACK of 3.1 does not tell of a session, but the session is there", async () => {
  await using broker = await startBroker();
  const before = await broker.connect(persistent);
  await before.subscribe("a", 1);
  await before.disconnect();
  await broker.broker.publish("a", "m", { qos: 1 });
  const after = broker.open();
  assertEquals((await after.connect(persistent)).sessionPresent, false);
  await after.takeMessage({ payload: "m" });
});

Deno.test("A session goes on when its client changes from 3.1 to 3.1.1", async () => {
  await using broker = await startBroker();
  const before = await broker.connect(persistent);
  await before.subscribe("a", 2);
  await broker.broker.publish("a", "m", { qos: 2 });
  const sent = await before.expectMessage({ payload: "m" });
  await broker.lose(before);
  const after = broker.open();
  assertEquals((await after.connect({ ...persistent, protocolVersion: 4 })).sessionPresent, true);
  await after.takeMessage({ ...sent, dup: true });
});

Deno.test("A refused subscription of a 3.1 client is granted nothing, and logged, since 3.1 has no 0x80", async () => {
  const plugins = [hooks({ authorizeSubscribe: () => "deny" })];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
  const client = await broker.connect(v31);
  assertEquals(await client.subscribe("forbidden/place", 2), [0]);
  await broker.broker.publish("forbidden/place", "m");
  await client.expectNothing();
  assert(broker.log.lines.some((line) => line.includes("forbidden/place")), broker.log.lines.join("\n"));
});

Deno.test("A 3.1 client may set DUP on SUBSCRIBE, UNSUBSCRIBE and PUBREL", async () => {
  await using broker = await startBroker();
  const client = await broker.connect(v31);
  await client.send([0x8a, 6, 0, 1, 0, 1, 0x61, 0]);
  await client.expect("Suback");
  await client.send([0xaa, 5, 0, 2, 0, 1, 0x61]);
  await client.expect("Unsuback");
  await client.send([0x6a, 2, 0, 3]);
  await client.expectAck("Pubcomp", 3);
});

Deno.test("A 3.1 client with an empty identifier is refused with return code 2", async () => {
  await using broker = await startBroker();
  for (const clean of [true, false]) {
    const client = broker.open();
    assertEquals(
      (await client.connect({ ...v31, clientIdentifier: "", clean })).reasonCode as number,
      IDENTIFIER_REJECTED,
    );
    await client.expectClosed();
  }
});

Deno.test("The will of a 3.1 client is published", async () => {
  await using broker = await startBroker();
  const witness = await broker.connect();
  await witness.subscribe("will", 1);
  const client = await broker.connect({ ...v31, will: { topicName: "will", payload: "gone", qos: 1, retain: true } });
  await client.close();
  await witness.takeMessage({ payload: "gone" });
  assertEquals(broker.broker.retained.size, 1);
});

Deno.test("A 3.1 client that breaks the protocol is cut off", async () => {
  await using broker = await startBroker();
  for (const bytes of [[0xf0, 0], [0x36, 5, 0, 1, 0x61, 0, 1], [0x30, 5, 0, 3, 0x61, 0x2f, 0x23]]) {
    const client = await broker.connect(v31);
    await client.send(bytes);
    await client.expectClosed();
  }
});
