import { assertEquals, assertStrictEquals } from "@std/assert";
import { decode } from "../../src/packet/decode.ts";
import { type InboundPacket, PacketType, type ProtocolVersion } from "../../src/packet/packets.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { decodeAll, hex, readerOf } from "./frames.ts";

const name = parseTopicName;
const filter = parseTopicFilter;
const { Connect, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Unsubscribe, Pingreq, Disconnect, Auth } =
  PacketType;

const connectDefaults = {
  receiveMaximum: 65535,
  topicAliasMaximum: 0,
  requestResponseInformation: false,
  requestProblemInformation: true,
};
const plainOptions = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

interface Vector {
  readonly title: string;
  readonly versions: readonly ProtocolVersion[];
  readonly bytes: string;
  readonly packet: InboundPacket;
}

const vectors: readonly Vector[] = [
  {
    title: "CONNECT with nothing but a client identifier",
    versions: [4],
    bytes: "10 0e 0004 'MQTT' 04 02 003c 0002 'c1'",
    packet: {
      type: Connect,
      protocolVersion: 4,
      cleanStart: true,
      keepAliveSeconds: 60,
      clientIdentifier: "c1",
      ...connectDefaults,
    },
  },
  {
    title: "CONNECT with an empty client identifier, which the broker judges,",
    versions: [4],
    bytes: "10 0c 0004 'MQTT' 04 00 ffff 0000",
    packet: {
      type: Connect,
      protocolVersion: 4,
      cleanStart: false,
      keepAliveSeconds: 65535,
      clientIdentifier: "",
      ...connectDefaults,
    },
  },
  {
    title: "CONNECT with will, username and password",
    versions: [4],
    bytes: "10 22 0004 'MQTT' 04 ee 0000 0002 'c1' 0003 'a/b' 0003 00ff01 0003 'joe' 0003 'pw!'",
    packet: {
      type: Connect,
      protocolVersion: 4,
      cleanStart: true,
      keepAliveSeconds: 0,
      clientIdentifier: "c1",
      will: {
        topicName: name("a/b"),
        payload: hex("00ff01"),
        qos: 1,
        retain: true,
        delayIntervalSeconds: 0,
      },
      username: "joe",
      password: hex("'pw!'"),
      ...connectDefaults,
    },
  },
  {
    title: "CONNECT with empty username, password and will payload",
    versions: [4],
    bytes: "10 16 0004 'MQTT' 04 c6 0000 0001 'c' 0001 'w' 0000 0000 0000",
    packet: {
      type: Connect,
      protocolVersion: 4,
      cleanStart: true,
      keepAliveSeconds: 0,
      clientIdentifier: "c",
      will: { topicName: name("w"), payload: hex(""), qos: 0, retain: false, delayIntervalSeconds: 0 },
      username: "",
      password: hex(""),
      ...connectDefaults,
    },
  },
  {
    title: "CONNECT",
    versions: [3],
    bytes: "10 10 0006 'MQIsdp' 03 02 000a 0002 'c1'",
    packet: {
      type: Connect,
      protocolVersion: 3,
      cleanStart: true,
      keepAliveSeconds: 10,
      clientIdentifier: "c1",
      ...connectDefaults,
    },
  },
  {
    title: "CONNECT that announces username and password and ends before them (remaining length takes precedence)",
    versions: [3],
    bytes: "10 10 0006 'MQIsdp' 03 c2 000a 0002 'c1'",
    packet: {
      type: Connect,
      protocolVersion: 3,
      cleanStart: true,
      keepAliveSeconds: 10,
      clientIdentifier: "c1",
      ...connectDefaults,
    },
  },
  {
    title: "CONNECT that announces a password and ends before it, with the unused flag set",
    versions: [3],
    bytes: "10 13 0006 'MQIsdp' 03 c3 000a 0002 'c1' 0001 'u'",
    packet: {
      type: Connect,
      protocolVersion: 3,
      cleanStart: true,
      keepAliveSeconds: 10,
      clientIdentifier: "c1",
      username: "u",
      ...connectDefaults,
    },
  },
  {
    title: "CONNECT with a client identifier of more than 23 characters",
    versions: [3],
    bytes: "10 26 0006 'MQIsdp' 03 02 000a 0018 'abcdefghijklmnopqrstuvwx'",
    packet: {
      type: Connect,
      protocolVersion: 3,
      cleanStart: true,
      keepAliveSeconds: 10,
      clientIdentifier: "abcdefghijklmnopqrstuvwx",
      ...connectDefaults,
    },
  },
  {
    title: "CONNECT without properties",
    versions: [5],
    bytes: "10 0d 0004 'MQTT' 05 00 0005 00 0000",
    packet: {
      type: Connect,
      protocolVersion: 5,
      cleanStart: false,
      keepAliveSeconds: 5,
      clientIdentifier: "",
      ...connectDefaults,
      sessionExpiryIntervalSeconds: 0,
    },
  },
  {
    title: "CONNECT with every property, a will with every property and a password alone",
    versions: [5],
    bytes: "10 70 0004 'MQTT' 05 56 0005" +
      "2d 11 ffffffff 21 000a 27 00010000 22 0014 19 01 17 00 26 0001'a' 0001'1' 26 0001'a' 0001'2'" +
      "15 0003'SCR' 16 0002 0001" +
      "0001 'c'" +
      "27 18 00000007 01 01 02 0000000a 03 0001't' 08 0003'r/s' 09 0002 ff00 26 0001'k' 0000 26 0000 0001'v'" +
      "0003 'a/b' 0002 'hi' 0002 'pw'",
    packet: {
      type: Connect,
      protocolVersion: 5,
      cleanStart: true,
      keepAliveSeconds: 5,
      clientIdentifier: "c",
      will: {
        topicName: name("a/b"),
        payload: hex("'hi'"),
        qos: 2,
        retain: false,
        delayIntervalSeconds: 7,
        properties: {
          payloadFormatIndicator: 1,
          messageExpiryIntervalSeconds: 10,
          contentType: "t",
          responseTopic: name("r/s"),
          correlationData: hex("ff00"),
          userProperties: [["k", ""], ["", "v"]],
        },
      },
      password: hex("'pw'"),
      sessionExpiryIntervalSeconds: 4294967295,
      receiveMaximum: 10,
      maximumPacketSizeBytes: 65536,
      topicAliasMaximum: 20,
      requestResponseInformation: true,
      requestProblemInformation: false,
      userProperties: [["a", "1"], ["a", "2"]],
      authenticationMethod: "SCR",
      authenticationData: hex("0001"),
    },
  },
  {
    title: "PUBLISH at QoS 0",
    versions: [3, 4],
    bytes: "30 07 0003 'a/b' 'hi'",
    packet: {
      type: Publish,
      dup: false,
      qos: 0,
      retain: false,
      topicName: name("a/b"),
      packetIdentifier: 0,
      payload: hex("'hi'"),
    },
  },
  {
    title: "PUBLISH with DUP and RETAIN at QoS 2 and without payload",
    versions: [3, 4],
    bytes: "3d 05 0001 'a' ffff",
    packet: {
      type: Publish,
      dup: true,
      qos: 2,
      retain: true,
      topicName: name("a"),
      packetIdentifier: 65535,
      payload: hex(""),
    },
  },
  {
    title: "[MQTT-1.5.3-3] 3.1.1 PUBLISH to a name of many scripts that begins with U+FEFF",
    versions: [3, 4],
    bytes: "30 0e 000c efbbbf c3a9 2f e282ac 61 62 63",
    packet: {
      type: Publish,
      dup: false,
      qos: 0,
      retain: false,
      topicName: name("\ufeffé/€abc"),
      packetIdentifier: 0,
      payload: hex(""),
    },
  },
  {
    title: "PUBLISH without properties",
    versions: [5],
    bytes: "32 08 0001 'a' 0001 00 'hi'",
    packet: {
      type: Publish,
      dup: false,
      qos: 1,
      retain: false,
      topicName: name("a"),
      packetIdentifier: 1,
      payload: hex("'hi'"),
    },
  },
  {
    title: "[MQTT-3.3.2-18] 5.0 PUBLISH with every property, user properties in order,",
    versions: [5],
    bytes: "30 32 0001 'a' 2c 01 00 02 0000000a 03 0001't' 08 0003'r/s' 09 0001 ff 23 0007" +
      "26 0001'a'0001'1' 26 0001'b'0001'2' 26 0001'a'0000 'hi'",
    packet: {
      type: Publish,
      dup: false,
      qos: 0,
      retain: false,
      topicName: name("a"),
      packetIdentifier: 0,
      payload: hex("'hi'"),
      properties: {
        payloadFormatIndicator: 0,
        messageExpiryIntervalSeconds: 10,
        contentType: "t",
        responseTopic: name("r/s"),
        correlationData: hex("ff"),
        userProperties: [["a", "1"], ["b", "2"], ["a", ""]],
      },
      topicAlias: 7,
    },
  },
  {
    title: "PUBLISH with a topic alias in place of a name",
    versions: [5],
    bytes: "30 06 0000 03 23 0001",
    packet: {
      type: Publish,
      dup: false,
      qos: 0,
      retain: false,
      topicName: "",
      packetIdentifier: 0,
      payload: hex(""),
      topicAlias: 1,
    },
  },
  ...([[Puback, "40"], [Pubrec, "50"], [Pubrel, "62"], [Pubcomp, "70"]] as const).map(([type, first]): Vector => ({
    title: `packet type ${type} that only acknowledges`,
    versions: [3, 4, 5],
    bytes: `${first} 02 1234`,
    packet: { type, packetIdentifier: 0x1234, reasonCode: 0 },
  })),
  {
    title: "PUBREL with DUP",
    versions: [3],
    bytes: "6a 02 0001",
    packet: { type: Pubrel, packetIdentifier: 1, reasonCode: 0 },
  },
  {
    title: "PUBREC with a reason code",
    versions: [5],
    bytes: "50 03 0001 97",
    packet: { type: Pubrec, packetIdentifier: 1, reasonCode: 0x97 },
  },
  {
    title: "PUBCOMP with a reason code and no properties",
    versions: [5],
    bytes: "70 04 0001 92 00",
    packet: { type: Pubcomp, packetIdentifier: 1, reasonCode: 0x92 },
  },
  {
    title: "PUBACK with reason string and user property",
    versions: [5],
    bytes: "40 0f 0001 10 0b 1f 0001 'r' 26 0001 'k' 0001 'v'",
    packet: {
      type: Puback,
      packetIdentifier: 1,
      reasonCode: 0x10,
      properties: { reasonString: "r", userProperties: [["k", "v"]] },
    },
  },
  {
    title: "SUBSCRIBE",
    versions: [3, 4],
    bytes: "82 10 000a 0003 'a/+' 00 0001 '#' 01 0001 'b' 02",
    packet: {
      type: Subscribe,
      packetIdentifier: 10,
      subscriptions: [
        { topicFilter: filter("a/+"), qos: 0, ...plainOptions },
        { topicFilter: filter("#"), qos: 1, ...plainOptions },
        { topicFilter: filter("b"), qos: 2, ...plainOptions },
      ],
    },
  },
  {
    title: "SUBSCRIBE with DUP",
    versions: [3],
    bytes: "8a 06 000a 0001 'b' 02",
    packet: {
      type: Subscribe,
      packetIdentifier: 10,
      subscriptions: [{ topicFilter: filter("b"), qos: 2, ...plainOptions }],
    },
  },
  {
    title: "SUBSCRIBE with every option and property",
    versions: [5],
    bytes: "82 15 000a 0a 0b ffffff7f 26 0000 0000 0001 '#' 2d 0001 'b' 10",
    packet: {
      type: Subscribe,
      packetIdentifier: 10,
      subscriptionIdentifier: 268435455,
      userProperties: [["", ""]],
      subscriptions: [
        { topicFilter: filter("#"), qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 },
        { topicFilter: filter("b"), qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 1 },
      ],
    },
  },
  {
    title: "UNSUBSCRIBE",
    versions: [3, 4],
    bytes: "a2 0a 0001 0001 'a' 0003 'b/#'",
    packet: { type: Unsubscribe, packetIdentifier: 1, topicFilters: [filter("a"), filter("b/#")] },
  },
  {
    title: "UNSUBSCRIBE with a user property",
    versions: [5],
    bytes: "a2 0d 0001 07 26 0001 'k' 0001 'v' 0001 'a'",
    packet: {
      type: Unsubscribe,
      packetIdentifier: 1,
      topicFilters: [filter("a")],
      userProperties: [["k", "v"]],
    },
  },
  { title: "PINGREQ", versions: [3, 4, 5], bytes: "c0 00", packet: { type: Pingreq } },
  { title: "DISCONNECT", versions: [3, 4, 5], bytes: "e0 00", packet: { type: Disconnect, reasonCode: 0 } },
  {
    title: "DISCONNECT with a reason code alone",
    versions: [5],
    bytes: "e0 01 04",
    packet: { type: Disconnect, reasonCode: 4 },
  },
  {
    title: "DISCONNECT with properties",
    versions: [5],
    bytes: "e0 0b 00 09 11 00000001 1f 0001 'r'",
    packet: {
      type: Disconnect,
      reasonCode: 0,
      properties: { sessionExpiryIntervalSeconds: 1, reasonString: "r" },
    },
  },
  {
    title: "AUTH",
    versions: [5],
    bytes: "f0 0b 18 09 15 0001 'm' 16 0002 0001",
    packet: {
      type: Auth,
      reasonCode: 0x18,
      properties: { authenticationMethod: "m", authenticationData: hex("0001") },
    },
  },
];

const versionNames = { 3: "3.1", 4: "3.1.1", 5: "5.0" };

for (const { title, versions, bytes, packet } of vectors) {
  for (const version of versions) {
    Deno.test(`${title} is read in ${versionNames[version]}`, () => {
      const known = packet.type === Connect ? undefined : version;
      assertEquals(decodeAll(hex(bytes), known), [packet]);
    });
  }
}

Deno.test("the payload of a PUBLISH is a view into the frame", () => {
  const reader = readerOf();
  const bytes = hex("30 05 0001 'a' 'hi'");
  reader.space().set(bytes);
  reader.filled(bytes.length);
  const frame = reader.next()!;
  const packet = decode(frame, 4);
  assertStrictEquals(packet.type === Publish && packet.payload.buffer, frame.bytes.buffer);
});

Deno.test("password and will payload of a CONNECT outlive the read buffer", () => {
  for (
    const bytes of [
      "10 18 0004 'MQTT' 04 c6 0000 0001 'c' 0001 'w' 0001 05 0000 0001 06",
      "10 1a 0004 'MQTT' 05 c6 0000 00 0001 'c' 00 0001 'w' 0001 05 0000 0001 06",
    ]
  ) {
    const reader = readerOf();
    reader.space().set(hex(bytes));
    reader.filled(hex(bytes).length);
    const frame = reader.next()!;
    const packet = decode(frame, undefined);
    frame.bytes.fill(0);
    assertEquals(packet.type === Connect && [packet.will?.payload, packet.password], [hex("05"), hex("06")]);
  }
});
