/**
 * Every key of the config: its kind, unit, range, default, and what it is for. From here come the checks, the defaults, the
 * types of what the code gets, what `--check` lists, the tables of the manual and the schema for editors.
 *
 * To add a key, add it here (an option of a bundled plugin or store: in its `…_options.ts`), and to its interface in
 * limits.ts or config.ts, whose comments are what a program's editor shows; a test names the keys in which the two differ.
 * `deno task docs:config PAGE` and `deno task docs:schema` write the rest, and examples/broker.yaml has to show it.
 */
import type { BridgeConfig } from "./bridge_config.ts";
import type { QoS } from "../packet/packets.ts";
import type {
  AdminConfig,
  AuthConfig,
  ClusterConfig,
  ClusterLogConfig,
  ListenerConfig,
  LogConfig,
  PersistenceConfig,
  PluginList,
  TopicCheckConfig,
} from "./config.ts";
import { authAnonymousOptions } from "../plugins/auth_anonymous_options.ts";
import { authFileOptions } from "../plugins/auth_file_options.ts";
import { brokerSysOptions } from "../plugins/broker_sys_options.ts";
import { loggerOptions } from "../plugins/logger_options.ts";
import { topicAclOptions } from "../plugins/topic_acl_options.ts";
import { sqliteOptions } from "../store/sqlite/sqlite_options.ts";
import { key, quantity } from "./key.ts";
import { elsewhere } from "./kind.ts";
import {
  adminBinds,
  adminRoles,
  bind,
  choice,
  clusterName,
  fileMode,
  filePath,
  flag,
  hosts,
  httpUrl,
  logCategories,
  logLevels,
  metricsAccess,
  mountpoint,
  mqttText,
  natsServers,
  nodeName,
  origins,
  secret,
  text,
  urlPath,
} from "./values.ts";

const DAY = 86_400;
const MIB = 2 ** 20;
/** Session expiry interval of a session that does not expire (MQTT 5.0 §3.1.2.11.2). */
const NEVER = 4_294_967_295;

const folder = text("the path of a folder");

/** The sections at the top. */
export const sectionKeys = {
  listeners: key(
    "listeners by name; `default` is what the others inherit",
    elsewhere<Readonly<Record<string, ListenerConfig | null>>>(see("listeners")),
    { shown: "one on 127.0.0.1:1883" },
  ),
  auth: key("sign-in, see [auth](#auth)", elsewhere<AuthConfig>(see("auth")), {
    shown: "anonymous clients on loopback only",
  }),
  topicCheck: key(
    "permissions on topics, see [topic-check](#topic-check)",
    elsewhere<TopicCheckConfig>(see("topic-check")),
    { shown: "off" },
  ),
  plugins: key("further plugins, a list or a map of specifier to options", elsewhere<PluginList>(see("plugins")), {
    shown: "event_logger",
  }),
  persistence: key(
    "where sessions and messages are kept, see [persistence](#persistence)",
    elsewhere<PersistenceConfig>(see("persistence")),
    {
      shown: "in memory",
    },
  ),
  bridges: key(
    "bridges to other brokers by name, see [Bridges](bridges.md)",
    elsewhere<Readonly<Record<string, BridgeConfig | null>>>(see("bridges")),
    { shown: "none" },
  ),
  cluster: key("other brokers that it is one with, see [cluster](#cluster)", elsewhere<ClusterConfig>(see("cluster")), {
    shown: "none",
  }),
  log: key("what is logged, see [log](#log)", elsewhere<LogConfig>(see("log")), {
    shown: "events and warnings, as text",
  }),
  admin: key("the admin API and page, see [admin](#admin)", elsewhere<AdminConfig>(see("admin")), {
    shown: "off; without a config file on 127.0.0.1:9883",
  }),
} as const;

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

/** What only the broker as a whole has. */
export const brokerKeys = { ...sectionKeys, sysInterval: brokerSysOptions.sysInterval, ...capacityKeys } as const;

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

/** What only a listener has. */
export const listenerKeys = {
  type: key(
    "`tcp`, `ws` or `external` (no socket: the program hands connections in)",
    choice(["tcp", "ws", "external"]),
    { default: "tcp" },
  ),
  bind: key(
    '`host:port`, `:port`, `port`, `host`, `"[v6]:port"` or `unix:path`; port 0 picks a free one, a name stands for all its addresses',
    bind,
    { shown: "0.0.0.0, port 1883, 8883 (tcp with ssl), 8080 (ws), 8443 (ws with ssl)" },
  ),
  socketMode: key('unix sockets only: who may connect, an octal mode in quotes such as `"0660"`', fileMode, {
    shown: "as the umask has it",
  }),
  ssl: key("TLS", flag, { default: false, shown: "off" }),
  certfile: key("certificate chain, PEM", filePath),
  keyfile: key("private key, PEM; may stand in the same file as the certificates", filePath, { shown: "certfile" }),
  keyfilePassphrase: key("opens an encrypted key", secret),
  keyfilePassphraseFile: key("file whose first line opens an encrypted key", filePath),
  cafile: key("file with authorities for **client** certificates, PEM", filePath),
  capath: key("folder with authorities for client certificates, one file each", folder),
  cadata: key("authorities for client certificates as PEM text", text("certificates as PEM text")),
  crlfile: key("certificate revocation lists, PEM", filePath),
  clientCertificate: key("`off`, `optional` or `required`", choice(["off", "optional", "required"]), {
    shown: "optional with authorities, else off",
  }),
  usernameFromCertificate: key(
    "`off`, `cn` or `san`: the user name is taken from the verified certificate",
    choice(["off", "cn", "san"]),
    { default: "off" },
  ),
  path: key("ws only: the path that is served", urlPath, { shown: "any" }),
  origins: key("ws only: values of the Origin header that are let in, `*` for any", origins, {
    shown: "the listener's own address",
  }),
  hosts: key("ws only: hosts whose pages are let in, besides `origins`", hosts),
  mountpoint: key(
    "what stands before all topics of its clients, who do not know of it: `tenants/%u/`; `%u` is the user name, `%c` the client identifier",
    mountpoint,
  ),
  maxConnections: quantity("connections", 0, [0], "at once; 0 is no limit"),
} as const;

/** Keys of aMQTT's listeners that mean nothing here. */
export const ignoredListenerKeys = {
  reader: key("has no meaning here", elsewhere<unknown>({})),
  writer: key("has no meaning here", elsewhere<unknown>({})),
} as const;

/** The section `auth`. */
export const authKeys = {
  plugins: key("plugins asked at sign-in; an empty list lets nobody in", elsewhere<PluginList>(see("plugins")), {
    shown: "auth.anonymous, and auth.file with a password file",
  }),
  ...authAnonymousOptions,
  ...authFileOptions,
} as const;

/** The section `topic-check`. */
export const topicCheckKeys = {
  enabled: key("whether topics are restricted", flag, { default: false }),
  plugins: key("plugins asked for topics", elsewhere<PluginList>(see("plugins")), {
    shown: "topic_acl if there is a list",
  }),
  ...topicAclOptions,
} as const;

/** The section `persistence`, unless its type is a module of the user's. */
export const persistenceKeys = {
  type: key(
    "`memory`, `sqlite`, or the import specifier of a store module, whose options all other keys are",
    choice(["memory", "sqlite"]),
    { default: "memory" },
  ),
  ...sqliteOptions,
} as const;

/** The section `cluster`. */
export const clusterKeys = {
  name: key("the cluster's name, the same in all nodes: letters, digits, `-` and `_`", clusterName),
  node: key("this node's name, which no other has", nodeName, { shown: "the host's name" }),
  log: key("the log that all nodes read, see below", elsewhere<ClusterLogConfig>(see("cluster-log")), {
    shown: "NATS on 127.0.0.1:4222",
  }),
  bind: key("where other nodes connect, as in a listener", bind, { shown: "127.0.0.1:7883" }),
  advertise: key("where other nodes find that, `host:port`", text("host:port"), { shown: "what bind says" }),
  certfile: key("certificate chain that this node shows to others, PEM; required beyond loopback", filePath),
  keyfile: key("its private key, PEM", filePath, { shown: "certfile" }),
  cafile: key("the authority that issues for nodes of this cluster and nobody else, PEM", filePath),
  failureTimeout: quantity(
    "seconds",
    5,
    [0, DAY],
    "for which a node may be silent before it counts as cut off; after one and a half times that the others go on without it",
    { aboveMinimum: true, fractional: true },
  ),
  onPartition: key(
    "what a node does that is cut off from the log: `degrade` serves what needs no log, `stop` closes its clients",
    choice(["degrade", "stop"]),
    { default: "degrade" },
  ),
  maxLinkBytes: quantity(
    "bytes",
    64 * MIB,
    [MIB],
    "that may wait for one other node; above it QoS 0 to that node is dropped, and who publishes at QoS 1 and 2 waits",
  ),
} as const;

/** The section `log` of `cluster`. */
export const clusterLogKeys = {
  type: key(
    "`nats`, a stream of NATS JetStream; or `memory`, for several brokers in one process, as tests have them",
    choice(["nats", "memory"]),
    { default: "nats" },
  ),
  servers: key("addresses of NATS servers", natsServers, { shown: "nats://127.0.0.1:4222" }),
  replicas: quantity("servers", 3, [1, 5], "that keep the log; the same in all nodes"),
} as const;

/** The section `log`. */
export const logKeys = {
  level: key("`debug`, `info`, `warning`, `error` or `off`", choice(logLevels), { default: "info" }),
  format: key("`text` or `json`, one line for each event", choice(["text", "json"]), { default: "text" }),
  packets: key("`off` or `headers`: every packet, without payload and password", choice(["off", "headers"]), {
    default: "off",
  }),
  ...loggerOptions,
  categories: key(
    "levels of parts: `connections`, `listeners`, `store`, `plugins`, or one plugin as `plugins.NAME`",
    logCategories,
    { default: {}, shown: "" },
  ),
} as const;

/** The section `admin`. */
export const adminKeys = {
  bind: key(
    "`host:port`, `:port`, `port` or `host`, or a mapping of `bind`, `certfile`, `keyfile` and `insecure`; one or a list. Beyond loopback TLS is needed, or `insecure`",
    adminBinds,
    { shown: "127.0.0.1:9883" },
  ),
  certfile: key("certificate chain, PEM; with it every address speaks TLS that names no other", filePath),
  keyfile: key("private key, PEM", filePath, { shown: "certfile" }),
  publicUrl: key(
    "where browsers reach it, such as `https://broker.example.org/admin`, if a proxy stands in front",
    httpUrl,
  ),
  insecure: key("whether addresses beyond loopback may do without TLS", flag, { default: false }),
  metrics: key("`public`: whether `/metrics` is shown without sign-in", metricsAccess, {
    default: { public: false },
    shown: "public: false",
  }),
  users: key(
    "users of the password file who may sign in, each with the role `viewer`, `operator` or `admin`",
    adminRoles,
    {
      shown: "none: a one-time link is printed at the start",
    },
  ),
  viewerPayloads: key("whether viewers are shown the payloads of messages", flag, { default: false }),
  tokensFile: key("file with the hashes of bearer tokens, see `cli.ts token`", filePath),
  sessionTimeout: quantity("seconds", 43_200, [60, 30 * DAY], "from a sign-in until the next is asked for"),
  maxTopics: quantity(
    "topics",
    50_000,
    [1],
    "whose last message is remembered; the least recently published goes first",
  ),
  maxTopicsBytes: quantity("bytes", 64 * MIB, [4096], "size of what is remembered of them"),
  maxHistoryClients: quantity("clients", 10_000, [1], "whose last events are remembered, 100 of each"),
  maxHistoryBytes: quantity("bytes", 32 * MIB, [4096], "size of what is remembered of them"),
} as const;

/** A part of the schema for editors that stands there once. */
function see(name: string) {
  return { $ref: `#/definitions/${name}` };
}
