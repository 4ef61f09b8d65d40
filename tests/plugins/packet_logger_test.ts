import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Plugin } from "../../src/hooks/plugin.ts";
import { type InboundPacket, type OutboundPacket, PacketType } from "../../src/packet/packets.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import create from "../../src/plugins/packet_logger.ts";
import { clientSnapshot, pluginContext } from "../support/plugin_context.ts";

const secret = new TextEncoder().encode("SECRET");
const topicName = parseTopicName("a/b");
const filters = [parseTopicFilter("a/+"), parseTopicFilter("#")] as const;

const connect = {
  type: PacketType.Connect,
  protocolVersion: 4,
  cleanStart: true,
  keepAliveSeconds: 30,
  clientIdentifier: "c",
  receiveMaximum: 65535,
  topicAliasMaximum: 0,
  requestResponseInformation: false,
  requestProblemInformation: true,
} as const;
const publish = { type: PacketType.Publish, topicName, payload: secret, packetIdentifier: 0 } as const;
const request = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
const success = ReasonCode.Success;

const inbound: readonly (readonly [packet: InboundPacket, line: string])[] = [
  [connect, 'CONNECT level 4, client "c", clean, keep-alive 30 s'],
  [
    {
      ...connect,
      cleanStart: false,
      username: "alice",
      password: secret,
      authenticationMethod: "m",
      authenticationData: secret,
      will: { topicName, payload: secret, qos: 1, retain: false, delayIntervalSeconds: 0 },
    },
    'CONNECT level 4, client "c", user "alice", password of 6 bytes, not clean, keep-alive 30 s, will to "a/b" of 6 bytes',
  ],
  [{ ...publish, qos: 0, retain: false, dup: false }, 'PUBLISH "a/b", QoS 0, 6 bytes'],
  [
    { ...publish, qos: 1, retain: true, dup: true, packetIdentifier: 7, topicAlias: 3 },
    'PUBLISH 7, "a/b", alias 3, QoS 1, retain, dup, 6 bytes',
  ],
  [
    {
      type: PacketType.Subscribe,
      packetIdentifier: 8,
      subscriptions: [{ ...request, topicFilter: filters[0], qos: 1 }, { ...request, topicFilter: filters[1], qos: 0 }],
    },
    'SUBSCRIBE 8 "a/+" at QoS 1, "#" at QoS 0',
  ],
  [{ type: PacketType.Unsubscribe, packetIdentifier: 9, topicFilters: filters }, 'UNSUBSCRIBE 9 "a/+", "#"'],
  [{ type: PacketType.Pubrel, packetIdentifier: 10, reasonCode: success }, "PUBREL 10 0x00 Success"],
  [{ type: PacketType.Pingreq }, "PINGREQ"],
  [{ type: PacketType.Disconnect, reasonCode: success }, "DISCONNECT 0x00 Success"],
];

const outbound: readonly (readonly [packet: OutboundPacket, line: string])[] = [
  [{ type: PacketType.Connack, sessionPresent: false, reasonCode: success }, "CONNACK 0x00 Success"],
  [{ type: PacketType.Connack, sessionPresent: true, reasonCode: success }, "CONNACK session present, 0x00 Success"],
  [
    { type: PacketType.Suback, packetIdentifier: 8, reasonCodes: [ReasonCode.GrantedQoS1, ReasonCode.NotAuthorized] },
    "SUBACK 8 0x01 GrantedQoS1, 0x87 NotAuthorized",
  ],
  [{ type: PacketType.Unsuback, packetIdentifier: 9, reasonCodes: [success] }, "UNSUBACK 9 0x00 Success"],
  [{ type: PacketType.Puback, packetIdentifier: 7, reasonCode: success }, "PUBACK 7 0x00 Success"],
  [{ type: PacketType.Pubrec, packetIdentifier: 7, reasonCode: success }, "PUBREC 7 0x00 Success"],
  [{ type: PacketType.Pubcomp, packetIdentifier: 7, reasonCode: success }, "PUBCOMP 7 0x00 Success"],
  [{ type: PacketType.Pingresp }, "PINGRESP"],
  [
    {
      type: PacketType.Auth,
      reasonCode: ReasonCode.ContinueAuthentication,
      properties: { authenticationData: secret },
    },
    "AUTH 0x18 ContinueAuthentication",
  ],
];

for (const [packet, line] of inbound) {
  Deno.test(`packet_logger writes what arrives: ${line}`, () => {
    const context = pluginContext();
    const plugin = create(undefined, context) as Plugin;
    plugin.packetReceived?.(undefined, packet);
    plugin.packetReceived?.(clientSnapshot(), packet);
    assertEquals(context.log, [`debug: new connection --> ${line}`, `debug: client "client-1" --> ${line}`]);
    assert(!context.log.join().includes("SECRET"));
  });
}

for (const [packet, line] of outbound) {
  Deno.test(`packet_logger writes what leaves: ${line}`, () => {
    const context = pluginContext();
    (create(undefined, context) as Plugin).packetSent?.(clientSnapshot(), packet);
    assertEquals(context.log, [`debug: client "client-1" <-- ${line}`]);
  });
}

Deno.test("packet_logger serves no hook if nobody hears it", () => {
  const context = pluginContext();
  assertEquals(create({}, { ...context, logger: { ...context.logger, debugEnabled: false } }), {});
});

Deno.test("packet_logger has no other option than excludeSys", () => {
  assertThrows(() => create({ hex: true }, pluginContext()), Error, "unknown option hex: known are excludeSys");
});

Deno.test("packet_logger leaves packets of $SYS out unless it is told not to", () => {
  const logged = (options: unknown) => {
    const context = pluginContext();
    const { packetSent } = create(options, context) as Plugin;
    const publish = { type: PacketType.Publish, packetIdentifier: 0, qos: 0, retain: false, dup: false } as const;
    for (const topicName of ["$SYS/broker/time", "$SYSTEM", "a"]) {
      packetSent?.(undefined, { ...publish, topicName: parseTopicName(topicName), payload: new Uint8Array() });
    }
    return context.log.map((line) => /"(.*)"/.exec(line)?.[1]);
  };
  assertEquals(logged(undefined), ["$SYSTEM", "a"]);
  assertEquals(logged({ excludeSys: false }), ["$SYS/broker/time", "$SYSTEM", "a"]);
});
