/** CONNECT of MQTT 5.0 (§3.1): which are taken, and how the others are answered. */
import { assert, assertEquals } from "@std/assert";
import { PacketType } from "../../src/packet/packets.ts";
import { binary, concat, packetOf, string, u16 } from "../support/client_codec.ts";
import { connectPacket, type RawClient, subscribePacket } from "../support/raw_client.ts";
import { anybody, hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

type Bytes = number | Iterable<number>;

/** CONNECT with these flags, properties with their length, and payload. */
function connectBytes(flags: number, properties: Bytes, ...payload: Bytes[]): Uint8Array {
  return packetOf(0x10, string("MQTT"), 5, flags, u16(0), properties, ...payload);
}

/** A connection on which the broker's answers are read as those of 5.0. */
function open5(broker: TestBroker): RawClient {
  const client = broker.open();
  client.encode(connectPacket({ protocolVersion: 5 }));
  return client;
}

/** CONNACK refuses with this reason code, is the only packet, and the connection is closed. */
async function expectRefusal(client: RawClient, reasonCode: number): Promise<void> {
  const connack = await client.expect("Connack");
  assertEquals([connack.reasonCode as number, connack.sessionPresent], [reasonCode, false]);
  await client.expectClosed();
}

const c = string("c");
const notUtf8 = [0, 2, 0xc3, 0x28];
const surrogate = [0, 3, 0xed, 0xa0, 0x80];
const nul = [0, 3, 0x61, 0, 0x62];

const MALFORMED: Record<string, Uint8Array> = {
  "[MQTT-3.1.2-3] 5.0 with the reserved flag": connectBytes(0x03, 0, c),
  "[MQTT-3.1.2-9] 5.0 with the will flag and no will": connectBytes(0x06, 0, c),
  "[MQTT-3.1.2-9] 5.0 with the will flag and no will properties": connectBytes(0x06, 0, c, string("w"), string("")),
  "[MQTT-3.1.2-9] 5.0 with the will flag and no will payload": connectBytes(0x06, 0, c, 0, string("w")),
  "with a will and no will flag": connectBytes(0x02, 0, c, 0, string("w"), string("")),
  "[MQTT-3.1.2-11] 5.0 with a will QoS and no will flag": connectBytes(0x0a, 0, c),
  "[MQTT-3.1.2-12] 5.0 with will QoS 3": connectBytes(0x1e, 0, c, 0, string("w"), string("")),
  "[MQTT-3.1.2-13] 5.0 with will retain and no will flag": connectBytes(0x22, 0, c),
  "[MQTT-3.1.2-16] 5.0 with a user name and no flag for it": connectBytes(0x02, 0, c, string("u")),
  "[MQTT-3.1.2-17] 5.0 with the user name flag and no user name": connectBytes(0x82, 0, c),
  "[MQTT-3.1.2-18] 5.0 with a password and no flag for it": connectBytes(0x82, 0, c, string("u"), string("p")),
  "[MQTT-3.1.2-19] 5.0 with the password flag and no password": connectBytes(0xc2, 0, c, string("u")),
  "[MQTT-3.1.3-3] 5.0 without a client identifier": connectBytes(0x02, 0),
  "[MQTT-3.1.3-4] 5.0 with a client identifier that is not UTF-8": connectBytes(0x02, 0, notUtf8),
  "[MQTT-3.1.3-11] 5.0 with a will topic that is not UTF-8": connectBytes(0x06, 0, c, 0, notUtf8, string("")),
  "[MQTT-3.1.3-12] 5.0 with a user name that is not UTF-8": connectBytes(0x82, 0, c, notUtf8),
  "[MQTT-1.5.4-1] 5.0 with a surrogate in its client identifier": connectBytes(0x02, 0, surrogate),
  "[MQTT-1.5.4-2] 5.0 with U+0000 in its user name": connectBytes(0x82, 0, c, nul),
  "[MQTT-1.5.5-1] 5.0 with a property length longer than need be": connectBytes(0x02, [0x80, 0], c),
  "[MQTT-1.5.7-1] 5.0 with a user property whose value has U+0000": connectBytes(
    0x02,
    concat(9, 0x26, string("a"), nul),
    c,
  ),
  "with a property of another packet": connectBytes(0x02, [3, 0x23, 0, 1], c),
  "with an unknown property": connectBytes(0x02, [2, 0x7f, 0], c),
  "with a property cut short": connectBytes(0x02, [2, 0x21, 0], c),
  "with bytes behind its last field": connectBytes(0x02, 0, c, 0),
};

const PROTOCOL_ERRORS: Record<string, Uint8Array> = {
  "with receive maximum 0": connectBytes(0x02, [3, 0x21, 0, 0], c),
  "with maximum packet size 0": connectBytes(0x02, [5, 0x27, 0, 0, 0, 0], c),
  "with request response information 2": connectBytes(0x02, [2, 0x19, 2], c),
  "with request problem information 2": connectBytes(0x02, [2, 0x17, 2], c),
  "with a session expiry interval twice": connectBytes(0x02, [10, 0x11, 0, 0, 0, 0, 0x11, 0, 0, 0, 0], c),
  "with authentication data and no method": connectBytes(0x02, [3, 0x16, 0, 0], c),
  "with two will delay intervals": connectBytes(
    ...[0x06, 0, c, [10, 0x18, 0, 0, 0, 0, 0x18, 0, 0, 0, 0], string("w"), binary([])] as const,
  ),
};

for (const [reasonCode, faults] of [[0x81, MALFORMED], [0x82, PROTOCOL_ERRORS]] as const) {
  for (const [what, bytes] of Object.entries(faults)) {
    const clauses = "[MQTT-3.1.4-1] 5.0, [MQTT-4.13.1-1] 5.0, [MQTT-4.13.2-1] 5.0";
    const answer = `CONNACK 0x${reasonCode.toString(16)} and the close`;
    Deno.test(`A 5.0 CONNECT ${what} gets ${answer} ${clauses}`, async () => {
      await using broker = await startBroker();
      const client = open5(broker);
      await client.send(bytes);
      await expectRefusal(client, reasonCode);
      assertEquals(broker.broker.clients, []);
    });
  }
}

Deno.test("The faults above are of one byte each: without them CONNECT is taken [MQTT-3.1.4-5] 5.0", async () => {
  await using broker = await startBroker({ auth: anybody });
  const will = [0, string("w"), string("")];
  const password = [string("u"), string("p")];
  for (const bytes of [connectBytes(0x02, 0, c), connectBytes(0x06, 0, c, ...will), connectBytes(0x82, 0, c, c)]) {
    const client = open5(broker);
    await client.send(bytes);
    assertEquals((await client.expect("Connack")).reasonCode, 0);
    await client.disconnect();
  }
  const client = open5(broker);
  await client.send(connectBytes(0xc6, 0, c, ...will.flat(), ...password));
  assertEquals((await client.expect("Connack")).reasonCode, 0);
});

Deno.test("[MQTT-3.1.2-1] 5.0: another protocol name ends the connection", async () => {
  await using broker = await startBroker();
  for (const name of ["MQTX", "mqtt", "", "MQIsdp"]) {
    const client = broker.open();
    await client.send(packetOf(0x10, string(name), 5, 0x02, u16(0), 0, c));
    if (name === "MQIsdp") await client.expect("Connack");
    await client.expectClosed();
  }
});

Deno.test("[MQTT-3.1.2-2] 5.0, [MQTT-4.13.2-1] 5.0: a level above 5 gets CONNACK 0x84 and the close", async () => {
  await using broker = await startBroker();
  for (const level of [6, 9, 0x7f]) {
    const client = open5(broker);
    await client.send(packetOf(0x10, string("MQTT"), level, 0x02, u16(0), 0, c));
    await expectRefusal(client, 0x84);
  }
});

Deno.test("[MQTT-3.1.0-2] 5.0, [MQTT-3.2.0-2] 5.0, [MQTT-4.13.1-1] 5.0: a second CONNECT gets DISCONNECT 0x82", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5({ clientIdentifier: "a" });
  await client.sendConnect({ protocolVersion: 5, clientIdentifier: "a" });
  await client.expectDisconnect(0x82);
});

Deno.test("A first packet other than CONNECT is answered with nothing [MQTT-3.14.0-1] 5.0", async () => {
  await using broker = await startBroker();
  for (const bytes of [[0xc0, 0], [0xe0, 0], [0xf0, 2, 0x18, 0], [0x82, 7, 0, 1, 0, 0, 1, 0x61, 0]]) {
    const client = open5(broker);
    await client.send(bytes);
    await client.expectClosed();
  }
});

Deno.test("[MQTT-3.1.3-1] 5.0: the fields of the payload are read in their order", async () => {
  await using broker = await startBroker({ auth: anybody });
  const witness = await broker.connect5();
  await witness.subscribe("topic");
  const client = open5(broker);
  const properties = concat(8, 0x03, string("field"));
  const fields = [string("identifier"), properties, string("topic"), string("payload"), string("user"), string("pw")];
  await client.send(connectBytes(0xc6, 0, ...fields));
  await client.expect("Connack");
  const found = broker.broker.clients.find(({ clientIdentifier }) => clientIdentifier === "identifier");
  assertEquals(found?.username, "user");
  await client.close();
  await witness.expectMessage({ topicName: "topic", payload: "payload", properties: { contentType: "field" } });
});

Deno.test("[MQTT-3.1.3-5] 5.0: identifiers of 1 to 23 letters and digits are let in, and longer ones", async () => {
  await using broker = await startBroker();
  for (const clientIdentifier of ["0", "abcdefghijklmnopqrstuvw", "ABCDEFGHIJKLMNOPQRSTUVW", "xyzXYZ0123456789"]) {
    await broker.connect5({ clientIdentifier });
  }
  await broker.connect5({ clientIdentifier: "x".repeat(1000) });
});

Deno.test("[MQTT-1.5.4-3] 5.0: U+FEFF at the beginning of a string stays", async () => {
  await using broker = await startBroker();
  await broker.connect5({ clientIdentifier: "\uFEFFbom" });
  assertEquals(broker.broker.clients[0]!.clientIdentifier, "\uFEFFbom");
  const client = await broker.connect5();
  await client.subscribe("\uFEFFa");
  await client.sendPublish("\uFEFFa", "m", {
    properties: { contentType: "\uFEFFtext", userProperties: [["\uFEFF", "v"]] },
  });
  const properties = { contentType: "\uFEFFtext", userProperties: [["\uFEFF", "v"]] as const };
  await client.expectMessage({ topicName: "\uFEFFa", properties });
});

Deno.test("CONNECT may come one byte at a time, with every property", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  const bytes = client.encode(connectPacket({
    ...{ protocolVersion: 5, clientIdentifier: "slow", sessionExpiryIntervalSeconds: 9, receiveMaximum: 2 },
    ...{ maximumPacketSizeBytes: 1000, topicAliasMaximum: 3, requestResponseInformation: true },
    ...{ requestProblemInformation: false, userProperties: [["k", "1"], ["k", "2"]] },
  }));
  for (const byte of bytes) await client.send([byte]);
  assertEquals((await client.expect("Connack")).reasonCode, 0);
  assertEquals(broker.broker.clients[0]!.userProperties, [["k", "1"], ["k", "2"]]);
});

Deno.test("[MQTT-3.1.4-6] 5.0, [MQTT-3.1.4-2] 5.0: what follows a refused CONNECT is not processed", async () => {
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate: () => "deny" })] } });
  const client = broker.open();
  await client.sendPacket(
    connectPacket({ protocolVersion: 5, username: "u", password: "p" }),
    subscribePacket(1, [["a", 0]]),
    client.publishPacket("a", "m", { retain: true }),
    { type: PacketType.Pingreq },
  );
  await expectRefusal(client, 0x86);
  assertEquals(broker.broker.retained.size, 0);
});

Deno.test("What a sign-in is refused with reaches the client [MQTT-3.2.2-7] 5.0, [MQTT-3.1.4-2] 5.0", async () => {
  const refusals = new Map<string, Parameters<typeof refusalOf>[0]>([
    ["banned", { reasonCode: 0x8a }],
    ["words", { reasonCode: 0x87, reasonString: "not today", userProperties: [["b", "1"], ["a", "2"], ["b", "3"]] }],
    ["moved", { reasonCode: 0x9d, serverReference: "other:1883" }],
    ["elsewhere", { reasonCode: 0x9c, serverReference: "other:1883" }],
    ["flood", { reasonCode: 0x89 }],
  ]);
  const authenticate = ({ username = "" }) => refusalOf(refusals.get(username)!);
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
  for (const [username, { reasonCode, ...properties }] of refusals) {
    const client = broker.open();
    const connack = await client.connect({ protocolVersion: 5, username });
    assertEquals<number>(connack.reasonCode, reasonCode);
    assertEquals<unknown>(connack.properties ?? {}, properties);
    await client.expectClosed();
  }
});

Deno.test("[MQTT-3.1.3-8] 5.0, [MQTT-3.2.2-7] 5.0: the identifier of another user's session gets CONNACK 0x85", async () => {
  await using broker = await startBroker({ auth: anybody });
  const owner = await broker.connect5({ clientIdentifier: "mine", username: "ann" });
  for (const username of ["bob", undefined]) {
    const stranger = broker.open();
    await stranger.sendConnect({ protocolVersion: 5, clientIdentifier: "mine", username });
    await expectRefusal(stranger, 0x85);
  }
  await owner.expectNothing();
});

Deno.test("A user without a password, or with a password and no user name, is the plugins' to judge", async () => {
  const seen: (string | undefined)[][] = [];
  const authenticate = ({ username, password }: { username?: string; password?: Uint8Array }) => {
    seen.push([username, password && new TextDecoder().decode(password)]);
    return "allow" as const;
  };
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
  await broker.connect5({ username: "u" });
  await broker.connect5({ password: "p" });
  assertEquals(seen, [["u", undefined], [undefined, "p"]]);
});

Deno.test("Anonymous clients that may not come in get CONNACK 0x87, wrong words 0x86 [MQTT-3.1.4-2] 5.0", async () => {
  const authenticate = ({ username }: { username?: string }) => username === undefined ? "abstain" : "deny";
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
  const anonymous = broker.open();
  await anonymous.sendConnect({ protocolVersion: 5 });
  await expectRefusal(anonymous, 0x87);
  const wrong = broker.open();
  await wrong.sendConnect({ protocolVersion: 5, username: "u", password: "p" });
  await expectRefusal(wrong, 0x86);
});

Deno.test("A connection over max-connections gets CONNACK 0x97 [MQTT-3.2.2-7] 5.0", async () => {
  await using broker = await startBroker({ listeners: { memory: { type: "external", maxConnections: 1 } } });
  const first = await broker.connect5();
  const second = broker.open();
  const { reasonCode, properties } = await second.connect({ protocolVersion: 5 });
  assertEquals(reasonCode, 0x97);
  assert(properties?.reasonString?.includes("max-connections"), properties?.reasonString);
  await second.expectClosed();
  await first.expectNothing();
});

/** The refusal as a plugin gives it. */
function refusalOf(refusal: {
  reasonCode: 0x87 | 0x89 | 0x8a | 0x9c | 0x9d;
  reasonString?: string;
  userProperties?: readonly (readonly [string, string])[];
  serverReference?: string;
}) {
  return { decision: "deny" as const, ...refusal };
}
