/** Packets of a client, made from what a test wants to say; right or wrong, nothing is checked. */
import {
  type ConnectPacket,
  type InboundPacket,
  type MessageProperties,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  type UserProperty,
} from "../../src/packet/packets.ts";
import type { TopicFilter, TopicName } from "../../src/packet/topic.ts";

/** What a test wants to say in CONNECT; all else has harmless defaults. A property that is not given is not sent. */
export interface ConnectOptions {
  /** @default 4 */
  readonly protocolVersion?: ProtocolVersion;
  /** @default "test" */
  readonly clientIdentifier?: string;
  /** @default true */
  readonly clean?: boolean;
  /** @default 0 */
  readonly keepAliveSeconds?: number;
  readonly username?: string;
  readonly password?: string;
  readonly will?: WillOptions;
  /** 5.0 only, like all that follow. */
  readonly sessionExpiryIntervalSeconds?: number;
  readonly receiveMaximum?: number;
  readonly maximumPacketSizeBytes?: number;
  readonly topicAliasMaximum?: number;
  readonly requestResponseInformation?: boolean;
  readonly requestProblemInformation?: boolean;
  readonly userProperties?: readonly UserProperty[];
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array;
}

export interface WillOptions {
  readonly topicName: string;
  readonly payload?: string;
  readonly qos?: QoS;
  readonly retain?: boolean;
  /** 5.0 only. */
  readonly properties?: MessageProperties;
  /** 5.0 only. */
  readonly delayIntervalSeconds?: number;
}

export interface PublishFlags {
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly dup?: boolean;
  /** @default the next one */
  readonly packetIdentifier?: number;
  /** 5.0 only. */
  readonly properties?: MessageProperties;
  /** 5.0 only; the topic name may then be empty. */
  readonly topicAlias?: number;
}

/** A topic filter with its options; those from `noLocal` on are 5.0 only. */
export interface FilterOptions {
  readonly topicFilter: string;
  /** @default that of the whole request */
  readonly qos?: QoS;
  /** @default false */
  readonly noLocal?: boolean;
  /** @default false */
  readonly retainAsPublished?: boolean;
  /** @default 0 */
  readonly retainHandling?: 0 | 1 | 2;
}

/** What holds for a whole SUBSCRIBE. */
export interface SubscribeOptions {
  /** For the filters that name none. @default 0 */
  readonly qos?: QoS;
  /** The subscription identifier; 5.0 only. */
  readonly identifier?: number;
  /** 5.0 only. */
  readonly userProperties?: readonly UserProperty[];
}

const encoder = new TextEncoder();

export function connectPacket(options: ConnectOptions = {}): InboundPacket {
  const { protocolVersion = 4, clientIdentifier = "test", clean = true, keepAliveSeconds = 0, ...rest } = options;
  const { username, password, will, ...properties } = rest;
  // The broker's own packets always have the properties' defaults; a client says only what was given.
  return {
    type: PacketType.Connect,
    protocolVersion,
    cleanStart: clean,
    keepAliveSeconds,
    clientIdentifier,
    username,
    password: password === undefined ? undefined : encoder.encode(password),
    will: will && {
      ...will,
      payload: encoder.encode(will.payload ?? ""),
      qos: will.qos ?? 0,
      retain: will.retain ?? false,
    },
    ...properties,
  } as ConnectPacket;
}

export function publishPacket(
  packetIdentifier: number,
  topicName: string,
  payload: string | Uint8Array,
  flags: PublishFlags = {},
): PublishPacket {
  const { qos = 0, retain = false, dup = false, properties, topicAlias } = flags;
  return {
    type: PacketType.Publish,
    topicName: topicName as TopicName | "",
    payload: typeof payload === "string" ? encoder.encode(payload) : payload,
    packetIdentifier,
    qos,
    retain,
    dup,
    properties,
    topicAlias,
  };
}

export function subscribePacket(
  packetIdentifier: number,
  filters: readonly (readonly [string, QoS] | FilterOptions)[],
  options: SubscribeOptions = {},
): InboundPacket {
  const { qos: generalQoS = 0, identifier, userProperties } = options;
  const subscriptions = filters.map((filter) => {
    const given: FilterOptions = "topicFilter" in filter ? filter : { topicFilter: filter[0], qos: filter[1] };
    const { topicFilter, qos = generalQoS, noLocal = false, retainAsPublished = false, retainHandling = 0 } = given;
    return { topicFilter: topicFilter as TopicFilter, qos, noLocal, retainAsPublished, retainHandling };
  });
  return {
    type: PacketType.Subscribe,
    packetIdentifier,
    subscriptions,
    subscriptionIdentifier: identifier,
    userProperties,
  };
}

export function unsubscribePacket(packetIdentifier: number, topicFilters: readonly string[]): InboundPacket {
  return { type: PacketType.Unsubscribe, packetIdentifier, topicFilters: topicFilters as TopicFilter[] };
}
