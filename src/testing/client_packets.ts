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
} from "../packet/packets.ts";
import type { TopicFilter, TopicName } from "../packet/topic.ts";

/** What a test wants to say in CONNECT; all else has harmless defaults. A property that is not given is not sent. */
export interface ConnectOptions {
  /** 3 for MQTT 3.1, 4 for 3.1.1, 5 for 5.0. @default 4 */
  readonly protocolVersion?: ProtocolVersion;
  /** May be empty: the broker assigns one then. */
  readonly clientIdentifier?: string;
  /** Clean Session, or Clean Start in 5.0. @default true */
  readonly clean?: boolean;
  /** 0: none. @default 0 */
  readonly keepAliveSeconds?: number;
  /** `undefined`: none. */
  readonly username?: string;
  /** Sent as UTF-8; `undefined`: none. */
  readonly password?: string;
  /** `undefined`: none. */
  readonly will?: WillOptions;
  /** 5.0 only, like all that follow. Seconds that the session outlives the connection. */
  readonly sessionExpiryIntervalSeconds?: number;
  /** Messages of QoS 1 and 2 that it takes before it acknowledges one, 1 to 65,535. */
  readonly receiveMaximum?: number;
  /** Size of the largest packet that it takes. */
  readonly maximumPacketSizeBytes?: number;
  /** Topic aliases that it takes, 0 to 65,535. */
  readonly topicAliasMaximum?: number;
  /** Whether it wants Response Information in CONNACK. */
  readonly requestResponseInformation?: boolean;
  /** Whether it wants reasons in words. */
  readonly requestProblemInformation?: boolean;
  /** In their order. */
  readonly userProperties?: readonly UserProperty[];
  /** Name of an enhanced authentication. */
  readonly authenticationMethod?: string;
  /** What it begins with. */
  readonly authenticationData?: Uint8Array;
}

/** A will. */
export interface WillOptions {
  /** Where it is published. */
  readonly topicName: string;
  /** Sent as UTF-8. @default empty */
  readonly payload?: string;
  /** Its quality of service. @default 0 */
  readonly qos?: QoS;
  /** Whether it is to be retained. @default false */
  readonly retain?: boolean;
  /** 5.0 only. */
  readonly properties?: MessageProperties;
  /** 5.0 only: seconds between the end of the connection and the will. */
  readonly delayIntervalSeconds?: number;
}

/** How a message is published. */
export interface PublishFlags {
  /** Its quality of service. @default 0 */
  readonly qos?: QoS;
  /** Whether it is to be retained. @default false */
  readonly retain?: boolean;
  /** Whether it says that it may have come before. @default false */
  readonly dup?: boolean;
  /** At QoS 1 and 2. @default the next one */
  readonly packetIdentifier?: number;
  /** 5.0 only. */
  readonly properties?: MessageProperties;
  /** 5.0 only; the topic name may then be empty. */
  readonly topicAlias?: number;
}

/** A topic filter with its options; those from `noLocal` on are 5.0 only. */
export interface FilterOptions {
  /** May be that of a shared subscription. */
  readonly topicFilter: string;
  /** Highest quality of service of what comes. @default that of the whole request */
  readonly qos?: QoS;
  /** Whether the client's own messages are kept from it. @default false */
  readonly noLocal?: boolean;
  /** Whether messages keep the RETAIN flag they were published with. @default false */
  readonly retainAsPublished?: boolean;
  /** 0: retained messages come; 1: if the subscription is new; 2: none. @default 0 */
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
