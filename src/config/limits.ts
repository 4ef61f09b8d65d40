/** Limits of a connection, of its session and of the whole broker, as the config has them and with every default filled in. */
import type { QoS } from "../packet/packets.ts";
import type { Duration, InNumbers, Size } from "./units.ts";

/**
 * Limits that hold for the whole broker and that a listener may set anew for the connections made through it.
 *
 * @category Config
 */
export interface ConnectionLimits {
  /**
   * Seconds from the connection's arrival at the port to a whole CONNECT, handshakes included, above 0 and at most
   * 86,400. @default 10
   */
  readonly connectTimeout?: Duration;
  /** Largest packet that a signed-in client may send, in bytes, 16 to 268,435,460. @default 16777216 */
  readonly maxPacketSize?: Size;
  /** QoS 1 and 2 messages under way to one client, and from one 5.0 client, 1 to 65,535. @default 1000 */
  readonly maxInflight?: number;
  /** Bytes that may wait for one client's socket before its QoS 0 messages are dropped, at least 1. @default 16777216 */
  readonly maxOutboundBytes?: Size;
  /** Bytes of one WebSocket that have arrived and are not handled yet, at least 1; more closes it. @default 33554432 */
  readonly maxInboundBytes?: Size;
  /** Topic filters one client may be subscribed to at once, at least 1. @default 20000 */
  readonly maxSubscriptions?: number;
  /** Messages that may wait for one session, at least 1. @default 10000 */
  readonly queueLimit?: number;
  /** Bytes that may wait for one session, at least 1. @default 67108864 */
  readonly queueLimitBytes?: Size;
  /** Whether QoS 0 messages wait, too, for a session whose client is offline; they are the first to be dropped. @default true */
  readonly queueQos0?: boolean;
  /**
   * What happens when a message is to wait for a session that has no room for it. `drop-oldest`: the oldest go, QoS 0
   * first. `drop-newest`: it goes itself, which a 5.0 publisher is told (0x97) if no subscriber has room. `disconnect`:
   * the oldest go, too, and the client, if it is connected, is disconnected (0x97 in 5.0). @default "drop-oldest"
   */
  readonly queuePolicy?: "drop-oldest" | "drop-newest" | "disconnect";
  /**
   * Seconds for which a client may take nothing of what waits for it before it is disconnected, above 0 and at most
   * 86,400. @default 60
   */
  readonly stallTimeout?: Duration;
  /**
   * Longest time in whole seconds that a 3.x client's session outlives its connection, 0 to 4,294,967,295; 0 ends it at
   * once. 5.0 clients say it themselves. @default 604800 (7 days)
   */
  readonly sessionExpiryInterval?: Duration;
  /**
   * Longest session expiry interval that a 5.0 client gets, 0 to 4,294,967,295 (never) whole seconds; CONNACK tells the
   * client if it is less than what it asked for (MQTT 5.0 §3.2.2.3.2). @default 4294967295
   */
  readonly maxSessionExpiryInterval?: Duration;
  /**
   * Longest keep-alive in whole seconds, 0 to 65,535; a 5.0 client that asks for more or for none is given this one
   * (MQTT 5.0 §3.2.2.3.14). 0 is no limit. @default 0
   */
  readonly maxKeepAlive?: Duration;
  /** Topic aliases that a 5.0 client may use towards the broker, 0 to 65,535 (MQTT 5.0 §3.2.2.3.8). @default 100 */
  readonly topicAliasMaximum?: number;
  /**
   * Topic aliases that the broker uses towards a 5.0 client that takes some, 0 to 65,535, never more than the client takes
   * (MQTT 5.0 §3.1.2.11.5). They save bytes where names are long; some clients say that they take aliases and cannot.
   * @default 0
   */
  readonly outboundTopicAliasMaximum?: number;
  /**
   * Topic filters of one SUBSCRIBE or UNSUBSCRIBE, at least 1; a client that sends more is disconnected (0x97 in 5.0).
   * @default 10000
   */
  readonly maxFiltersPerPacket?: number;
  /**
   * Subscriptions of one session that can match one and the same topic, at least 1; more are refused (0x97 in 5.0). Those
   * without wildcards count as one, and so do those whose wildcards stand in the same levels. @default 256
   */
  readonly maxOverlappingSubscriptions?: number;
  /** User properties of one packet; a client that sends more is disconnected (0x97). @default 1000 */
  readonly maxUserProperties?: number;
  /**
   * Levels of a topic name or topic filter, 1 to 65,536; a topic cannot have more. What houses use stays below 20, and
   * Mosquitto has always refused more than 200. @default 200
   */
  readonly maxTopicLevels?: number;
  /** Highest QoS that clients may publish with and are granted (MQTT 5.0 §3.2.2.3.4). @default 2 */
  readonly maximumQos?: QoS;
  /** Whether clients may publish retained messages (MQTT 5.0 §3.2.2.3.5). @default true */
  readonly retainAvailable?: boolean;
  /** Whether a topic filter may hold wildcards (MQTT 5.0 §3.2.2.3.11). @default true */
  readonly wildcardSubscriptionAvailable?: boolean;
  /** Whether subscriptions may have identifiers (MQTT 5.0 §3.2.2.3.12). @default true */
  readonly subscriptionIdentifiersAvailable?: boolean;
  /** Whether subscriptions may be shared (MQTT 5.0 §3.2.2.3.13). @default true */
  readonly sharedSubscriptionAvailable?: boolean;
  /**
   * The base of their response topics for 5.0 clients that ask for it, as it stands, 1 to 65,535 bytes in UTF-8 (MQTT 5.0
   * §3.2.2.3.15). @default none
   */
  readonly responseInformation?: string;
  /** Whether a payload of a 5.0 client that says it is UTF-8 is checked (MQTT 5.0 §3.3.2.3.2). @default false */
  readonly checkPayloadFormat?: boolean;
  /**
   * aMQTT's rule for lost clients: seconds after the keep-alive interval at which one is cut off, 0 to 65,535, never
   * later than the specification's one and a half intervals; 0 is the specification's rule alone. @default 0
   */
  readonly timeoutDisconnectDelay?: Duration;
}

/** The limits of a connection with every default filled in. */
export interface ResolvedLimits extends InNumbers<Required<Omit<ConnectionLimits, "responseInformation">>> {
  /** `undefined`: none. */
  readonly responseInformation: string | undefined;
}

/**
 * How much the broker as a whole keeps.
 *
 * @category Config
 */
export interface BrokerLimits {
  /**
   * Sessions, with and without a connected client, at least 1. A client that has none yet is refused above it (0x97; 3.x:
   * return code 3); those that a store has are always brought back. @default 1000000
   */
  readonly maxSessions?: number;
  /**
   * The same for the sessions of one user, at least 1. All anonymous clients together are one user. @default 100000
   */
  readonly maxSessionsPerUser?: number;
  /**
   * The same for the sessions whose clients first came from one address, at least 1: an IPv4 address, or the first 64 bits of
   * an IPv6 address. Sessions that a store has from an earlier run are of no address. @default 100000
   */
  readonly maxSessionsPerAddress?: number;
  /**
   * Groups of shared subscriptions with one topic filter, at least 1; each message goes to a member of every one. More are
   * refused (0x97 in 5.0). @default 1000
   */
  readonly maxShareGroups?: number;
  /** Retained messages that are kept, at least 1. @default 1000000 */
  readonly maxRetained?: number;
  /** Bytes of retained messages that are kept, at least 1. @default 268435456 */
  readonly maxRetainedBytes?: Size;
  /**
   * Bytes of messages in memory and of what waits for sockets, all clients together, at least 1,048,576; above it the
   * largest are spilled to the store or disconnected first. @default 1073741824
   */
  readonly maxTotalBytes?: Size;
}
