/** Session state of MQTT 5.0 (§3.1.2.4, §3.1.2.11.2, §4.1): clean start, expiry, taking over. */
import { assertEquals } from "@std/assert";
import type { ConnectOptions, RawClient } from "../support/raw_client.ts";
import { anybody, startBroker, type TestBroker } from "../support/test_broker.ts";

const NEVER_SECONDS = 0xffff_ffff;
const HOUR_MS = 3_600_000;

/** A client "s" of 5.0 that is signed in. */
const connect = (broker: TestBroker, options: Omit<ConnectOptions, "protocolVersion"> = {}) =>
  broker.connect5({ clientIdentifier: "s", clean: false, ...options });

/** Signs in as "s", which subscribes to `a`, and leaves with a message waiting. */
async function leaveSession(broker: TestBroker, sessionExpiryIntervalSeconds: number): Promise<void> {
  const client = await connect(broker, { sessionExpiryIntervalSeconds });
  await client.subscribe("a", 1);
  await broker.lose(client);
  await broker.broker.publish("a", "waiting", { qos: 1 });
}

/** Whether the session was there, as CONNACK says it and as the messages show. */
async function isResumed(client: RawClient): Promise<boolean> {
  const { sessionPresent } = client.connack;
  if (sessionPresent) await client.takeMessage({ topicName: "a", payload: "waiting" });
  await client.expectNothing();
  return sessionPresent;
}

Deno.test("[MQTT-3.1.2-5] 5.0, [MQTT-3.2.2-3] 5.0: without clean start the session goes on", async () => {
  await using broker = await startBroker();
  await leaveSession(broker, 100);
  assertEquals(await isResumed(await connect(broker)), true);
});

Deno.test("[MQTT-3.1.2-6] 5.0, [MQTT-3.2.2-3] 5.0: without clean start and a session there is a new one", async () => {
  await using broker = await startBroker();
  const client = await connect(broker, { sessionExpiryIntervalSeconds: 100 });
  assertEquals(client.connack.sessionPresent, false);
  await broker.lose(client);
  assertEquals((await connect(broker)).connack.sessionPresent, true);
});

Deno.test("[MQTT-3.1.2-4] 5.0, [MQTT-3.1.4-4] 5.0, [MQTT-3.2.2-2] 5.0: clean start ends the earlier session", async () => {
  await using broker = await startBroker();
  await leaveSession(broker, NEVER_SECONDS);
  const client = await connect(broker, { clean: true, sessionExpiryIntervalSeconds: 100 });
  assertEquals([client.connack.reasonCode, await isResumed(client)], [0, false]);
  await broker.broker.publish("a", "not subscribed any longer", { qos: 1 });
  await client.expectNothing();
  await broker.lose(client);
  assertEquals((await connect(broker)).connack.sessionPresent, true);
});

Deno.test("[MQTT-3.1.3-2] 5.0: sessions are told apart by the client identifier", async () => {
  await using broker = await startBroker();
  await leaveSession(broker, 100);
  for (const clientIdentifier of ["S", "s2", "\uFEFFs"]) {
    const other = await connect(broker, { clientIdentifier, sessionExpiryIntervalSeconds: 100 });
    assertEquals(other.connack.sessionPresent, false);
    await other.expectNothing();
  }
  assertEquals(await isResumed(await connect(broker)), true);
});

Deno.test("[MQTT-3.1.2-23] 5.0, [MQTT-4.1.0-2] 5.0: a session is kept for its expiry interval and no longer", async () => {
  for (const [waitedMs, resumed] of [[9_000, true], [10_500, false]] as const) {
    await using broker = await startBroker();
    await leaveSession(broker, 10);
    broker.clock.advance(waitedMs);
    assertEquals(await isResumed(await connect(broker)), resumed, `after ${waitedMs} ms`);
  }
});

Deno.test("[MQTT-4.1.0-2] 5.0: without a session expiry interval, or with 0, the session ends with its connection", async () => {
  for (const options of [{}, { sessionExpiryIntervalSeconds: 0 }]) {
    await using broker = await startBroker();
    const client = await connect(broker, options);
    await client.subscribe("a", 1);
    await broker.lose(client);
    await broker.broker.publish("a", "waiting", { qos: 1 });
    assertEquals(await isResumed(await connect(broker, { sessionExpiryIntervalSeconds: 9 })), false);
  }
});

Deno.test("[MQTT-4.1.0-1] 5.0: a session does not expire while its client is connected", async () => {
  await using broker = await startBroker();
  for (const sessionExpiryIntervalSeconds of [0, 1]) {
    const client = await connect(broker, { sessionExpiryIntervalSeconds });
    await client.subscribe("a");
    broker.clock.advance(HOUR_MS);
    await broker.broker.publish("a", "m");
    await client.expectMessage({ payload: "m" });
    await broker.lose(client);
    broker.clock.advance(1_500);
  }
});

Deno.test("The interval begins again with each loss of the connection", async () => {
  await using broker = await startBroker();
  await leaveSession(broker, 10);
  broker.clock.advance(8_000);
  await broker.lose(await connect(broker, { sessionExpiryIntervalSeconds: 10 }));
  broker.clock.advance(8_000);
  assertEquals(await isResumed(await connect(broker)), true);
});

Deno.test("The interval of the last CONNECT counts", async () => {
  await using broker = await startBroker();
  await leaveSession(broker, NEVER_SECONDS);
  await broker.lose(await connect(broker, { sessionExpiryIntervalSeconds: 5 }));
  broker.clock.advance(6_000);
  assertEquals((await connect(broker)).connack.sessionPresent, false);
});

Deno.test("A session with 0xFFFFFFFF never expires, unless the listener has a cap [MQTT-3.1.2-23] 5.0", async () => {
  for (const [cap, resumed] of [[undefined, true], [60, false]] as const) {
    await using broker = await startBroker(cap === undefined ? {} : { maxSessionExpiryInterval: cap });
    await leaveSession(broker, NEVER_SECONDS);
    broker.clock.advance(120_000);
    assertEquals(await isResumed(await connect(broker)), resumed, `cap ${cap}`);
  }
});

Deno.test("DISCONNECT changes the session expiry interval", async () => {
  for (const [before, after, waitedMs, resumed] of [[10, 100, 50_000, true], [100, 10, 50_000, false]] as const) {
    await using broker = await startBroker();
    const client = await connect(broker, { sessionExpiryIntervalSeconds: before });
    await client.subscribe("a", 1);
    await client.disconnect(0, { sessionExpiryIntervalSeconds: after });
    await broker.broker.publish("a", "waiting", { qos: 1 });
    broker.clock.advance(waitedMs);
    assertEquals(await isResumed(await connect(broker)), resumed, `${before} s, then ${after} s`);
  }
});

Deno.test("DISCONNECT with session expiry interval 0 ends the session at once", async () => {
  await using broker = await startBroker();
  const client = await connect(broker, { sessionExpiryIntervalSeconds: NEVER_SECONDS });
  await client.disconnect(0, { sessionExpiryIntervalSeconds: 0 });
  assertEquals((await connect(broker)).connack.sessionPresent, false);
});

Deno.test("DISCONNECT cannot lift the interval above the listener's cap", async () => {
  await using broker = await startBroker({ maxSessionExpiryInterval: 20 });
  const client = await connect(broker, { sessionExpiryIntervalSeconds: 10 });
  await client.disconnect(0, { sessionExpiryIntervalSeconds: NEVER_SECONDS });
  broker.clock.advance(21_000);
  assertEquals((await connect(broker)).connack.sessionPresent, false);
});

Deno.test("DISCONNECT must not make an interval of 0 longer: 0x82, and the will is published [MQTT-4.13.1-1] 5.0", async () => {
  await using broker = await startBroker();
  const witness = await broker.connect5();
  await witness.subscribe("will");
  for (const options of [{}, { sessionExpiryIntervalSeconds: 0 }]) {
    const client = await connect(broker, { ...options, will: { topicName: "will" } });
    await client.sendPacket({ type: 14, reasonCode: 0, properties: { sessionExpiryIntervalSeconds: 1 } });
    await client.expectDisconnect(0x82);
    await witness.expectMessage({ topicName: "will" });
  }
  assertEquals((await connect(broker)).connack.sessionPresent, false);
});

Deno.test("DISCONNECT must not make an interval of 0 longer either where the listener grants nothing", async () => {
  await using broker = await startBroker({ maxSessionExpiryInterval: 0 });
  for (const options of [{}, { sessionExpiryIntervalSeconds: 0 }]) {
    const client = await connect(broker, options);
    await client.sendPacket({ type: 14, reasonCode: 0, properties: { sessionExpiryIntervalSeconds: 5 } });
    await client.expectDisconnect(0x82);
  }
});

Deno.test("DISCONNECT may repeat the 0 of CONNECT, or ask again where the listener has made 0 of it", async () => {
  await using broker = await startBroker({ maxSessionExpiryInterval: 0 });
  const witness = await broker.connect5();
  await witness.subscribe("will");
  for (const seconds of [0, 100]) {
    const client = await connect(broker, { sessionExpiryIntervalSeconds: seconds, will: { topicName: "will" } });
    await client.disconnect(0, { sessionExpiryIntervalSeconds: seconds });
    assertEquals((await connect(broker)).connack.sessionPresent, false);
  }
  await witness.expectNothing();
});

Deno.test("[MQTT-3.1.4-3] 5.0, [MQTT-4.1.0-1] 5.0: a second connection takes the session over, the first gets 0x8E", async () => {
  await using broker = await startBroker();
  const first = await connect(broker, { sessionExpiryIntervalSeconds: 100 });
  await first.subscribe("a", 1);
  await broker.broker.publish("a", "waiting", { qos: 1 });
  await first.expectMessage({ payload: "waiting" });
  const second = await connect(broker, { sessionExpiryIntervalSeconds: 100 });
  await first.expectDisconnect(0x8e);
  assertEquals(second.connack.sessionPresent, true);
  await second.takeMessage({ payload: "waiting", dup: true });
  await second.expectNothing();
  assertEquals(broker.broker.clients.length, 1);
});

Deno.test("A connection whose session is to end with it leaves nothing to who takes over", async () => {
  await using broker = await startBroker();
  const first = await connect(broker);
  const second = await connect(broker, { sessionExpiryIntervalSeconds: 100 });
  await first.expectDisconnect(0x8e);
  assertEquals(second.connack.sessionPresent, false);
});

for (const [from, to] of [[3, 5], [4, 5], [5, 3], [5, 4], [5, 5]] as const) {
  const options = (protocolVersion: 3 | 4 | 5) =>
    ({ clientIdentifier: "s", clean: false, protocolVersion, ...protocolVersion === 5 && LONG }) as const;
  const LONG = { sessionExpiryIntervalSeconds: 100 };

  Deno.test(`A session of version ${from} is taken over by version ${to} [MQTT-3.1.4-3] 5.0`, async () => {
    await using broker = await startBroker();
    const first = await broker.connect(options(from));
    await first.subscribe("a", 2);
    await broker.broker.publish("a", "sent", { qos: 2 });
    const { packetIdentifier } = await first.expectMessage({ payload: "sent", qos: 2 });
    const second = await broker.connect(options(to));
    if (from === 5) await first.expectDisconnect(0x8e);
    else await first.expectClosed();
    // 3.1 has no bit for it.
    assertEquals(second.connack.sessionPresent, to !== 3);
    await second.takeMessage({ payload: "sent", qos: 2, dup: true, packetIdentifier });
    await broker.broker.publish("a", "new", { qos: 1 });
    await second.takeMessage({ payload: "new", qos: 1 });
  });

  Deno.test(`A session of version ${from} that is away goes on with version ${to}`, async () => {
    await using broker = await startBroker();
    const first = await broker.connect(options(from));
    await first.subscribe("a", 1);
    await broker.lose(first);
    await broker.broker.publish("a", "waiting", { qos: 1, properties: { contentType: "text" } });
    const second = await broker.connect(options(to));
    await second.takeMessage({ payload: "waiting", properties: to === 5 ? { contentType: "text" } : undefined });
  });
}

Deno.test("A 3.1.1 session that 5.0 takes up gets the expiry that 5.0 says, and the other way about", async () => {
  await using broker = await startBroker({ sessionExpiryInterval: 1000 });
  await broker.lose(await broker.connect({ clientIdentifier: "s", clean: false }));
  await broker.lose(await connect(broker, { sessionExpiryIntervalSeconds: 10 }));
  broker.clock.advance(11_000);
  assertEquals((await connect(broker, { sessionExpiryIntervalSeconds: 10 })).connack.sessionPresent, false);
  const again = await broker.connect({ clientIdentifier: "s", clean: false });
  assertEquals(again.connack.sessionPresent, true);
  await broker.lose(again);
  broker.clock.advance(900_000);
  assertEquals((await connect(broker)).connack.sessionPresent, true);
});

Deno.test("Who may not have a session does not take it over", async () => {
  await using broker = await startBroker({ auth: anybody });
  const owner = await connect(broker, { username: "ann", sessionExpiryIntervalSeconds: 100 });
  const stranger = broker.open();
  const { reasonCode } = await stranger.connect({ protocolVersion: 5, clientIdentifier: "s", username: "bob" });
  assertEquals(reasonCode, 0x85);
  await stranger.expectClosed();
  await owner.expectNothing();
  await broker.lose(owner);
  const later = broker.open();
  const options = { protocolVersion: 5, clientIdentifier: "s", username: "bob", clean: false } as const;
  const { reasonCode: laterCode, sessionPresent } = await later.connect(options);
  assertEquals([laterCode, sessionPresent], [0, false], "a session without a client is replaced by a new one");
});
