/** MQTT 3.1 where it differs from 3.1.1. */
import { assert, assertEquals } from "@std/assert";
import { connectPacket } from "../support/raw_client.ts";
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

Deno.test("A 3.1 client may set flags of the first byte that a packet does not use", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  await client.send(Uint8Array.from(connectBytes(0x02)).with(0, 0x14));
  await client.expect("Connack");
  await client.send([0x83, 6, 0, 1, 0, 1, 0x61, 1]);
  await client.expect("Suback");
  await broker.broker.publish("a", "m", { qos: 1 });
  const { packetIdentifier } = await client.expectMessage({ payload: "m" });
  await client.send([0x4f, 2, 0, packetIdentifier]);
  await client.send([0xc8, 0]);
  await client.expect("Pingresp");
  await client.send([0xe1, 0]);
  await client.expectClosed();
});

Deno.test("[MQTT-2.2.2-2] 3.1.1, [MQTT-2.1.3-1] 5.0: a CONNECT with flags in its first byte is refused", async () => {
  await using broker = await startBroker();
  const old = broker.open();
  await old.send(old.encode(connectPacket({ clientIdentifier: "a" })).with(0, 0x14));
  await old.expectClosed();
  const recent = broker.open();
  await recent.send(recent.encode(connectPacket({ clientIdentifier: "a", protocolVersion: 5 })).with(0, 0x14));
  assertEquals<number>((await recent.expect("Connack")).reasonCode, 0x81);
  await recent.expectClosed();
});

/** A packet whose remaining length has a byte more than it needs. */
const padded = ([first, length, ...body]: Iterable<number>) => [first!, length! | 0x80, 0, ...body];

Deno.test("Before 5.0 a remaining length may be longer than need be, in CONNECT and behind it", async () => {
  await using broker = await startBroker();
  for (const protocolVersion of [3, 4] as const) {
    const client = broker.open();
    await client.send(padded(client.encode(connectPacket({ clientIdentifier: "a", protocolVersion }))));
    await client.expect("Connack");
    await client.send(padded([0xc0, 0]));
    await client.expect("Pingresp");
    await client.send(padded([0x82, 6, 0, 1, 0, 1, 0x61, 0]));
    await client.expect("Suback");
  }
});

Deno.test("[MQTT-1.5.5-1] 5.0: a remaining length that is longer than need be is malformed, in CONNECT and behind it", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  await client.send(padded(client.encode(connectPacket({ clientIdentifier: "a", protocolVersion: 5 }))));
  assertEquals<number>((await client.expect("Connack")).reasonCode, 0x81);
  await client.expectClosed();
  const other = await broker.connect5();
  await other.send(padded([0xc0, 0]));
  await other.expectDisconnect(0x81);
});
