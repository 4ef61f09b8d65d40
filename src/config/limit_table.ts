/** The keys of limits; see table.ts. */
import type { QoS } from "../packet/packets.ts";
import { key, quantity } from "./key.ts";
import { DAY, MIB } from "./units.ts";
import { choice, flag, mqttText } from "./values.ts";

/** Session expiry interval of a session that does not expire (MQTT 5.0 §3.1.2.11.2). */
const NEVER = 4_294_967_295;

/** How much the broker as a whole keeps. */
export const capacityKeys = {
  maxShareGroups: quantity("groups", 1000, [1], "of shared subscriptions with one topic filter"),
  maxSessions: quantity(
    "sessions",
    1_000_000,
    [1],
    "with and without a connected client; a client that has none yet is refused above it",
  ),
  maxSessionsPerUser: quantity(
    "sessions",
    100_000,
    [1],
    "of these, of one user; all anonymous clients together are one user",
  ),
  maxSessionsPerAddress: quantity(
    "sessions",
    100_000,
    [1],
    "of these, whose clients first came from one address, in IPv6 from the same first 64 bits; those that a store has from an earlier run are of no address",
  ),
  maxRetained: quantity("messages", 1_000_000, [1], "retained messages that are kept"),
  maxRetainedBytes: quantity("bytes", 256 * MIB, [1], "size of the retained messages that are kept"),
  maxTotalBytes: quantity(
    "bytes",
    1024 * MIB,
    [MIB],
    "of all that clients make the broker hold in memory; above it the largest are spilled or disconnected first",
  ),
} as const;

/** Limits of a connection and of its session, at the top for all and in a listener for its connections. */
export const limitKeys = {
  connectTimeout: quantity(
    "seconds",
    10,
    [0, DAY],
    "from the connection's arrival to a whole CONNECT, handshakes included",
    { aboveMinimum: true, fractional: true },
  ),
  maxPacketSize: quantity(
    "bytes",
    16 * MIB,
    [16, 268_435_460],
    "largest packet of a signed-in client (before sign-in: 128 KiB)",
  ),
  maxInflight: quantity("messages", 1000, [1, 65_535], "QoS 1 and 2 under way to, QoS 2 from one client"),
  maxOutboundBytes: quantity(
    "bytes",
    16 * MIB,
    [1],
    "that wait for one client's socket before its QoS 0 messages are dropped",
  ),
  maxInboundBytes: quantity("bytes", 32 * MIB, [1], "of one WebSocket that are not handled yet; more closes it"),
  maxSubscriptions: quantity("filters", 20_000, [1], "of one client"),
  queueLimit: quantity("messages", 10_000, [1], "that wait for one session; the oldest QoS 0 goes first"),
  queueLimitBytes: quantity("bytes", 64 * MIB, [1], "that wait for one session"),
  stallTimeout: quantity(
    "seconds",
    60,
    [0, DAY],
    "how long a client may take nothing of what waits for it before it is disconnected",
    { aboveMinimum: true, fractional: true },
  ),
  sessionExpiryInterval: quantity(
    "seconds",
    7 * DAY,
    [0, NEVER],
    "how long the session of a 3.x client outlives its connection; 0 ends it at once",
  ),
  maxSessionExpiryInterval: quantity(
    "seconds",
    NEVER,
    [0, NEVER],
    "longest session expiry interval that a 5.0 client gets; 4294967295 is never",
  ),
  maxKeepAlive: quantity(
    "seconds",
    0,
    [0, 65_535],
    "longest keep-alive, given to 5.0 clients that ask for more or none; 0 is no limit",
  ),
  topicAliasMaximum: quantity("aliases", 100, [0, 65_535], "that a 5.0 client may use"),
  outboundTopicAliasMaximum: quantity(
    "aliases",
    0,
    [0, 65_535],
    "that the broker uses, of those that a 5.0 client takes",
  ),
  maxFiltersPerPacket: quantity("filters", 10_000, [1], "of one SUBSCRIBE or UNSUBSCRIBE; more end the connection"),
  maxOverlappingSubscriptions: quantity(
    "subscriptions",
    256,
    [1],
    "of one session that can match one topic: those without wildcards count as one, and so do those whose wildcards stand in the same levels",
  ),
  maxUserProperties: quantity("properties", 1000, [0], "of one packet; more end the connection"),
  maxTopicLevels: quantity("levels", 200, [1, 65_536], "of a topic name or filter; houses use fewer than 20"),
  maximumQos: quantity<QoS, "QoS">("QoS", 2, [0, 2], "highest that clients may publish with and are granted"),
  timeoutDisconnectDelay: quantity(
    "seconds",
    0,
    [0, 65_535],
    "0: a client is lost after 1.5 keep-alive intervals; above 0: so long after one interval, and never later than that",
    { fractional: true },
  ),
  queueQos0: key("whether QoS 0 messages wait for offline sessions, too", flag, { default: true }),
  queuePolicy: key(
    "when a session's queue is full: `drop-oldest`, `drop-newest` or `disconnect` (the oldest and the client go)",
    choice(["drop-oldest", "drop-newest", "disconnect"]),
    { default: "drop-oldest" },
  ),
  retainAvailable: key("whether clients may publish retained messages", flag, { default: true }),
  wildcardSubscriptionAvailable: key("whether topic filters may hold wildcards", flag, { default: true }),
  subscriptionIdentifiersAvailable: key("whether subscriptions may have identifiers", flag, { default: true }),
  sharedSubscriptionAvailable: key("whether subscriptions may be shared", flag, { default: true }),
  responseInformation: key("base of their response topics for 5.0 clients that ask for it, as it stands", mqttText),
  checkPayloadFormat: key("whether a 5.0 payload that says it is UTF-8 is checked", flag, { default: false }),
} as const;
