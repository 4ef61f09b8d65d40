/**
 * `packet_logger`: writes every control packet to the log as `debug`. Passwords, authentication data and payloads are
 * not written, only their size.
 *
 * @module
 */
import type { ClientSnapshot, Plugin, PluginContext, PluginFactory } from "../hooks/plugin.ts";
import {
  type ConnectPacket,
  type InboundPacket,
  type OutboundPacket,
  PacketType,
  type PublishPacket,
} from "../packet/packets.ts";
import { describeReasonCode } from "../packet/reason_code.ts";
import { loggerOptions } from "./logger_options.ts";
import { readOptions } from "./options.ts";
import { quote } from "../quote.ts";

/** Options of `packet_logger`. */
export interface PacketLoggerOptions {
  /** Leaves PUBLISH packets of `$SYS` out. @default true */
  readonly excludeSys?: boolean;
}

/** Makes the plugin; its options are {@linkcode PacketLoggerOptions}. */
const create: PluginFactory = (options: unknown, { logger }: PluginContext): Plugin => {
  const { excludeSys = loggerOptions.excludeSys.default } = readOptions(options, loggerOptions);
  // A hook that is not there costs the broker nothing.
  if (logger.debugEnabled === false) return {};
  const log = (arrow: string) => (client: ClientSnapshot | undefined, packet: InboundPacket | OutboundPacket) => {
    if (excludeSys && isOfSys(packet)) return;
    logger.debug(`${describePeer(client)} ${arrow} ${describePacket(packet)}`);
  };
  return { packetReceived: log("-->"), packetSent: log("<--") };
};

export default create;

const names = new Map<number, string>(
  Object.entries(PacketType).map(([name, type]) => [type, name.toUpperCase()]),
);

function isOfSys(packet: InboundPacket | OutboundPacket): boolean {
  return packet.type === PacketType.Publish && packet.topicName.startsWith("$SYS/");
}

function describePeer(client: ClientSnapshot | undefined): string {
  return client === undefined ? "new connection" : `client ${quote(client.clientIdentifier)}`;
}

function describePacket(packet: InboundPacket | OutboundPacket): string {
  const details = describeDetails(packet);
  return `${names.get(packet.type)}${details === "" ? "" : ` ${details}`}`;
}

function describeDetails(packet: InboundPacket | OutboundPacket): string {
  switch (packet.type) {
    case PacketType.Connect:
      return describeConnect(packet);
    case PacketType.Connack:
      return `${packet.sessionPresent ? "session present, " : ""}${describeReasonCode(packet.reasonCode)}`;
    case PacketType.Publish:
      return describePublish(packet);
    case PacketType.Subscribe: {
      const requests = packet.subscriptions.map(({ topicFilter, qos }) => `${quote(topicFilter)} at QoS ${qos}`);
      return `${packet.packetIdentifier} ${requests.join(", ")}`;
    }
    case PacketType.Unsubscribe:
      return `${packet.packetIdentifier} ${packet.topicFilters.map(quote).join(", ")}`;
    case PacketType.Suback:
    case PacketType.Unsuback:
      return `${packet.packetIdentifier} ${packet.reasonCodes.map(describeReasonCode).join(", ")}`;
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return `${packet.packetIdentifier} ${describeReasonCode(packet.reasonCode)}`;
    case PacketType.Pingreq:
    case PacketType.Pingresp:
      return "";
    case PacketType.Disconnect:
    case PacketType.Auth:
      return describeReasonCode(packet.reasonCode);
  }
}

function describeConnect(packet: ConnectPacket): string {
  const { protocolVersion, clientIdentifier, cleanStart, keepAliveSeconds, username, password, will } = packet;
  return [
    `level ${protocolVersion}`,
    `client ${quote(clientIdentifier)}`,
    ...(username === undefined ? [] : [`user ${quote(username)}`]),
    ...(password === undefined ? [] : [`password of ${password.length} bytes`]),
    cleanStart ? "clean" : "not clean",
    `keep-alive ${keepAliveSeconds} s`,
    ...(will === undefined ? [] : [`will to ${quote(will.topicName)} of ${will.payload.length} bytes`]),
  ].join(", ");
}

function describePublish(packet: PublishPacket): string {
  const { packetIdentifier, topicName, topicAlias, qos, retain, dup, payload } = packet;
  return [
    ...(qos === 0 ? [] : [String(packetIdentifier)]),
    quote(topicName),
    ...(topicAlias === undefined ? [] : [`alias ${topicAlias}`]),
    `QoS ${qos}`,
    ...(retain ? ["retain"] : []),
    ...(dup ? ["dup"] : []),
    `${payload.length} bytes`,
  ].join(", ");
}
