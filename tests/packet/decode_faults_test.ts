import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { ConnectError } from "../../src/packet/decode.ts";
import type { ProtocolVersion } from "../../src/packet/packets.ts";
import { ProtocolError } from "../../src/packet/protocol_error.ts";
import { binary, concat, packetOf, string, u16 } from "../support/client_codec.ts";
import { decodeAll, hex } from "./frames.ts";

const MALFORMED = 0x81;
const PROTOCOL = 0x82;
const UNSUPPORTED = 0x84;
const ALIAS = 0x94;

type Fault = readonly [title: string, bytes: Uint8Array, reasonCode: number];

/** Runs each vector in each of the versions; `undefined` is a connection that has not signed in. */
function test(label: string, versions: readonly (ProtocolVersion | undefined)[], faults: readonly Fault[]): void {
  for (const [title, bytes, reasonCode] of faults) {
    Deno.test(`${title} is 0x${reasonCode.toString(16)} (${label})`, () => {
      for (const version of versions) {
        assertEquals(assertThrows(() => decodeAll(bytes, version), ProtocolError).reasonCode, reasonCode);
      }
    });
  }
}

const notUtf8 = hex("0002 c328");
const surrogate = hex("0003 eda080");
const nul = hex("0003 610062");

/** CONNECT of 3.1.1 with `flags`, the payload behind the keep-alive and another level or name. */
function connect(flags: number, ...payload: (number | Iterable<number>)[]): Uint8Array {
  return packetOf(0x10, string("MQTT"), 4, flags, u16(60), ...payload);
}

function connect31(flags: number, ...payload: (number | Iterable<number>)[]): Uint8Array {
  return packetOf(0x10, string("MQIsdp"), 3, flags, u16(60), ...payload);
}

/** CONNECT of 5.0 with properties, their length not included, and the payload. */
function connect5(flags: number, properties: string, ...payload: (number | Iterable<number>)[]): Uint8Array {
  return packetOf(0x10, string("MQTT"), 5, flags, u16(60), binary(hex(properties)).subarray(1), ...payload);
}

test("before sign-in", [undefined], [
  ["[MQTT-3.1.0-1] 3.1.1 and 5.0 PUBLISH before CONNECT", packetOf(0x30, string("a")), PROTOCOL],
  ["[MQTT-3.1.0-1] 3.1.1 and 5.0 PINGREQ before CONNECT", packetOf(0xc0), PROTOCOL],
  ["[MQTT-3.1.2-1] 3.1.1 and 5.0 CONNECT of another protocol name", packetOf(0x10, string("mqtt"), 4, 2), UNSUPPORTED],
  ["CONNECT without body", packetOf(0x10), MALFORMED],
  ["CONNECT that ends after its level", packetOf(0x10, string("MQTT"), 4), MALFORMED],
  ["CONNECT that ends in its keep-alive", packetOf(0x10, string("MQTT"), 4, 2, 0), MALFORMED],
]);

const c = string("c");

test("CONNECT, 3.1.1", [undefined], [
  ["[MQTT-3.1.2-3] 3.1.1 reserved connect flag", connect(0x03, c), MALFORMED],
  ["[MQTT-3.1.2-11] 3.1.1 will QoS without will flag", connect(0x0a, c), MALFORMED],
  ["[MQTT-3.1.2-13] 3.1.1 will QoS 2 without will flag", connect(0x12, c), MALFORMED],
  ["[MQTT-3.1.2-14] 3.1.1 will QoS 3", connect(0x1e, c, string("w"), string("")), MALFORMED],
  ["[MQTT-3.1.2-15] 3.1.1 will retain without will flag", connect(0x22, c), MALFORMED],
  ["[MQTT-3.1.2-22] 3.1.1 password without username", connect(0x42, c, string("pw")), MALFORMED],
  ["[MQTT-3.1.2-19] 3.1.1 username flag without username", connect(0x82, c), MALFORMED],
  ["[MQTT-3.1.2-21] 3.1.1 password flag without password", connect(0xc2, c, string("u")), MALFORMED],
  ["[MQTT-3.1.2-18] 3.1.1 username without username flag", connect(0x02, c, string("u")), MALFORMED],
  ["[MQTT-3.1.2-20] 3.1.1 password without password flag", connect(0x82, c, string("u"), string("p")), MALFORMED],
  ["[MQTT-3.1.2-9] 3.1.1 will flag without will", connect(0x06, c), MALFORMED],
  ["[MQTT-3.1.3-3] 3.1.1 no client identifier", connect(0x02), MALFORMED],
  ["[MQTT-3.1.3-4] 3.1.1 client identifier that is not UTF-8", connect(0x02, notUtf8), MALFORMED],
  ["[MQTT-3.1.3-10] 3.1.1 will topic that is not UTF-8", connect(0x06, c, notUtf8, string("")), MALFORMED],
  ["[MQTT-3.1.3-11] 3.1.1 username that is not UTF-8", connect(0x82, c, notUtf8), MALFORMED],
  ["[MQTT-1.5.3-1] 3.1.1 surrogate in the client identifier", connect(0x02, surrogate), MALFORMED],
  ["[MQTT-1.5.3-2] 3.1.1 NUL in the client identifier", connect(0x02, nul), MALFORMED],
  ["[MQTT-1.5.3-2] 3.1.1 NUL in the username", connect(0x82, c, nul), MALFORMED],
  ["[MQTT-1.5.3-2] 3.1.1 NUL in the will topic", connect(0x06, c, nul, string("")), MALFORMED],
  ["[MQTT-4.7.1-1] 3.1.1 wildcard in the will topic", connect(0x06, c, string("a/#"), string("")), MALFORMED],
  ["[MQTT-4.7.3-1] 3.1.1 empty will topic", connect(0x06, c, string(""), string("")), MALFORMED],
  [
    "username that is not UTF-8 and would become too long",
    connect(0x82, c, binary(new Uint8Array(40_000).fill(0xff))),
    MALFORMED,
  ],
  ["CONNECT that goes on behind its last field", connect(0x02, c, 0), MALFORMED],
]);

test("CONNECT, 3.1", [undefined], [
  ["MQTT 3.1 §3.1 username cut in its length", connect31(0x82, c, 0), MALFORMED],
  ["MQTT 3.1 §3.1 username cut in its text", connect31(0xc2, c, u16(2), 0x61), MALFORMED],
  ["MQTT 3.1 §3.1 will flag without will", connect31(0x06, c), MALFORMED],
  ["MQTT 3.1 §3.1 client identifier that is not UTF-8", connect31(0x02, notUtf8), MALFORMED],
  ["MQTT 3.1 §3.1 will QoS 3", connect31(0x1e, c, string("w"), string("")), MALFORMED],
]);

test("CONNECT, 5.0", [undefined], [
  ["[MQTT-3.1.2-3] 5.0 reserved connect flag", connect5(0x03, "", c), MALFORMED],
  ["[MQTT-3.1.2-11] 5.0 will QoS without will flag", connect5(0x0a, "", c), MALFORMED],
  ["[MQTT-3.1.2-12] 5.0 will QoS 3", connect5(0x1e, "", c, 0, string("w"), string("")), MALFORMED],
  ["[MQTT-3.1.2-13] 5.0 will retain without will flag", connect5(0x22, "", c), MALFORMED],
  ["[MQTT-3.1.2-17] 5.0 username flag without username", connect5(0x82, "", c), MALFORMED],
  ["[MQTT-3.1.2-19] 5.0 password flag without password", connect5(0x42, "", c), MALFORMED],
  ["[MQTT-3.1.2-16] 5.0 username without username flag", connect5(0x02, "", c, string("u")), MALFORMED],
  ["[MQTT-3.1.3-3] 5.0 no client identifier", connect5(0x02, ""), MALFORMED],
  ["[MQTT-3.1.3-4] 5.0 client identifier that is not UTF-8", connect5(0x02, "", notUtf8), MALFORMED],
  ["[MQTT-3.1.3-11] 5.0 will topic that is not UTF-8", connect5(0x06, "", c, 0, notUtf8, string("")), MALFORMED],
  ["[MQTT-3.1.3-12] 5.0 username that is not UTF-8", connect5(0x82, "", c, notUtf8), MALFORMED],
  ["[MQTT-1.5.4-1] 5.0 surrogate in the client identifier", connect5(0x02, "", surrogate), MALFORMED],
  ["[MQTT-1.5.4-2] 5.0 NUL in the client identifier", connect5(0x02, "", nul), MALFORMED],
  ["[MQTT-4.7.0-1] 5.0 wildcard in the will topic", connect5(0x06, "", c, 0, string("+"), string("")), MALFORMED],
  ["CONNECT that ends before its properties", packetOf(0x10, string("MQTT"), 5, 2, 0, 60), MALFORMED],
  ["CONNECT with a property length beyond its end", packetOf(0x10, string("MQTT"), 5, 2, 0, 60, 9, c), MALFORMED],
  [
    "[MQTT-1.5.5-1] 5.0 property length longer than need be",
    packetOf(0x10, string("MQTT"), 5, 2, 0, 60, 0x80, 0, c),
    MALFORMED,
  ],
  ["unknown property", connect5(0x02, "7f 00", c), MALFORMED],
  ["property identifier of five bytes", connect5(0x02, "ffffffff01", c), MALFORMED],
  ["property of another packet", connect5(0x02, "23 0001", c), MALFORMED],
  ["property cut short", connect5(0x02, "21 00", c), MALFORMED],
  ["user property cut in its value", connect5(0x02, "26 0001 'a'", c), MALFORMED],
  ["[MQTT-1.5.7-1] 5.0 user property that is not UTF-8", connect5(0x02, "26 0001 ff 0000", c), MALFORMED],
  ["session expiry interval twice", connect5(0x02, "11 00000000 11 00000000", c), PROTOCOL],
  ["receive maximum twice", connect5(0x02, "21 0001 21 0001", c), PROTOCOL],
  ["receive maximum 0", connect5(0x02, "21 0000", c), PROTOCOL],
  ["maximum packet size 0", connect5(0x02, "27 00000000", c), PROTOCOL],
  ["request response information 2", connect5(0x02, "19 02", c), PROTOCOL],
  ["request problem information 2", connect5(0x02, "17 02", c), PROTOCOL],
  ["authentication data without method", connect5(0x02, "16 0000", c), PROTOCOL],
  ["authentication method twice", connect5(0x02, "15 0000 15 0000", c), PROTOCOL],
  ["will delay interval outside the will", connect5(0x02, "18 00000000", c), MALFORMED],
  ["will delay interval twice", connect5(0x06, "", c, hex("0a 1800000000 1800000000"), string("w"), u16(0)), PROTOCOL],
  ["will payload format indicator 2", connect5(0x06, "", c, hex("02 0102"), string("w"), u16(0)), PROTOCOL],
  ["topic alias in the will", connect5(0x06, "", c, hex("03 230001"), string("w"), u16(0)), MALFORMED],
  ["CONNECT that goes on behind its last field", connect5(0x02, "", c, 0), MALFORMED],
]);

test("PUBLISH, all versions", [3, 4, 5], [
  ["PUBLISH without body", packetOf(0x30), MALFORMED],
  ["PUBLISH of one byte", packetOf(0x30, 0), MALFORMED],
  ["PUBLISH whose topic name goes beyond its end", packetOf(0x30, u16(2), 0x61), MALFORMED],
  ["[MQTT-3.3.2-1] 3.1.1 and 5.0 topic name that is not UTF-8", packetOf(0x30, notUtf8, 0), MALFORMED],
  ["[MQTT-1.5.3-1] 3.1.1, [MQTT-1.5.4-1] 5.0 surrogate in the topic name", packetOf(0x30, surrogate, 0), MALFORMED],
  ["[MQTT-1.5.3-2] 3.1.1, [MQTT-1.5.4-2] 5.0 NUL in the topic name", packetOf(0x30, nul, 0), MALFORMED],
  ["NUL in a topic name beyond ASCII", packetOf(0x30, string("é\0"), 0), MALFORMED],
  ["[MQTT-3.3.2-2] 3.1.1 and 5.0 # in the topic name", packetOf(0x30, string("a/#"), 0), MALFORMED],
  ["[MQTT-3.3.2-2] 3.1.1 and 5.0 + in the topic name", packetOf(0x30, string("+/b"), 0), MALFORMED],
  ["wildcard in a topic name beyond ASCII", packetOf(0x30, string("é/+"), 0), MALFORMED],
  ["PUBLISH at QoS 1 without packet identifier", packetOf(0x32, string("a")), MALFORMED],
  ["PUBLISH at QoS 1 with half a packet identifier", packetOf(0x32, string("a"), 1), MALFORMED],
  [
    "[MQTT-2.3.1-1] 3.1.1, [MQTT-2.2.1-3] 5.0 PUBLISH with packet identifier 0",
    packetOf(0x32, string("a"), 0, 0, 0),
    PROTOCOL,
  ],
]);

test("PUBLISH, 3.x", [3, 4], [
  ["[MQTT-4.7.3-1] 3.1.1 empty topic name", packetOf(0x30, string("")), MALFORMED],
]);

/** PUBLISH of 5.0 to `a` with properties, their length not included. */
function publish5(properties: string, topicName = "a"): Uint8Array {
  return packetOf(0x30, string(topicName), binary(hex(properties)).subarray(1));
}

test("PUBLISH, 5.0", [5], [
  ["PUBLISH without property length", packetOf(0x30, string("a")), MALFORMED],
  ["PUBLISH with a property length beyond its end", packetOf(0x30, string("a"), 5, 1, 0), MALFORMED],
  ["empty topic name without topic alias", publish5("", ""), PROTOCOL],
  ["empty topic name with other properties", publish5("01 00", ""), PROTOCOL],
  ["[MQTT-3.3.2-8] 5.0 topic alias 0", publish5("23 0000"), ALIAS],
  ["topic alias twice", publish5("23 0001 23 0001"), PROTOCOL],
  ["[MQTT-3.3.4-6] 5.0 subscription identifier from a client", publish5("0b 01"), PROTOCOL],
  ["payload format indicator 2", publish5("01 02"), PROTOCOL],
  ["payload format indicator twice", publish5("01 01 01 01"), PROTOCOL],
  ["message expiry interval twice", publish5("02 00000001 02 00000001"), PROTOCOL],
  ["content type twice", publish5("03 0000 03 0000"), PROTOCOL],
  ["[MQTT-3.3.2-19] 5.0 content type that is not UTF-8", publish5("03 0001 ff"), MALFORMED],
  ["[MQTT-3.3.2-13] 5.0 response topic that is not UTF-8", publish5("08 0001 ff"), MALFORMED],
  ["[MQTT-3.3.2-14] 5.0 response topic with a wildcard", publish5("08 0001 '#'"), PROTOCOL],
  ["empty response topic", publish5("08 0000"), PROTOCOL],
  ["response topic twice", publish5("08 0001'a' 08 0001'a'"), PROTOCOL],
  ["correlation data twice", publish5("09 0000 09 0000"), PROTOCOL],
  ["correlation data cut short", publish5("09 0002 00"), MALFORMED],
  ["reason string in PUBLISH", publish5("1f 0000"), MALFORMED],
]);

const ackNames = [["PUBACK", 0x40], ["PUBREC", 0x50], ["PUBREL", 0x62], ["PUBCOMP", 0x70]] as const;

for (const [what, first] of ackNames) {
  test("all versions", [3, 4, 5], [
    [`${what} without body`, packetOf(first), MALFORMED],
    [`${what} of one byte`, packetOf(first, 1), MALFORMED],
    [`[MQTT-2.3.1-1] 3.1.1, [MQTT-2.2.1-3] 5.0 ${what} with packet identifier 0`, packetOf(first, 0, 0), PROTOCOL],
  ]);
  test("3.x", [3, 4], [[`${what} of three bytes`, packetOf(first, 0, 1, 0), MALFORMED]]);
  test("5.0", [5], [
    [`${what} with a reason code of SUBACK`, packetOf(first, 0, 1, 0x8f), PROTOCOL],
    [`${what} with an unknown reason code`, packetOf(first, 0, 1, 0xff), PROTOCOL],
    [`${what} with two reason strings`, packetOf(first, 0, 1, 0, hex("06 1f0000 1f0000")), PROTOCOL],
    [`${what} with a property of CONNACK`, packetOf(first, 0, 1, 0, hex("02 2501")), MALFORMED],
    [`${what} that goes on behind its properties`, packetOf(first, 0, 1, 0, 0, 0), MALFORMED],
    [`${what} with a property length beyond its end`, packetOf(first, 0, 1, 0, 1), MALFORMED],
  ]);
}

test("5.0", [5], [
  ["PUBREL with a reason code of PUBACK", packetOf(0x62, 0, 1, 0x97), PROTOCOL],
  ["PUBACK with a reason code of PUBREL", packetOf(0x40, 0, 1, 0x92), PROTOCOL],
]);

test("3.1.1 and 5.0", [4, 5], [
  ["[MQTT-3.6.1-1] 3.1.1 and 5.0 PUBREL with DUP", packetOf(0x6a, 0, 1), MALFORMED],
  ["[MQTT-3.8.1-1] 3.1.1 and 5.0 SUBSCRIBE with DUP", packetOf(0x8a, 0, 1, string("a"), 0), MALFORMED],
  ["[MQTT-3.10.1-1] 3.1.1 and 5.0 UNSUBSCRIBE with DUP", packetOf(0xaa, 0, 1, string("a")), MALFORMED],
]);

for (const version of [3, 4, 5] as const) {
  const none = version === 5 ? [0] : [];
  const subscribe = (...rest: (number | Iterable<number>)[]) => packetOf(0x82, 0, 1, none, ...rest);
  const unsubscribe = (...rest: (number | Iterable<number>)[]) => packetOf(0xa2, 0, 1, none, ...rest);
  const shown = { 3: "3.1", 4: "3.1.1", 5: "5.0" }[version];
  const identifier = version === 5 ? "[MQTT-2.2.1-3] 5.0" : "[MQTT-2.3.1-1] 3.1.1";
  const atLeastOne = version === 5 ? "[MQTT-3.8.3-2] 5.0" : "[MQTT-3.8.3-3] 3.1.1";
  const alone = version === 5 ? "[MQTT-4.7.1-1] 5.0" : "[MQTT-4.7.1-2] 3.1.1";
  const wholeLevel = version === 5 ? "[MQTT-4.7.1-2] 5.0" : "[MQTT-4.7.1-3] 3.1.1";
  test(shown, [version], [
    ["SUBSCRIBE without body", packetOf(0x82), MALFORMED],
    [`${identifier} SUBSCRIBE with packet identifier 0`, packetOf(0x82, 0, 0, none, string("a"), 0), PROTOCOL],
    [`${atLeastOne} SUBSCRIBE without topic filter`, subscribe(), PROTOCOL],
    ["SUBSCRIBE that ends before its options", subscribe(string("a")), MALFORMED],
    ["SUBSCRIBE that ends in its second filter", subscribe(string("a"), 0, 0), MALFORMED],
    ["[MQTT-3.8.3-1] 3.1.1 and 5.0 topic filter that is not UTF-8", subscribe(notUtf8, 0), MALFORMED],
    ["surrogate in a topic filter", subscribe(surrogate, 0), MALFORMED],
    ["[MQTT-4.7.3-2] 3.1.1 and 5.0 NUL in a topic filter", subscribe(nul, 0), MALFORMED],
    ["[MQTT-4.7.3-1] 3.1.1 and 5.0 empty topic filter", subscribe(string(""), 0), MALFORMED],
    [`${alone} topic filter a#`, subscribe(string("a#"), 0), MALFORMED],
    [`${alone} topic filter #/a`, subscribe(string("#/a"), 0), MALFORMED],
    [`${wholeLevel} topic filter a+`, subscribe(string("a+"), 0), MALFORMED],
    ["a wrong filter behind a right one", subscribe(string("a"), 0, string("+a"), 0), MALFORMED],
    ["UNSUBSCRIBE without body", packetOf(0xa2), MALFORMED],
    [`${identifier} UNSUBSCRIBE with packet identifier 0`, packetOf(0xa2, 0, 0, none, string("a")), PROTOCOL],
    ["[MQTT-3.10.3-2] 3.1.1 and 5.0 UNSUBSCRIBE without topic filter", unsubscribe(), PROTOCOL],
    ["[MQTT-3.10.3-1] 3.1.1 and 5.0 UNSUBSCRIBE that is not UTF-8", unsubscribe(notUtf8), MALFORMED],
    ["UNSUBSCRIBE with a wrong filter", unsubscribe(string("a#")), MALFORMED],
    ["UNSUBSCRIBE that ends in its filter", unsubscribe(string("a"), 0, 2, 0x61), MALFORMED],
    ["PINGREQ with a body", packetOf(0xc0, 0), MALFORMED],
    ["[MQTT-3.1.0-2] 3.1.1 and 5.0 second CONNECT", connect(0x02, c), PROTOCOL],
    ["CONNACK from a client", packetOf(0x20, 0, 0), PROTOCOL],
    ["SUBACK from a client", packetOf(0x90, 0, 1, 0), PROTOCOL],
    ["UNSUBACK from a client", packetOf(0xb0, 0, 1), PROTOCOL],
    ["PINGRESP from a client", packetOf(0xd0), PROTOCOL],
  ]);
}

test("3.x", [3, 4], [
  ["[MQTT-3.8.3-4] 3.1.1 SUBSCRIBE with QoS 3", packetOf(0x82, 0, 1, string("a"), 3), MALFORMED],
  ["[MQTT-3.8.3-4] 3.1.1 SUBSCRIBE with reserved bits", packetOf(0x82, 0, 1, string("a"), 4), MALFORMED],
  ["[MQTT-3.14.1-1] 3.1.1 DISCONNECT with a body", packetOf(0xe0, 0), MALFORMED],
  ["AUTH", packetOf(0xf0), MALFORMED],
]);

test("5.0", [5], [
  ["SUBSCRIBE without property length", packetOf(0x82, 0, 1), MALFORMED],
  ["[MQTT-3.8.3-5] 5.0 SUBSCRIBE with reserved bit 6", packetOf(0x82, 0, 1, 0, string("a"), 0x40), MALFORMED],
  ["[MQTT-3.8.3-5] 5.0 SUBSCRIBE with reserved bit 7", packetOf(0x82, 0, 1, 0, string("a"), 0x80), MALFORMED],
  ["SUBSCRIBE with maximum QoS 3", packetOf(0x82, 0, 1, 0, string("a"), 3), PROTOCOL],
  ["SUBSCRIBE with retain handling 3", packetOf(0x82, 0, 1, 0, string("a"), 0x30), PROTOCOL],
  ["SUBSCRIBE with subscription identifier 0", packetOf(0x82, 0, 1, hex("02 0b00"), string("a"), 0), PROTOCOL],
  ["SUBSCRIBE with two subscription identifiers", packetOf(0x82, 0, 1, hex("04 0b01 0b02"), string("a"), 0), PROTOCOL],
  ["SUBSCRIBE with a reason string", packetOf(0x82, 0, 1, hex("03 1f0000"), string("a"), 0), MALFORMED],
  ["UNSUBSCRIBE with a subscription identifier", packetOf(0xa2, 0, 1, hex("02 0b01"), string("a")), MALFORMED],
  ["[MQTT-3.14.2-1] 5.0 DISCONNECT with a reason code of the server", packetOf(0xe0, 0x8b), PROTOCOL],
  ["DISCONNECT with an unknown reason code", packetOf(0xe0, 0x05), PROTOCOL],
  ["DISCONNECT with a server reference", packetOf(0xe0, 0, hex("03 1c0000")), PROTOCOL],
  ["DISCONNECT with two session expiry intervals", packetOf(0xe0, 0, hex("0a 1100000000 1100000000")), PROTOCOL],
  ["DISCONNECT that goes on behind its properties", packetOf(0xe0, 0, 0, 0), MALFORMED],
  ["AUTH without body", packetOf(0xf0), PROTOCOL],
  ["[MQTT-3.15.2-1] 5.0 AUTH with Success, which only a server says,", packetOf(0xf0, 0, hex("03 150000")), PROTOCOL],
  ["[MQTT-3.15.2-1] 5.0 AUTH with an unknown reason code", packetOf(0xf0, 0x1a, hex("03 150000")), PROTOCOL],
  ["AUTH without authentication method", packetOf(0xf0, 0x18, 0), PROTOCOL],
  ["AUTH that ends after its reason code", packetOf(0xf0, 0x18), PROTOCOL],
  ["AUTH with two authentication methods", packetOf(0xf0, 0x18, hex("06 150000 150000")), PROTOCOL],
]);

const levels: readonly [name: string, level: number, respondAs: ProtocolVersion][] = [
  ["MQTT", 0, 4],
  ["MQTT", 3, 4],
  ["MQTT", 6, 5],
  ["MQTT", 0x7f, 5],
  ["MQTT", 0x85, 4],
  ["MQTT", 0x85, 4],
  ["MQIsdp", 4, 3],
  ["MQIsdp", 0x84, 3],
];

for (const [name, level, respondAs] of levels) {
  const shown = `${name} level 0x${level.toString(16)}`;
  Deno.test(`[MQTT-3.1.2-2] 3.1.1 and 5.0 ${shown} is refused in the form of version ${respondAs}`, () => {
    const bytes = packetOf(0x10, string(name), level, 2, u16(0), string("c"));
    const fault = assertThrows(() => decodeAll(bytes, undefined), ProtocolError);
    assertInstanceOf(fault, ConnectError);
    assertEquals([fault.respondAs, fault.reasonCode], [respondAs, UNSUPPORTED]);
  });
}

Deno.test("another protocol name is not answered with a CONNACK", () => {
  const bytes = packetOf(0x10, string("HTTP"), 4, 2, u16(0), string("c"));
  const fault = assertThrows(() => decodeAll(bytes, undefined), ProtocolError, '"HTTP"');
  assert(!(fault instanceof ConnectError));
});

Deno.test("a fault says what was found and does not show the password", () => {
  const bytes = connect(0xc2, c, string("joe"), concat(string("secret"), 0));
  const fault = assertThrows(() => decodeAll(bytes, undefined), ProtocolError);
  assert(!fault.message.includes("secret"), fault.message);
});
