import { assert, assertEquals, assertThrows } from "@std/assert";
import { encode, encodeAck, encodedSizeBytes, encodePublish, publishSizeBytes } from "../../src/packet/encode.ts";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";
import { type OutboundPacket, PacketType, type ProtocolVersion } from "../../src/packet/packets.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { hex, toHex } from "./frames.ts";

const { Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback, Pingresp, Disconnect, Auth } = PacketType;
const versionNames = { 3: "3.1", 4: "3.1.1", 5: "5.0" };

function encoded(packet: OutboundPacket, version: ProtocolVersion): string {
  const out = new OutputBuffer();
  assertEquals(encode(out, packet, version), out.length > 0);
  assertEquals(encodedSizeBytes(packet, version), out.length);
  return toHex(out.take());
}

const publish = {
  type: Publish,
  dup: false,
  qos: 0,
  retain: false,
  topicName: parseTopicName("a/b"),
  packetIdentifier: 0,
  payload: hex("'hi'"),
} as const;

const answer = { reasonString: "r", userProperties: [["k", "v"], ["k", ""]] } as const;
const answerBytes = "1f 0001'r' 26 0001'k' 0001'v' 26 0001'k' 0000";

/** Title, packet, and its bytes in 3.1, 3.1.1 and 5.0. */
const vectors: readonly [title: string, packet: OutboundPacket, v3: string, v4: string, v5: string][] = [
  [
    "CONNACK",
    { type: Connack, sessionPresent: false, reasonCode: ReasonCode.Success },
    "20 02 00 00",
    "20 02 00 00",
    "20 03 00 00 00",
  ],
  [
    "CONNACK with session present, which 3.1 does not know,",
    { type: Connack, sessionPresent: true, reasonCode: ReasonCode.Success },
    "20 02 00 00",
    "20 02 01 00",
    "20 03 01 00 00",
  ],
  [
    "[MQTT-3.2.2-4] 3.1.1, [MQTT-3.2.2-6] 5.0 CONNACK that refuses has no session present and",
    { type: Connack, sessionPresent: true, reasonCode: ReasonCode.NotAuthorized },
    "20 02 00 05",
    "20 02 00 05",
    "20 03 00 87 00",
  ],
  [
    "CONNACK with every property",
    {
      type: Connack,
      sessionPresent: false,
      reasonCode: ReasonCode.Success,
      properties: {
        sessionExpiryIntervalSeconds: 4294967295,
        receiveMaximum: 10,
        maximumQoS: 1,
        retainAvailable: false,
        maximumPacketSizeBytes: 65536,
        assignedClientIdentifier: "id",
        topicAliasMaximum: 5,
        reasonString: "r",
        userProperties: [["k", "v"]],
        wildcardSubscriptionAvailable: true,
        subscriptionIdentifiersAvailable: true,
        sharedSubscriptionAvailable: false,
        serverKeepAliveSeconds: 60,
        responseInformation: "i",
        serverReference: "s",
        authenticationMethod: "m",
        authenticationData: hex("00"),
      },
    },
    "20 02 00 00",
    "20 02 00 00",
    "20 40 00 00 3d 11 ffffffff 12 0002'id' 13 003c 15 0001'm' 16 0001 00 1a 0001'i' 1c 0001's' 1f 0001'r' 21 000a" +
    "22 0005 24 01 25 00 26 0001'k' 0001'v' 27 00010000 28 01 29 01 2a 00",
  ],
  ["PUBLISH at QoS 0", publish, "30 07 0003'a/b' 'hi'", "30 07 0003'a/b' 'hi'", "30 08 0003'a/b' 00 'hi'"],
  [
    "[MQTT-2.3.1-5] 3.1.1, [MQTT-2.2.1-2] 5.0 PUBLISH at QoS 0 has no packet identifier and",
    { ...publish, packetIdentifier: 7 },
    "30 07 0003'a/b' 'hi'",
    "30 07 0003'a/b' 'hi'",
    "30 08 0003'a/b' 00 'hi'",
  ],
  [
    "PUBLISH with DUP and RETAIN at QoS 2 and without payload",
    { ...publish, dup: true, qos: 2, retain: true, packetIdentifier: 0xfedc, payload: hex("") },
    "3d 07 0003'a/b' fedc",
    "3d 07 0003'a/b' fedc",
    "3d 08 0003'a/b' fedc 00",
  ],
  [
    "PUBLISH to a name beyond ASCII",
    { ...publish, topicName: parseTopicName("é/😀") },
    "30 0b 0007 c3a9 2f f09f9880 'hi'",
    "30 0b 0007 c3a9 2f f09f9880 'hi'",
    "30 0c 0007 c3a9 2f f09f9880 00 'hi'",
  ],
  [
    "PUBLISH with every property",
    {
      ...publish,
      topicAlias: 7,
      subscriptionIdentifiers: [1, 268435455],
      properties: {
        payloadFormatIndicator: 1,
        messageExpiryIntervalSeconds: 10,
        contentType: "t",
        responseTopic: parseTopicName("r"),
        correlationData: hex("ff"),
        userProperties: [["b", "1"], ["a", "2"], ["b", "3"]],
      },
    },
    "30 07 0003'a/b' 'hi'",
    "30 07 0003'a/b' 'hi'",
    "30 3a 0003'a/b' 32 02 0000000a 23 0007 0b 01 0b ffffff7f 01 01 03 0001't' 08 0001'r' 09 0001 ff" +
    "26 0001'b' 0001'1' 26 0001'a' 0001'2' 26 0001'b' 0001'3' 'hi'",
  ],
  ...([[Puback, "40"], [Pubrec, "50"], [Pubrel, "62"], [Pubcomp, "70"]] as const).flatMap(
    ([type, first]): [string, OutboundPacket, string, string, string][] => {
      const plain = `${first} 02 1234`;
      const what = `packet type ${type}`;
      return [
        [`${what}`, { type, packetIdentifier: 0x1234, reasonCode: 0 }, plain, plain, plain],
        [
          `${what} with a reason code`,
          { type, packetIdentifier: 0x1234, reasonCode: 0x92 },
          plain,
          plain,
          `${first} 03 1234 92`,
        ],
        [
          `${what} with properties`,
          { type, packetIdentifier: 0x1234, reasonCode: 0, properties: answer },
          plain,
          plain,
          `${first} 15 1234 00 11 ${answerBytes}`,
        ],
        [
          `${what} with properties that are empty`,
          { type, packetIdentifier: 0x1234, reasonCode: 0, properties: {} },
          plain,
          plain,
          plain,
        ],
      ];
    },
  ),
  [
    "SUBACK",
    { type: Suback, packetIdentifier: 10, reasonCodes: [0, 1, 2, 0x80, 0x87, 0x8f] },
    "90 08 000a 00 01 02 00 00 00",
    "90 08 000a 00 01 02 80 80 80",
    "90 09 000a 00 00 01 02 80 87 8f",
  ],
  [
    "SUBACK with properties",
    { type: Suback, packetIdentifier: 10, reasonCodes: [0], properties: answer },
    "90 03 000a 00",
    "90 03 000a 00",
    `90 15 000a 11 ${answerBytes} 00`,
  ],
  [
    "UNSUBACK",
    { type: Unsuback, packetIdentifier: 10, reasonCodes: [0, 0x11] },
    "b0 02 000a",
    "b0 02 000a",
    "b0 05 000a 00 00 11",
  ],
  ["PINGRESP", { type: Pingresp }, "d0 00", "d0 00", "d0 00"],
  ["DISCONNECT", { type: Disconnect, reasonCode: 0 }, "", "", "e0 00"],
  ["DISCONNECT with a reason code", { type: Disconnect, reasonCode: 0x8e }, "", "", "e0 01 8e"],
  [
    "DISCONNECT with properties",
    { type: Disconnect, reasonCode: 0x9d, properties: { ...answer, serverReference: "s" } },
    "",
    "",
    `e0 17 9d 15 1c 0001's' ${answerBytes}`,
  ],
  [
    "AUTH",
    { type: Auth, reasonCode: 0x18, properties: { authenticationMethod: "m", authenticationData: hex("01") } },
    "",
    "",
    "f0 0a 18 08 15 0001'm' 16 0001 01",
  ],
];

for (const [title, packet, v3, v4, v5] of vectors) {
  for (const [version, bytes] of [[3, v3], [4, v4], [5, v5]] as const) {
    Deno.test(`${title} is written in ${versionNames[version]}`, () => {
      assertEquals(encoded(packet, version), toHex(hex(bytes)));
    });
  }
}

Deno.test("every reason code of CONNACK becomes a return code of 3.x that refuses", () => {
  const returnCodes: Partial<Record<number, string>> = { 0x84: "01", 0x85: "02", 0x86: "04" };
  const notAuthorized: number[] = [0x87, 0x8a, 0x8c, 0x90, 0x99, 0x9a, 0x9b];
  for (const reasonCode of Object.values(ReasonCode).filter((code) => code >= 0x80)) {
    const wanted = returnCodes[reasonCode] ?? (notAuthorized.includes(reasonCode) ? "05" : "03");
    for (const version of [3, 4] as const) {
      assertEquals(encoded({ type: Connack, sessionPresent: false, reasonCode }, version), "200200" + wanted);
    }
  }
});

Deno.test("packets follow one another in the buffer", () => {
  const out = new OutputBuffer();
  encodeAck(out, Puback, 1, ReasonCode.Success, 4);
  encodePublish(out, publish, 4);
  encodeAck(out, Pubrel, 2, ReasonCode.Success, 4);
  assertEquals(toHex(out.take()), toHex(hex("40 02 0001 30 07 0003'a/b' 'hi' 62 02 0002")));
});

Deno.test("sizes at the steps of the remaining length are told and written alike", () => {
  for (const size of [100, 121, 122, 123, 124, 16_377, 16_378, 16_379, 16_380, 2_097_146, 2_097_147]) {
    for (const version of [4, 5] as const) {
      const fields = { ...publish, payload: new Uint8Array(size) };
      const out = new OutputBuffer();
      encodePublish(out, fields, version);
      assertEquals(publishSizeBytes(fields, version), out.size);
      const header = out.size - 5 - size - (version === 5 ? 1 : 0);
      const remaining = 5 + size + (version === 5 ? 1 : 0);
      assertEquals(header, 1 + (remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4));
    }
  }
});

Deno.test("what is too long for the format is a RangeError and leaves nothing behind", () => {
  const long = "x".repeat(65_536);
  const tooLong: OutboundPacket[] = [
    { ...publish, topicName: parseTopicName("x".repeat(65_535)), properties: { contentType: long } },
    { type: Connack, sessionPresent: false, reasonCode: 0, properties: { reasonString: long } },
    { type: Puback, packetIdentifier: 1, reasonCode: 0, properties: { userProperties: [["k", long]] } },
    { type: Suback, packetIdentifier: 1, reasonCodes: [0], properties: { reasonString: long } },
    { type: Disconnect, reasonCode: 0x8b, properties: { reasonString: long } },
    { type: Auth, reasonCode: 0x18, properties: { authenticationData: new Uint8Array(65_536) } },
  ];
  for (const packet of tooLong) {
    const out = new OutputBuffer();
    assertThrows(() => encode(out, packet, 5), RangeError);
    assertEquals(out.length, 0);
    assert(encodedSizeBytes({ type: Pingresp }, 5) === 2);
  }
  const out = new OutputBuffer();
  assertThrows(() => encodePublish(out, { ...publish, topicName: long }, 4), RangeError);
  assertEquals(out.length, 0);
});
