/** What CONNACK of MQTT 5.0 tells a client (§3.2), and what comes of it. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { ConnectionLimits } from "../../src/config/config.ts";
import type { ConnackProperties } from "../../src/packet/packets.ts";
import { type ConnectOptions, connectPacket, RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";
import { memoryPair } from "../../src/transport/memory.ts";

/** What is told where the config says nothing: other defaults than the specification's. */
const USUAL: ConnackProperties = { receiveMaximum: 1000, maximumPacketSizeBytes: 16_777_216, topicAliasMaximum: 100 };

const LIMITS: readonly [limits: ConnectionLimits, asked: ConnectOptions, told: ConnackProperties][] = [
  [{}, {}, {}],
  [{ maxInflight: 7 }, {}, { receiveMaximum: 7 }],
  [{ maxPacketSize: 1000 }, {}, { maximumPacketSizeBytes: 1000 }],
  [{ topicAliasMaximum: 3 }, {}, { topicAliasMaximum: 3 }],
  [{ topicAliasMaximum: 0 }, {}, { topicAliasMaximum: undefined }],
  [{ maximumQos: 1 }, {}, { maximumQoS: 1 }],
  [{ maximumQos: 0 }, {}, { maximumQoS: 0 }],
  [{ maximumQos: 2 }, {}, {}],
  [{ retainAvailable: false }, {}, { retainAvailable: false }],
  [{ wildcardSubscriptionAvailable: false }, {}, { wildcardSubscriptionAvailable: false }],
  [{ subscriptionIdentifiersAvailable: false }, {}, { subscriptionIdentifiersAvailable: false }],
  [{ sharedSubscriptionAvailable: false }, {}, { sharedSubscriptionAvailable: false }],
  [{ maxKeepAlive: 30 }, { keepAliveSeconds: 31 }, { serverKeepAliveSeconds: 30 }],
  [{ maxKeepAlive: 30 }, { keepAliveSeconds: 0 }, { serverKeepAliveSeconds: 30 }],
  [{ maxKeepAlive: 30 }, { keepAliveSeconds: 30 }, {}],
  [{}, { keepAliveSeconds: 65_535 }, {}],
  [{ maxSessionExpiryInterval: 60 }, { sessionExpiryIntervalSeconds: 61 }, { sessionExpiryIntervalSeconds: 60 }],
  [{ maxSessionExpiryInterval: 60 }, { sessionExpiryIntervalSeconds: 60 }, {}],
  [{ maxSessionExpiryInterval: 0 }, { sessionExpiryIntervalSeconds: 1 }, { sessionExpiryIntervalSeconds: 0 }],
  [{ maxSessionExpiryInterval: 60 }, {}, {}],
  [{}, { sessionExpiryIntervalSeconds: 0xffff_ffff }, {}],
  [{ responseInformation: "answers/" }, { requestResponseInformation: true }, { responseInformation: "answers/" }],
  [{ responseInformation: "answers/" }, { requestResponseInformation: false }, {}],
  [{}, { requestResponseInformation: true }, {}],
];

/** What CONNACK says on a listener to who asks so. */
async function toldOn(broker: TestBroker, listener: string, asked: ConnectOptions): Promise<ConnackProperties> {
  const client = broker.open(listener);
  const { reasonCode, properties } = await client.connect({ ...asked, protocolVersion: 5 });
  assertEquals(reasonCode, 0);
  await client.disconnect();
  return properties!;
}

const withoutUndefined = (properties: ConnackProperties) =>
  Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));

for (const [limits, asked, told] of LIMITS) {
  const clauses = "maximumQoS" in told
    ? " [MQTT-3.2.2-9] 5.0"
    : "responseInformation" in limits
    ? " [MQTT-3.1.2-28] 5.0"
    : "";
  const [config, request, answer] = [limits, asked, told].map((part) => JSON.stringify(part));
  Deno.test(`With ${config}, CONNECT with ${request} is told ${answer}${clauses}`, async () => {
    const expected = withoutUndefined({ ...USUAL, ...told });
    await using broker = await startBroker({ ...limits, listeners: { memory: { type: "external" } } });
    assertEquals(await toldOn(broker, "memory", asked), expected);
    const listeners = { memory: { type: "external", ...limits }, other: { type: "external" } } as const;
    await using second = await startBroker({ listeners });
    assertEquals(await toldOn(second, "memory", asked), expected);
    const onOther = await toldOn(second, "other", asked);
    assertEquals(onOther, USUAL, "the limit of a listener holds for no other");
  });
}

/** Sends bytes and returns what comes back, up to `count` bytes. */
async function answerTo(broker: TestBroker, bytes: Uint8Array, count: number): Promise<string> {
  const [ours, brokers] = memoryPair();
  const { closed } = await broker.broker.accept(brokers, { listener: "memory" });
  await ours.write(bytes);
  const answer = new Uint8Array(count);
  let got = 0;
  while (got < count) got += await ours.read(answer.subarray(got)) ?? count;
  ours.close();
  await closed;
  return answer.toHex();
}

Deno.test("[MQTT-2.2.2-1] 5.0, [MQTT-3.2.2-1] 5.0: without properties the length 0 is there, and reserved flags are 0", async () => {
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate: () => "deny" })] } });
  const [ours] = memoryPair();
  const bytes = new RawClient(ours).encode(connectPacket({ protocolVersion: 5, clean: false }));
  ours.close();
  assertEquals(await answerTo(broker, bytes, 5), "2003008600");
});

Deno.test("[MQTT-3.2.2-1] 5.0: the flags of a resumed session's CONNACK are 1, of all others 0", async () => {
  await using broker = await startBroker();
  const [ours] = memoryPair();
  const options = { protocolVersion: 5, clean: false, sessionExpiryIntervalSeconds: 9 } as const;
  const bytes = new RawClient(ours).encode(connectPacket(options));
  ours.close();
  for (const flags of ["00", "01", "01"]) {
    const answer = await answerTo(broker, bytes, 16);
    assertEquals([answer.slice(0, 2), answer.slice(4, 8)], ["20", `${flags}00`]);
  }
});

Deno.test("[MQTT-3.1.4-5] 5.0: a CONNECT is answered with CONNACK 0x00", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  const { reasonCode, sessionPresent } = await client.connect({ protocolVersion: 5 });
  assertEquals([reasonCode, sessionPresent], [0, false]);
  await client.expectNothing();
});

Deno.test("[MQTT-3.2.0-1] 5.0: CONNACK comes before messages that wait for the session", async () => {
  await using broker = await startBroker();
  const options = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 };
  const first = await broker.connect5(options);
  await first.subscribe("a", 1);
  await first.disconnect();
  await broker.broker.publish("a", "waiting", { qos: 1 });
  const second = broker.open();
  await second.sendConnect({ ...options, protocolVersion: 5 });
  assertEquals((await second.expect("Connack")).sessionPresent, true);
  await second.expectMessage({ payload: "waiting" });
});

Deno.test("[MQTT-3.2.0-1] 5.0: a client that takes no packet as large as its CONNACK is not let in", async () => {
  await using broker = await startBroker();
  const usual = await broker.connect5({ clientIdentifier: "a" });
  for (const maximumPacketSizeBytes of [5, 10, 15]) {
    const client = broker.open();
    await client.sendConnect({ protocolVersion: 5, clientIdentifier: "a", maximumPacketSizeBytes });
    await client.sendPacket({ type: 12 });
    assertEquals<number>((await client.expect("Connack")).reasonCode, 0x83);
    await client.expectClosed();
  }
  const deaf = broker.open();
  await deaf.sendConnect({ protocolVersion: 5, clientIdentifier: "a", maximumPacketSizeBytes: 4 });
  await deaf.expectClosed();
  await usual.expectNothing();
  await broker.connect5({ clientIdentifier: "b", maximumPacketSizeBytes: 16 });
});

Deno.test("[MQTT-3.1.3-6] 5.0, [MQTT-3.1.3-7] 5.0, [MQTT-3.2.2-16] 5.0: an empty identifier is given a unique one", async () => {
  await using broker = await startBroker();
  const assigned: string[] = [];
  for (const clean of [true, false]) {
    const client = broker.open();
    const options = { clientIdentifier: "", clean, sessionExpiryIntervalSeconds: 100 };
    const { sessionPresent, properties } = await client.connect({ ...options, protocolVersion: 5 });
    assertEquals(sessionPresent, false);
    assigned.push(properties!.assignedClientIdentifier!);
    await client.subscribe("a", 1);
    await client.disconnect();
  }
  assertNotEquals(assigned[0], assigned[1]);
  for (const clientIdentifier of assigned) {
    assertMatch(clientIdentifier, /./);
    const back = broker.open();
    const connack = await back.connect({ protocolVersion: 5, clientIdentifier, clean: false });
    assertEquals(connack.sessionPresent, true);
    assertEquals(connack.properties?.assignedClientIdentifier, undefined);
    assert(broker.broker.clients.some((client) => client.clientIdentifier === clientIdentifier));
  }
});

Deno.test("[MQTT-3.1.2-22] 5.0, [MQTT-3.2.2-22] 5.0: the client's keep-alive holds if CONNACK has none", async () => {
  await using broker = await startBroker({ maxKeepAlive: 100 });
  const witness = await broker.connect5({ keepAliveSeconds: 100 });
  await witness.subscribe("will");
  const client = await broker.connect5({ keepAliveSeconds: 10, will: { topicName: "will" } });
  assertEquals(client.connack.properties?.serverKeepAliveSeconds, undefined);
  broker.clock.advance(14_000);
  await client.expectNothing();
  broker.clock.advance(14_000);
  assertEquals(broker.broker.clients.length, 2);
  broker.clock.advance(2_000);
  await client.expectDisconnect(0x8d);
  await witness.expectMessage({ topicName: "will" });
});

Deno.test("The server keep alive of CONNACK holds in place of the client's", async () => {
  await using broker = await startBroker({ maxKeepAlive: 20 });
  for (const keepAliveSeconds of [0, 100]) {
    const client = await broker.connect5({ keepAliveSeconds });
    assertEquals(client.connack.properties?.serverKeepAliveSeconds, 20);
    broker.clock.advance(29_000);
    await client.expectNothing();
    broker.clock.advance(31_000);
    await client.expectDisconnect(0x8d);
  }
});

Deno.test("max-keep-alive leaves 3.1.1 clients alone, who cannot be told", async () => {
  await using broker = await startBroker({ maxKeepAlive: 20 });
  const client = await broker.connect({ keepAliveSeconds: 100 });
  broker.clock.advance(140_000);
  await client.expectNothing();
});

Deno.test("[MQTT-3.2.2-10] 5.0: where QoS 2 is not had, SUBSCRIBE at any QoS is still accepted", async () => {
  for (const maximumQos of [0, 1] as const) {
    await using broker = await startBroker({ maximumQos });
    const client = await broker.connect5();
    for (const qos of [0, 1, 2] as const) {
      assertEquals(await client.subscribe(`a/${qos}`, qos), [Math.min(qos, maximumQos)]);
    }
    await broker.broker.publish("a/2", "m", { qos: 2 });
    await client.expectMessage({ qos: maximumQos });
  }
});

Deno.test("[MQTT-3.2.2-8] 5.0: a plugin's code that CONNACK does not have becomes 0x87", async () => {
  const deny = (reasonCode: 0x8e | 0x91) => () => ({ decision: "deny" as const, reasonCode });
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate: deny(0x8e) })] } });
  const client = broker.open();
  assertEquals((await client.connect({ protocolVersion: 5 })).reasonCode, 0x87);
  await client.expectClosed();
  // PUBACK has it, and a will is asked about as any other message.
  const topicCheck = { enabled: true, plugins: [hooks({ authorizePublish: deny(0x91) })] };
  await using second = await startBroker({ topicCheck });
  const willing = second.open();
  assertEquals((await willing.connect({ protocolVersion: 5, will: { topicName: "w" } })).reasonCode, 0x87);
  await willing.expectClosed();
});

for (
  const [clause, words] of [
    ["[MQTT-3.2.2-19] 5.0", { reasonString: "x".repeat(100) }],
    ["[MQTT-3.2.2-20] 5.0", { userProperties: [["k", "x".repeat(100)]] as const }],
  ] as const
) {
  Deno.test(`${clause}: CONNACK has no ${Object.keys(words)} that the client has no room for`, async () => {
    const authenticate = () => ({ decision: "deny" as const, reasonCode: 0x87 as const, ...words });
    await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
    for (const [maximumPacketSizeBytes, expected] of [[100, undefined], [200, words], [undefined, words]] as const) {
      const client = broker.open();
      const connack = await client.connect({
        protocolVersion: 5,
        ...maximumPacketSizeBytes && { maximumPacketSizeBytes },
      });
      assertEquals<unknown>([connack.reasonCode, connack.properties], [0x87, expected]);
    }
  });
}
