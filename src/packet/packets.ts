/**
 * The control packets in the specification's terms (MQTT 5.0 §3). One set of types serves all versions: what a version
 * does not have is absent or has its default. Inbound and outbound are seen from the broker.
 */
import type { ReasonCode } from "./reason_code.ts";
import type { TopicFilter, TopicName } from "./topic.ts";

/** Quality of service (MQTT 5.0 §4.3): 0 at most once, 1 at least once, 2 exactly once. */
export type QoS = 0 | 1 | 2;

/** Protocol level in CONNECT: 3 is MQTT 3.1 (`MQIsdp`), 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type ProtocolVersion = 3 | 4 | 5;

/** Control packet types, the upper four bits of a packet's first byte (MQTT 5.0 §2.1.2). */
export const PacketType = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
  Auth: 15,
} as const;

/** One of the values of {@linkcode PacketType}. */
export type PacketType = typeof PacketType[keyof typeof PacketType];

/** Name and value of a user property (MQTT 5.0 §2.2.2.2); names may repeat and the order counts. */
export type UserProperty = readonly [name: string, value: string];

/** Properties of an application message (MQTT 5.0 §3.3.2.3); those of a will are the same. */
export interface MessageProperties {
  /** 1: the payload is UTF-8 text. */
  readonly payloadFormatIndicator?: 0 | 1;
  /** Seconds until the message is worthless, 0 to 4,294,967,295; `undefined`: never. */
  readonly messageExpiryIntervalSeconds?: number;
  /** What the payload is, such as a MIME type, in the publisher's words. */
  readonly contentType?: string;
  /** Where the publisher wants an answer. */
  readonly responseTopic?: TopicName;
  /** What the answer is to carry, so that it is known again. */
  readonly correlationData?: Uint8Array;
  /** In the order in which they were given. */
  readonly userProperties?: readonly UserProperty[];
}

/** {@linkcode MessageProperties} as a program or plugin gives them; checked when they come. */
export interface MessagePropertiesInput extends Omit<MessageProperties, "responseTopic"> {
  /** Where the publisher wants an answer: a topic name. */
  readonly responseTopic?: string;
}

/** What a client leaves behind to be published if it is lost (MQTT 3.1.1 §3.1.2.5, MQTT 5.0 §3.1.2.5). */
export interface Will {
  /** Where it is published. */
  readonly topicName: TopicName;
  /** The message itself; may be empty. */
  readonly payload: Uint8Array;
  /** Quality of service. */
  readonly qos: QoS;
  /** Whether it is retained for later subscribers. */
  readonly retain: boolean;
  /** 5.0 only; `undefined`: none. */
  readonly properties?: MessageProperties;
  /** Seconds to wait before the will is published; 0 before 5.0. */
  readonly delayIntervalSeconds: number;
}

/** The first packet of a connection: who the client is and what it wants (MQTT 5.0 §3.1). */
export interface ConnectPacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Connect;
  /** Version of MQTT that the client speaks. */
  readonly protocolVersion: ProtocolVersion;
  /** The bit by which bridges of 3.x tell of themselves is set. @default false */
  readonly isBridge?: boolean;
  /** Clean session (3.x) or clean start (5.0). */
  readonly cleanStart: boolean;
  /** 0: no keep-alive. */
  readonly keepAliveSeconds: number;
  /** May be empty: the broker makes one up. */
  readonly clientIdentifier: string;
  /** `undefined`: the client is anonymous. */
  readonly username?: string;
  /** `undefined`: none was given. */
  readonly password?: Uint8Array;
  /** `undefined`: the client leaves none. */
  readonly will?: Will;
  /**
   * Seconds the session outlives its connection, 0 to 4,294,967,295 (never ends). `undefined` before 5.0, where
   * `cleanStart` decides; 0 in a 5.0 CONNECT without the property.
   */
  readonly sessionExpiryIntervalSeconds?: number;
  /** QoS 1 and 2 messages the client takes at once, 1 to 65,535. @default 65535 */
  readonly receiveMaximum: number;
  /** Largest packet the client takes, in bytes; `undefined`: no limit. */
  readonly maximumPacketSizeBytes?: number;
  /** Highest topic alias the client takes; 0: none. */
  readonly topicAliasMaximum: number;
  /** Whether CONNACK is to carry `responseInformation`. @default false */
  readonly requestResponseInformation: boolean;
  /** Whether answers may carry reason strings and user properties. @default true */
  readonly requestProblemInformation: boolean;
  /** In the order in which they were given. */
  readonly userProperties?: readonly UserProperty[];
  /** Name of the extended sign-in; `undefined`: none. */
  readonly authenticationMethod?: string;
  /** What the method exchanges. */
  readonly authenticationData?: Uint8Array;
}

/** The answer to CONNECT (MQTT 5.0 §3.2). */
export interface ConnackPacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Connack;
  /** Whether the broker has kept a session for the client. */
  readonly sessionPresent: boolean;
  /** How it went, or why it is sent. */
  readonly reasonCode: ReasonCode;
  /** 5.0 only; `undefined`: none. */
  readonly properties?: ConnackProperties;
}

/** Properties of CONNACK (MQTT 5.0 §3.2.2.3). */
export interface ConnackProperties {
  /** Seconds the session outlives its connection; `undefined`: as in CONNECT. */
  readonly sessionExpiryIntervalSeconds?: number;
  /** QoS 1 and 2 messages that the broker takes at once, 1 to 65,535. @default 65535 */
  readonly receiveMaximum?: number;
  /** Highest QoS that the broker takes; `undefined`: 2. */
  readonly maximumQoS?: 0 | 1;
  /** Whether messages may be retained. @default true */
  readonly retainAvailable?: boolean;
  /** Largest packet that the broker takes, in bytes; `undefined`: no limit. */
  readonly maximumPacketSizeBytes?: number;
  /** Client identifier that the broker made up; `undefined`: the client has its own. */
  readonly assignedClientIdentifier?: string;
  /** Highest topic alias that the broker takes. @default 0 */
  readonly topicAliasMaximum?: number;
  /** The reason in words for people. */
  readonly reasonString?: string;
  /** In the order in which they were given. */
  readonly userProperties?: readonly UserProperty[];
  /** Whether filters may have wildcards. @default true */
  readonly wildcardSubscriptionAvailable?: boolean;
  /** Whether subscriptions may have identifiers. @default true */
  readonly subscriptionIdentifiersAvailable?: boolean;
  /** Whether subscriptions may be shared. @default true */
  readonly sharedSubscriptionAvailable?: boolean;
  /** Keep-alive that holds in place of the client's, in seconds. */
  readonly serverKeepAliveSeconds?: number;
  /** Where the client may have answers sent to. */
  readonly responseInformation?: string;
  /** Another server to use. */
  readonly serverReference?: string;
  /** Name of the extended sign-in; `undefined`: none. */
  readonly authenticationMethod?: string;
  /** What the method exchanges. */
  readonly authenticationData?: Uint8Array;
}

/** An application message on its way to or from a client (MQTT 5.0 §3.3). */
export interface PublishPacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Publish;
  /** Whether it may have been sent before. */
  readonly dup: boolean;
  /** Quality of service. */
  readonly qos: QoS;
  /** Whether it is retained for later subscribers. */
  readonly retain: boolean;
  /** Empty only with a `topicAlias` (5.0). */
  readonly topicName: TopicName | "";
  /** 0 at QoS 0. */
  readonly packetIdentifier: number;
  /**
   * A view into the read buffer, good until the next read of the connection; copy what has to last.
   */
  readonly payload: Uint8Array;
  /** 5.0 only; `undefined`: none. */
  readonly properties?: MessageProperties;
  /** Number that stands for the topic name, 1 to 65,535; `undefined`: none. */
  readonly topicAlias?: number;
  /** Outbound only; one for each overlapping subscription that has one (MQTT 5.0 §3.3.2.3.8). */
  readonly subscriptionIdentifiers?: readonly number[];
}

/** Reason string and user properties, which any answer may carry in 5.0. */
export interface ReasonProperties {
  /** The reason in words for people. */
  readonly reasonString?: string;
  /** In the order in which they were given. */
  readonly userProperties?: readonly UserProperty[];
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP. */
export interface AckPacket {
  /** Kind of packet. */
  readonly type:
    | typeof PacketType.Puback
    | typeof PacketType.Pubrec
    | typeof PacketType.Pubrel
    | typeof PacketType.Pubcomp;
  /** Number that ties an answer to its packet, 1 to 65,535. */
  readonly packetIdentifier: number;
  /** How it went, or why it is sent. */
  readonly reasonCode: ReasonCode;
  /** 5.0 only; `undefined`: none. */
  readonly properties?: ReasonProperties;
}

/** One topic filter of a SUBSCRIBE with its options (MQTT 5.0 §3.8.3.1). */
export interface SubscriptionRequest {
  /** Checked by the decoder; `$share/…` is left as it is. */
  readonly topicFilter: TopicFilter;
  /** Highest QoS at which messages are to be delivered. */
  readonly qos: QoS;
  /** Whether the client's own messages are kept from it. */
  readonly noLocal: boolean;
  /** Whether messages keep the RETAIN flag they were published with. */
  readonly retainAsPublished: boolean;
  /** 0: retained messages on subscribe; 1: only if the subscription is new; 2: none. */
  readonly retainHandling: 0 | 1 | 2;
}

/** A request for subscriptions (MQTT 5.0 §3.8). */
export interface SubscribePacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Subscribe;
  /** Number that ties an answer to its packet, 1 to 65,535. */
  readonly packetIdentifier: number;
  /** At least one. */
  readonly subscriptions: readonly SubscriptionRequest[];
  /** Number that messages of these subscriptions carry, 1 to 268,435,455; `undefined`: none. */
  readonly subscriptionIdentifier?: number;
  /** In the order in which they were given. */
  readonly userProperties?: readonly UserProperty[];
}

/** The answer to SUBSCRIBE (MQTT 5.0 §3.9). */
export interface SubackPacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Suback;
  /** Number that ties an answer to its packet, 1 to 65,535. */
  readonly packetIdentifier: number;
  /** One for each filter, in the order of the request. */
  readonly reasonCodes: readonly ReasonCode[];
  /** 5.0 only; `undefined`: none. */
  readonly properties?: ReasonProperties;
}

/** A request to end subscriptions (MQTT 5.0 §3.10). */
export interface UnsubscribePacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Unsubscribe;
  /** Number that ties an answer to its packet, 1 to 65,535. */
  readonly packetIdentifier: number;
  /** At least one. */
  readonly topicFilters: readonly TopicFilter[];
  /** In the order in which they were given. */
  readonly userProperties?: readonly UserProperty[];
}

/** The answer to UNSUBSCRIBE (MQTT 5.0 §3.11). */
export interface UnsubackPacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Unsuback;
  /** Number that ties an answer to its packet, 1 to 65,535. */
  readonly packetIdentifier: number;
  /** One for each filter; 3.x clients get none of them. */
  readonly reasonCodes: readonly ReasonCode[];
  /** 5.0 only; `undefined`: none. */
  readonly properties?: ReasonProperties;
}

/** A sign of life (MQTT 5.0 §3.12). */
export interface PingreqPacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Pingreq;
}

/** The answer to PINGREQ (MQTT 5.0 §3.13). */
export interface PingrespPacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Pingresp;
}

/** The last packet of a connection; before 5.0 only clients send it (MQTT 5.0 §3.14). */
export interface DisconnectPacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Disconnect;
  /** How it went, or why it is sent. */
  readonly reasonCode: ReasonCode;
  /** 5.0 only; `undefined`: none. */
  readonly properties?: ReasonProperties & {
    readonly sessionExpiryIntervalSeconds?: number;
    readonly serverReference?: string;
  };
}

/** A step of an extended sign-in; 5.0 only (MQTT 5.0 §3.15). */
export interface AuthPacket {
  /** Kind of packet. */
  readonly type: typeof PacketType.Auth;
  /** How it went, or why it is sent. */
  readonly reasonCode: ReasonCode;
  /** 5.0 only; `undefined`: none. */
  readonly properties?: ReasonProperties & {
    readonly authenticationMethod?: string;
    readonly authenticationData?: Uint8Array;
  };
}

/** What a client may send. */
export type InboundPacket =
  | ConnectPacket
  | PublishPacket
  | AckPacket
  | SubscribePacket
  | UnsubscribePacket
  | PingreqPacket
  | DisconnectPacket
  | AuthPacket;

/** What the broker may send. */
export type OutboundPacket =
  | ConnackPacket
  | PublishPacket
  | AckPacket
  | SubackPacket
  | UnsubackPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;
