/** Keep-alive and the time to connect (MQTT 3.1.1 §3.1.2.10). */
import { assertEquals } from "@std/assert";
import { connectPacket } from "../support/raw_client.ts";
import { startBroker } from "../support/test_broker.ts";

const HOUR_MS = 3_600_000;

Deno.test("PINGREQ is answered with PINGRESP [MQTT-3.12.4-1] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  for (let times = 0; times < 3; times++) await client.expectNothing();
});

Deno.test("A client that is silent for 1.5 K is cut off as if lost [MQTT-3.1.2-24] 3.1.1", async () => {
  await using broker = await startBroker();
  const witness = await broker.connect();
  await witness.subscribe("will");
  const client = await broker.connect({ keepAliveSeconds: 10, will: { topicName: "will" } });
  broker.clock.advance(14_000);
  await witness.expectNothing();
  assertEquals(broker.broker.clients.length, 2);
  broker.clock.advance(3_000);
  await client.expectClosed();
  await witness.expectMessage({ topicName: "will" });
});

Deno.test("Every packet starts the interval again [MQTT-3.1.2-24] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ keepAliveSeconds: 10 });
  await client.subscribe("a", 1);
  const packets = [
    () => client.expectNothing(),
    () => client.publish("b", "m", { qos: 2 }),
    () => client.subscribe("c").then(() => {}),
    () => client.unsubscribe("c"),
  ];
  for (const speak of [...packets, ...packets]) {
    broker.clock.advance(14_000);
    await speak();
  }
});

Deno.test("What the broker sends does not keep a silent client alive [MQTT-3.1.2-24] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ keepAliveSeconds: 10 });
  await client.subscribe("a");
  for (let times = 0; times < 2; times++) {
    broker.clock.advance(7_000);
    await broker.broker.publish("a", "m");
    await client.expectMessage();
  }
  broker.clock.advance(3_000);
  await client.expectClosed();
});

Deno.test("A keep-alive of 0 turns it off", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ keepAliveSeconds: 0 });
  broker.clock.advance(48 * HOUR_MS);
  await client.expectNothing();
});

Deno.test("The longest keep-alive is kept to, too", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ keepAliveSeconds: 65_535 });
  broker.clock.advance(97_000_000);
  await client.expectNothing();
  broker.clock.advance(99_000_000);
  await client.expectClosed();
});

Deno.test("With timeout-disconnect-delay a silent client is cut off after K and the delay", async () => {
  await using broker = await startBroker({ timeoutDisconnectDelay: 2 });
  const client = await broker.connect({ keepAliveSeconds: 20 });
  broker.clock.advance(21_000);
  await client.expectNothing();
  broker.clock.advance(24_000);
  await client.expectClosed();
});

Deno.test("timeout-disconnect-delay never goes past 1.5 K [MQTT-3.1.2-24] 3.1.1", async () => {
  await using broker = await startBroker({ timeoutDisconnectDelay: 3600 });
  const client = await broker.connect({ keepAliveSeconds: 10 });
  broker.clock.advance(17_000);
  await client.expectClosed();
});

Deno.test("A connection that says nothing is closed after connect-timeout", async () => {
  await using broker = await startBroker({ connectTimeout: 5 });
  const inMemory = broker.open();
  const tcp = await broker.openTcp();
  // A round trip on another connection shows that the broker has accepted the one before.
  const bystander = await broker.openTcp();
  await bystander.connect();
  broker.clock.advance(7_000);
  await inMemory.expectClosed();
  await tcp.expectClosed();
  await bystander.expectNothing();
});

Deno.test("Half a CONNECT does not hold the connection open", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  const bytes = client.encode(connectPacket());
  await client.send(bytes.subarray(0, 5));
  await (await broker.connect()).expectNothing();
  broker.clock.advance(6_000);
  await client.send(bytes.subarray(5, 8));
  await (await broker.connect()).expectNothing();
  broker.clock.advance(6_000);
  await client.expectClosed();
});

Deno.test("Before sign-in a packet may have 128 KiB and no more", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  await client.send([0x10, 0x81, 0x80, 0x08, 0, 4]);
  await client.expectClosed();
});

Deno.test("A stall of the broker is held against nobody: what was sent meanwhile is read first", async () => {
  await using broker = await startBroker();
  const witness = await broker.connect();
  await witness.subscribe("will");
  const client = await broker.connect({ keepAliveSeconds: 10, will: { topicName: "will" } });
  broker.clock.advance(14_000);
  broker.clock.stall(24_000);
  await client.expectNothing();
  await witness.expectNothing();
  broker.clock.advance(14_000);
  await client.expectNothing();
  broker.clock.advance(17_000);
  await client.expectClosed();
  await witness.expectMessage({ topicName: "will" });
});

Deno.test("On a machine whose ticks are always late silent clients are cut off all the same", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ keepAliveSeconds: 10 });
  for (let ms = 0; ms < 90_000; ms += 500) broker.clock.stall(500);
  await client.expectClosed();
});

Deno.test("A client that is silent after a stall, too, is cut off when its time is over", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ keepAliveSeconds: 10 });
  broker.clock.advance(14_000);
  broker.clock.stall(24_000);
  broker.clock.advance(500);
  assertEquals(broker.broker.clients.length, 1);
  broker.clock.advance(1500);
  await client.expectClosed();
});
