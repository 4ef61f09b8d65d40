/** The will of MQTT 5.0 (§3.1.2.5, §3.1.3.2): its delay, its properties, and why one is refused. */
import { assert, assertEquals } from "@std/assert";
import type { ConnectionLimits } from "../../src/config/config.ts";
import type { Refusal } from "../../src/hooks/plugin.ts";
import { type ConnectOptions, connectPacket, type RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const will = { topicName: "will", payload: "gone", qos: 1 } as const;
const delayed = { ...will, delayIntervalSeconds: 10 };

async function witnessOf(broker: TestBroker): Promise<RawClient> {
  const witness = await broker.connect5({ clientIdentifier: "witness" });
  await witness.subscribe("will", 2);
  return witness;
}

/** Client "w" of 5.0, whose session lasts long unless told otherwise. */
const connect = (broker: TestBroker, options: Omit<ConnectOptions, "protocolVersion"> = {}) =>
  broker.connect5({ clientIdentifier: "w", clean: false, sessionExpiryIntervalSeconds: 1000, ...options });

/** What ends a connection without DISCONNECT 0x00. */
const TRIGGERS: Record<string, (broker: TestBroker, client: RawClient) => void | Promise<void>> = {
  "the connection breaks": (broker, client) => broker.lose(client),
  "the client says DISCONNECT 0x04": (_, client) => client.disconnect(0x04),
  "the client says DISCONNECT 0x80": (_, client) => client.disconnect(0x80),
  "the client breaks the protocol": async (_, client) => {
    await client.send([0xc1, 0]);
    await client.expectDisconnect(0x81);
  },
  "the keep-alive interval has run out": async (broker, client) => {
    broker.clock.advance(18_000);
    await client.expectDisconnect(0x8d);
  },
  "the host program cuts the client off": async (broker, client) => {
    broker.broker.disconnect("w");
    await client.expectDisconnect(0x98);
  },
  "another connection takes over": async (broker, client) => {
    await connect(broker);
    await client.expectDisconnect(0x8e);
  },
};

for (const [trigger, pull] of Object.entries(TRIGGERS)) {
  const clauses = "[MQTT-3.1.2-7] 5.0 [MQTT-3.1.2-8] 5.0 [MQTT-3.1.2-10] 5.0";
  Deno.test(`A will without delay is published, once, when ${trigger} ${clauses}`, async () => {
    await using broker = await startBroker();
    const witness = await witnessOf(broker);
    const client = await connect(broker, { keepAliveSeconds: 10, will });
    await witness.expectNothing();
    await pull(broker, client);
    await witness.takeMessage({ ...will, retain: false });
    await broker.lose(await connect(broker));
    broker.clock.advance(20_000);
    await witness.expectNothing();
  });
}

Deno.test("[MQTT-3.14.4-3] 5.0, [MQTT-3.1.2-8] 5.0, [MQTT-3.1.2-10] 5.0: DISCONNECT 0x00 discards the will", async () => {
  for (const mine of [will, delayed]) {
    await using broker = await startBroker();
    const witness = await witnessOf(broker);
    const client = await connect(broker, { will: mine, sessionExpiryIntervalSeconds: 20 });
    await client.disconnect();
    broker.clock.advance(30_000);
    await witness.expectNothing();
  }
});

Deno.test("DISCONNECT without a body is one with 0x00 [MQTT-3.14.4-3] 5.0", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  const client = await connect(broker, { will });
  await client.send([0xe0, 0]);
  await client.expectClosed();
  await witness.expectNothing();
});

Deno.test("[MQTT-3.1.2-8] 5.0: a will is published when its delay is over, and no sooner", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  await broker.lose(await connect(broker, { will: delayed }));
  broker.clock.advance(9_500);
  await witness.expectNothing();
  broker.clock.advance(1_000);
  await witness.takeMessage({ topicName: "will", payload: "gone", qos: 1 });
  assertEquals((await connect(broker)).connack.sessionPresent, true);
  broker.clock.advance(20_000);
  await witness.expectNothing();
});

Deno.test("[MQTT-3.1.2-8] 5.0: a will is published at the session's end if that is sooner than its delay's", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  const client = await connect(broker, { will: delayed, sessionExpiryIntervalSeconds: 5 });
  await broker.lose(client);
  broker.clock.advance(4_500);
  await witness.expectNothing();
  broker.clock.advance(1_000);
  await witness.takeMessage({ payload: "gone" });
  broker.clock.advance(20_000);
  await witness.expectNothing();
});

Deno.test("[MQTT-3.1.2-8] 5.0: the will of a session that ends with its connection does not wait", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  await broker.lose(await connect(broker, { will: delayed, sessionExpiryIntervalSeconds: 0 }));
  await witness.takeMessage({ payload: "gone" });
  const leaving = await connect(broker, { will: delayed });
  await leaving.disconnect(0x04, { sessionExpiryIntervalSeconds: 0 });
  await witness.takeMessage({ payload: "gone" });
});

Deno.test("[MQTT-3.1.3-9] 5.0, [MQTT-3.1.2-8] 5.0: a will is not published if the client is back before its delay is over", async () => {
  for (const protocolVersion of [4, 5] as const) {
    await using broker = await startBroker();
    const witness = await witnessOf(broker);
    await broker.lose(await connect(broker, { will: delayed }));
    broker.clock.advance(9_000);
    const back = await broker.connect({ clientIdentifier: "w", clean: false, protocolVersion });
    assertEquals(back.connack.sessionPresent, true);
    broker.clock.advance(60_000);
    await witness.expectNothing();
  }
});

Deno.test("[MQTT-3.1.3-9] 5.0: a delayed will is not published at a takeover without clean start", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  const first = await connect(broker, { will: delayed });
  await connect(broker);
  await first.expectDisconnect(0x8e);
  broker.clock.advance(60_000);
  await witness.expectNothing();
});

Deno.test("Clean start ends the session, and publishes its delayed will at once [MQTT-3.1.2-8] 5.0", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  const first = await connect(broker, { will: delayed });
  const second = await connect(broker, { clean: true, will: delayed });
  await first.expectDisconnect(0x8e);
  await witness.takeMessage({ payload: "gone" });
  await broker.lose(second);
  await connect(broker, { clean: true });
  await witness.takeMessage({ payload: "gone" });
});

Deno.test("The client that is back has a will of its own", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  await broker.lose(await connect(broker, { will: delayed }));
  broker.clock.advance(5_000);
  await broker.lose(await connect(broker, { will: { ...delayed, payload: "second" } }));
  broker.clock.advance(9_000);
  await witness.expectNothing();
  broker.clock.advance(2_000);
  await witness.takeMessage({ payload: "second" });
});

Deno.test("The sessions' delayed wills are published when the broker shuts down", async () => {
  const published: string[] = [];
  const messageRouted = ({ topicName }: { topicName: string }) => void published.push(topicName);
  const away = Promise.withResolvers<void>();
  const broker = await startBroker({ plugins: [hooks({ messageRouted, clientDisconnected: () => away.resolve() })] });
  const client = await connect(broker, { will: delayed });
  await client.close();
  await away.promise;
  assertEquals(published, []);
  await broker[Symbol.asyncDispose]();
  assertEquals(published, ["will"]);
});

Deno.test("[MQTT-3.1.2-14] 5.0: a will without will retain is not retained", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  await broker.lose(await connect(broker, { will }));
  await witness.takeMessage({ retain: false });
  assertEquals(broker.broker.retained.size, 0);
});

Deno.test("[MQTT-3.1.2-15] 5.0: a will with will retain is retained, with its properties", async () => {
  await using broker = await startBroker();
  const properties = { contentType: "text/plain", userProperties: [["k", "v"]] as const };
  const witness = await witnessOf(broker);
  await broker.lose(await connect(broker, { will: { ...will, retain: true, properties } }));
  await witness.takeMessage({ retain: false, properties });
  const late = await broker.connect5();
  await late.subscribe("will", 2);
  await late.takeMessage({ ...will, retain: true, properties });
});

Deno.test("[MQTT-3.1.3-10] 5.0: a will keeps its properties, and its user properties their order", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  const properties = {
    payloadFormatIndicator: 1 as const,
    contentType: "text/plain",
    responseTopic: "answers" as never,
    correlationData: Uint8Array.of(1, 0, 255),
    userProperties: [["a", "1"], ["b", "2"], ["a", "3"], ["a", "1"]] as const,
  };
  await broker.lose(await connect(broker, { will: { ...delayed, properties } }));
  broker.clock.advance(11_000);
  await witness.takeMessage({ properties });
});

Deno.test("A will's message expiry begins when it is published", async () => {
  await using broker = await startBroker();
  const reader = await connect(broker, { clientIdentifier: "reader" });
  await reader.subscribe("will", 1);
  await broker.lose(reader);
  const properties = { messageExpiryIntervalSeconds: 30 };
  await broker.lose(await connect(broker, { will: { ...delayed, properties } }));
  broker.clock.advance(20_000);
  const back = await connect(broker, { clientIdentifier: "reader" });
  const message = await back.takeMessage({ payload: "gone" });
  const leftSeconds = message.properties?.messageExpiryIntervalSeconds ?? 0;
  assert(leftSeconds === 20 || leftSeconds === 21, `${leftSeconds} s`);
});

const TEXT = { ...will, payload: "\xff", properties: { payloadFormatIndicator: 1 as const } };

/** Title, what the listener takes, the will, and what CONNACK says. */
const REFUSALS: readonly [string, ConnectionLimits, ConnectOptions["will"], number][] = [
  ["[MQTT-3.2.2-12] 5.0 will QoS 1 where QoS is at most 0", { maximumQos: 0 }, will, 0x9b],
  ["[MQTT-3.2.2-12] 5.0 will QoS 2 where QoS is at most 1", { maximumQos: 1 }, { ...will, qos: 2 }, 0x9b],
  ["[MQTT-3.2.2-13] 5.0 will retain where nothing is", { retainAvailable: false }, { ...will, retain: true }, 0x9a],
  ["too many topic levels", { maxTopicLevels: 2 }, { ...will, topicName: "a/b/c" }, 0x90],
  ["a topic of the broker's own", {}, { ...will, topicName: "$SYS/broker" }, 0x87],
  ["a topic with a wildcard", {}, { ...will, topicName: "a/#" }, 0x81],
];

for (const [title, limits, mine, reasonCode] of REFUSALS) {
  Deno.test(`A CONNECT whose will has ${title} gets CONNACK 0x${reasonCode.toString(16)}`, async () => {
    await using broker = await startBroker(limits);
    const witness = await broker.connect5();
    await witness.subscribe("#");
    const client = broker.open();
    const connack = await client.connect({ protocolVersion: 5, will: mine });
    assertEquals([connack.reasonCode as number, connack.sessionPresent], [reasonCode, false]);
    assertEquals(typeof connack.properties?.reasonString, "string");
    await client.expectClosed();
    await witness.expectNothing();
    assertEquals(broker.broker.retained.size, 0);
  });
}

Deno.test("What a listener just takes is taken as a will, too", async () => {
  await using broker = await startBroker({ maximumQos: 1, retainAvailable: false, maxTopicLevels: 2 });
  await connect(broker, { will: { ...will, topicName: "a/b" } });
});

Deno.test("A will whose payload is not what its format says gets 0x99, if that is checked", async () => {
  for (const [checkPayloadFormat, expected] of [[true, 0x99], [false, 0]] as const) {
    await using broker = await startBroker({ checkPayloadFormat });
    const client = broker.open();
    const packet = client.encode(connectPacket({ protocolVersion: 5, will: TEXT }));
    // The client's text is UTF-8; one byte of it is made wrong.
    packet[packet.findLastIndex((byte) => byte === 0xc3)] = 0xff;
    await client.send(packet);
    assertEquals<number>((await client.expect("Connack")).reasonCode, expected);
  }
});

Deno.test("A will that the plugins refuse gets CONNACK with their words", async () => {
  const refusal: Refusal = { decision: "deny", reasonCode: 0x97, reasonString: "enough", userProperties: [["k", "v"]] };
  const answers = { a: "deny", b: refusal, c: "abstain" } as const;
  const expected = {
    a: [0x87, 'will to topic "a" is not permitted', undefined],
    b: [0x97, "enough", [["k", "v"]]],
    c: [0x87, 'will to topic "c" is not permitted', undefined],
  };
  const authorizePublish = (_: unknown, { topicName }: { topicName: string }) => answers[topicName as "a" | "b" | "c"];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins: [hooks({ authorizePublish })] } });
  for (const topicName of ["a", "b", "c"] as const) {
    const client = broker.open();
    const { reasonCode, properties } = await client.connect({ protocolVersion: 5, will: { topicName } });
    assertEquals<unknown>([reasonCode, properties?.reasonString, properties?.userProperties], expected[topicName]);
    await client.expectClosed();
  }
});
