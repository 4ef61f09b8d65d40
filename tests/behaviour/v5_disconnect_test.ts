/** DISCONNECT of MQTT 5.0 (§3.14), both ways, and errors on an open connection (§4.13). */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { AuthenticationStep } from "../../src/hooks/plugin.ts";
import { PacketType } from "../../src/packet/packets.ts";
import type { ReasonCode } from "../../src/packet/reason_code.ts";
import { packetOf, string, u16 } from "../support/client_codec.ts";
import { type RawClient, subscribePacket, unsubscribePacket } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

type Bytes = Uint8Array | readonly number[];

/** What a client must not send, and with what it is answered. */
const FAULTS: Record<string, readonly [bytes: Bytes, reasonCode: number]> = {
  "[MQTT-3.14.1-1] 5.0 DISCONNECT with a reserved flag": [[0xe1, 0], 0x81],
  "[MQTT-2.1.3-1] 5.0 PINGREQ with a reserved flag": [[0xc8, 0], 0x81],
  "[MQTT-2.1.3-1] 5.0 SUBSCRIBE with flags 0000": [[0x80, 7, 0, 1, 0, 0, 1, 0x61, 0], 0x81],
  "packet type 0": [[0x00, 0], 0x81],
  "PINGREQ with a body": [[0xc0, 1, 0], 0x81],
  "a CONNACK": [[0x20, 3, 0, 0, 0], 0x82],
  "[MQTT-1.5.5-1] 5.0 a remaining length longer than need be": [[0xc0, 0x80, 0x00], 0x81],
  "a remaining length of five bytes": [[0x30, 0x80, 0x80, 0x80, 0x80, 0x01], 0x81],
  "[MQTT-1.5.4-1] 5.0 a topic name that is not UTF-8": [packetOf(0x30, [0, 2, 0xc3, 0x28], 0), 0x81],
  "[MQTT-1.5.4-2] 5.0 a topic name with U+0000": [packetOf(0x30, [0, 1, 0], 0), 0x81],
  "[MQTT-1.5.7-1] 5.0 a user property that is not UTF-8": [
    packetOf(0x30, string("a"), [7, 0x26, 0, 1, 0xff, 0, 1, 0x61]),
    0x81,
  ],
  "[MQTT-3.1.0-2] 5.0 a second CONNECT": [packetOf(0x10, string("MQTT"), 5, 2, u16(0), 0, string("c")), 0x82],
  "[MQTT-3.14.2-1] 5.0 DISCONNECT with a server's reason code": [[0xe0, 1, 0x8b], 0x82],
  "[MQTT-3.14.2-1] 5.0 DISCONNECT with a code of no packet": [[0xe0, 1, 0x05], 0x82],
  "DISCONNECT with a server reference": [packetOf(0xe0, 0, [4, 0x1c, 0, 1, 0x61]), 0x82],
  "DISCONNECT with a property of another packet": [packetOf(0xe0, 0, [3, 0x21, 0, 1]), 0x81],
  "DISCONNECT with two reason strings": [packetOf(0xe0, 0, [6, 0x1f, 0, 0, 0x1f, 0, 0]), 0x82],
  "AUTH where CONNECT had no authentication method": [packetOf(0xf0, 0x19, [4, 0x15, 0, 1, 0x61]), 0x82],
};

for (const [what, [bytes, reasonCode]] of Object.entries(FAULTS)) {
  const clauses = "[MQTT-4.13.1-1] 5.0, [MQTT-4.13.2-1] 5.0, [MQTT-3.14.4-2] 5.0";
  Deno.test(`${what} gets DISCONNECT 0x${reasonCode.toString(16)} and the close ${clauses}`, async () => {
    await using broker = await startBroker();
    const witness = await broker.connect5();
    await witness.subscribe("will");
    const client = await broker.connect5({ will: { topicName: "will" } });
    await client.send(bytes);
    const { properties } = await client.expectDisconnect(reasonCode);
    assertEquals(Object.keys(properties ?? {}), ["reasonString"]);
    await witness.expectMessage({ topicName: "will" });
  });
}

Deno.test("A packet above max-packet-size gets DISCONNECT 0x95, as soon as its header shows it", async () => {
  const listeners = { memory: { type: "external", maxPacketSize: 100 }, other: { type: "external" } } as const;
  await using broker = await startBroker({ listeners });
  const client = await broker.connect5();
  await client.publish("a", "x".repeat(94));
  await client.send([0x30, 99]);
  await client.expectDisconnect(0x95);
  const other = broker.open("other");
  await other.connect({ protocolVersion: 5, clientIdentifier: "other" });
  await other.publish("a", "x".repeat(200));
});

/** What makes the broker say goodbye of its own accord. */
const FAREWELLS: Record<number, (broker: TestBroker, client: RawClient) => unknown> = {
  0x8e: (broker) => broker.connect5({ clientIdentifier: "c" }),
  0x8d: (broker) => broker.clock.advance(100_000),
  0x8b: (broker) => broker.broker.shutdown(),
  0x98: (broker) => broker.broker.disconnect("c"),
  0x81: (_, client) => client.send([0xc1, 0, 0xc0, 0]),
  0x82: (_, client) => client.send([0x20, 3, 0, 0, 0, 0xc0, 0]),
};

for (const [code, provoke] of Object.entries(FAREWELLS)) {
  const reasonCode = Number(code);
  const clauses = "[MQTT-3.14.2-2] 5.0, [MQTT-3.14.4-1] 5.0, [MQTT-3.14.4-2] 5.0";
  Deno.test(`${clauses}: DISCONNECT 0x${reasonCode.toString(16)} says why and is the last word`, async () => {
    const plugin = hooks((context) => ({
      // At this moment the connection is not closed yet.
      clientDisconnected: () => context.publish("a", "too late", { qos: 1 }),
    }));
    await using broker = await startBroker({ plugins: [plugin] });
    const options = { clientIdentifier: "c", keepAliveSeconds: 10, sessionExpiryIntervalSeconds: 100 };
    const client = await broker.connect5(options);
    await client.subscribe("a", 1);
    const ended = provoke(broker, client);
    const { properties } = await client.expectDisconnect(reasonCode);
    assert(properties?.reasonString, "there is a reason string");
    assertEquals(properties.sessionExpiryIntervalSeconds, undefined);
    await ended;
  });
}

Deno.test("[MQTT-3.14.4-1] 5.0: answers that a plugin gives after the DISCONNECT are not sent", async () => {
  const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const answer = Promise.withResolvers<"allow">();
  const plugin = hooks({
    authorizePublish: () => (asked[0].resolve(), answer.promise),
    authorizeSubscribe: () => (asked[1].resolve(), answer.promise),
    authorizeReceive: () => "allow",
  });
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins: [plugin] } });
  const publisher = await broker.connect5({ clientIdentifier: "p" });
  const subscriber = await broker.connect5({ clientIdentifier: "s" });
  await publisher.sendPublish("a", "m", { qos: 1 });
  await subscriber.send([0x82, 7, 0, 1, 0, 0, 1, 0x61, 0]);
  await Promise.all(asked.map(({ promise }) => promise));
  for (const clientIdentifier of ["p", "s"]) broker.broker.disconnect(clientIdentifier);
  answer.resolve("allow");
  for (const client of [publisher, subscriber]) await client.expectDisconnect(0x98);
});

Deno.test("The program may send a client away with any words [MQTT-3.14.2-2] 5.0", async () => {
  await using broker = await startBroker();
  const words: readonly [ReasonCode, Record<string, unknown>][] = [
    [0x9c, { serverReference: "other:1883" }],
    [0x9d, { serverReference: "new:1883", reasonString: "we have moved" }],
    [0x97, { userProperties: [["b", "1"], ["a", "2"], ["b", "3"]] }],
    [0x00, {}],
  ];
  for (const [reasonCode, given] of words) {
    const client = await broker.connect5({ clientIdentifier: "c" });
    assertEquals(broker.broker.disconnect("c", reasonCode, given), true);
    const { properties } = await client.expectDisconnect(reasonCode);
    assertEquals<unknown>(properties, { reasonString: "disconnected by the program", ...given });
    assertEquals(broker.broker.disconnect("c", reasonCode), false);
  }
});

/** What a DISCONNECT of the broker's must not say, and what the caller is told. */
const WRONG_WORDS: readonly (readonly [reasonCode: unknown, properties: unknown, message: string])[] = [
  [0x04, undefined, "reason code must be one that DISCONNECT of a server may carry: got 0x04 DisconnectWithWill"],
  [0x86, undefined, "got 0x86 BadUserNameOrPassword"],
  [0x92, undefined, "got 0x92 PacketIdentifierNotFound"],
  [0x05, undefined, "got 0x05 Unknown"],
  ["0x98", undefined, 'got "0x98"'],
  [0x98, "moved", 'properties must be an object: got "moved"'],
  [0x98, null, "properties must be an object: got null"],
  [0x98, { sessionExpiryIntervalSeconds: 5 }, 'got "sessionExpiryIntervalSeconds"'],
  [0x98, { reasonString: 5 }, "properties.reasonString must be text: got 5"],
  [0x98, { reasonString: "a\0b" }, "properties.reasonString must be text without NUL"],
  [0x98, { reasonString: "x".repeat(65_536) }, "properties.reasonString must have at most 65535 bytes: got 65536"],
  [0x98, { userProperties: [["a"]] }, "properties.userProperties[0] must be [name, value]"],
  [0x98, { userProperties: [["a", "\ud800"]] }, "properties.userProperties[0][1] must be well-formed Unicode"],
  [0x98, { serverReference: "other" }, "must come with reason code 0x9c UseAnotherServer or 0x9d ServerMoved"],
  [0x9c, { serverReference: 1883 }, "properties.serverReference must be text: got 1883"],
];

Deno.test("[MQTT-3.14.2-1] 5.0, [MQTT-3.14.2-2] 5.0: the program may not send a client away with wrong words", async () => {
  const plugin = hooks((context) => ({
    messageReceived: ({ clientIdentifier }) => void context.disconnect(clientIdentifier, 0x8c),
  }));
  await using broker = await startBroker({ plugins: [plugin] });
  const client = await broker.connect5({ clientIdentifier: "c" });
  for (const [reasonCode, properties, message] of WRONG_WORDS) {
    const disconnect = () => broker.broker.disconnect("c", reasonCode as ReasonCode, properties as undefined);
    const error = assertThrows(disconnect, Error, message);
    assertMatch(error.message, /^Cannot disconnect client "c": /);
  }
  await client.publish("a");
  assert(broker.log.complains("got 0x8c BadAuthenticationMethod"), "the plugin's fault is logged");
  await client.expectNothing();
});

Deno.test("A plugin may send a client away to another server", async () => {
  const plugin = hooks((context) => ({
    messageReceived: ({ clientIdentifier }) => {
      context.disconnect(clientIdentifier, 0x9d, { serverReference: "other:1883" });
    },
  }));
  await using broker = await startBroker({ plugins: [plugin] });
  const client = await broker.connect5();
  await client.sendPublish("a");
  assertEquals((await client.expectDisconnect(0x9d)).properties?.serverReference, "other:1883");
});

Deno.test("Clients of 3.x are closed without a word [MQTT-4.13.2-1] 5.0", async () => {
  await using broker = await startBroker();
  for (const protocolVersion of [3, 4] as const) {
    const client = await broker.connect({ clientIdentifier: "c", protocolVersion });
    broker.broker.disconnect("c", 0x9d, { serverReference: "other:1883" });
    await client.expectClosed();
  }
});

Deno.test("[MQTT-3.14.0-1] 5.0: who has no CONNACK is sent no DISCONNECT", async () => {
  const asked = Promise.withResolvers<void>();
  const authenticate = () => {
    asked.resolve();
    return new Promise<never>(() => {});
  };
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
  const garbled = broker.open();
  await garbled.send([0xc0, 0]);
  await garbled.expectClosed();
  const silent = broker.open();
  const undecided = broker.open();
  await undecided.sendConnect({ protocolVersion: 5 });
  await asked.promise;
  broker.clock.advance(10_300);
  await silent.expectClosed();
  assertEquals<number>((await undecided.expect("Connack")).reasonCode, 0x89);
  await undecided.expectClosed();
});

Deno.test("[MQTT-3.14.0-1] 5.0: at shutdown who is signing in is sent no DISCONNECT", async () => {
  const asked = Promise.withResolvers<void>();
  const authenticate = () => {
    asked.resolve();
    return new Promise<never>(() => {});
  };
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
  const client = broker.open();
  await client.sendConnect({ protocolVersion: 5 });
  await asked.promise;
  const down = broker.broker.shutdown();
  await client.expectClosed();
  await down;
});

for (
  const [clause, words] of [
    ["[MQTT-3.14.2-3] 5.0", { reasonString: "x".repeat(100) }],
    ["[MQTT-3.14.2-4] 5.0", { userProperties: [["k", "x".repeat(100)]] as const }],
  ] as const
) {
  Deno.test(`${clause}: DISCONNECT has no ${Object.keys(words)} that the client has no room for`, async () => {
    await using broker = await startBroker();
    const reference = { serverReference: "other:1883" };
    for (const [maximumPacketSizeBytes, fits] of [[60, false], [300, true]] as const) {
      const client = await broker.connect5({ clientIdentifier: "c", maximumPacketSizeBytes });
      broker.broker.disconnect("c", 0x9c, { ...words, ...reference });
      const { properties } = await client.expectDisconnect(0x9c);
      const all = { reasonString: "disconnected by the program", ...words, ...reference };
      assertEquals<unknown>(properties, fits ? all : reference);
    }
  });
}

Deno.test("[MQTT-3.1.2-24] 5.0, [MQTT-4.13.2-1] 5.0: a DISCONNECT that is too large is not sent, and the connection closed", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5({ clientIdentifier: "c", maximumPacketSizeBytes: 20 });
  broker.broker.disconnect("c", 0x9c, { serverReference: "x".repeat(30) });
  await client.expectClosed();
});

Deno.test("[MQTT-3.14.4-1] 5.0: what a client sends after DISCONNECT is not looked at", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  const late = client.publishPacket("a", "late", { retain: true, qos: 1 });
  await client.sendPacket({ type: PacketType.Disconnect, reasonCode: 0 }, late);
  await client.expectClosed();
  assertEquals(broker.broker.retained.size, 0);
});

Deno.test("A client may say every reason code that is its own [MQTT-3.14.2-1] 5.0", async () => {
  const seen: number[] = [];
  const clientDisconnected = (_: unknown, { reasonCode }: { reasonCode: number }) => void seen.push(reasonCode);
  await using broker = await startBroker({ plugins: [hooks({ clientDisconnected })] });
  const own = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
  for (const reasonCode of own) {
    const client = await broker.connect5();
    await client.disconnect(reasonCode, { reasonString: "because", userProperties: [["k", "v"]] });
  }
  assertEquals(seen, own);
});

const filters = Array.from({ length: 40 }, (_, index) => `f${index}`);

/** Answers of more than 35 bytes, and what asks for them. */
const AWAITED = {
  SUBACK: subscribePacket(1, filters.map((filter) => [filter, 0])),
  UNSUBACK: unsubscribePacket(1, filters),
  AUTH: { type: PacketType.Auth, reasonCode: 0x19, properties: { authenticationMethod: "m" } },
} as const;

for (const [name, asking] of Object.entries(AWAITED)) {
  Deno.test(`[MQTT-3.1.2-24] 5.0: a client that takes no ${name} as large as its own gets DISCONNECT 0x95`, async () => {
    const next = ({ long }: { long: boolean }) => ({
      decision: "allow" as const,
      authenticationData: new Uint8Array(long ? 40 : 0),
    });
    const plugin = hooks({
      authenticate: () => "allow",
      beginAuthentication: ({ reAuthenticating }) => ({ next: () => next({ long: reAuthenticating }) }),
    });
    await using broker = await startBroker({ auth: { plugins: [plugin] } });
    const options = name === "AUTH" ? { authenticationMethod: "m" } : {};
    for (const [maximumPacketSizeBytes, fits] of [[35, false], [60, true]] as const) {
      const client = await broker.connect5({ ...options, clientIdentifier: "c", maximumPacketSizeBytes });
      await client.sendPacket(asking);
      if (!fits) await client.expectDisconnect(0x95);
      else assertEquals((await client.next()).type, asking.type + (name === "AUTH" ? 0 : 1));
    }
  });
}

Deno.test("[MQTT-3.1.2-24] 5.0: a client that takes no AUTH as large as its question is let go without a word", async () => {
  const step: AuthenticationStep = { decision: "continue", authenticationData: new Uint8Array(100) };
  const plugin = hooks({ beginAuthentication: () => ({ next: () => step }) });
  await using broker = await startBroker({ auth: { plugins: [plugin] } });
  const client = broker.open();
  await client.sendConnect({ protocolVersion: 5, authenticationMethod: "m", maximumPacketSizeBytes: 60 });
  await client.expectClosed();
});
