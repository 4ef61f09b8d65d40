/**
 * Every key of the config: its kind, unit, range, default, and what it is for; limits stand in limit_table.ts, and bridges in
 * bridge_table.ts. From here come the checks, the defaults, the types of what the code gets, what `--check` lists, the tables
 * of the manual and the schema for editors.
 *
 * To add a key, add it here (an option of a bundled plugin or store: in its `…_options.ts`), and to its interface in
 * config.ts, limits.ts or the `…_config.ts` of its section, whose comments are what a program's editor shows; a test names
 * the keys in which the two differ.
 * `deno task docs:config PAGE` and `deno task docs:schema` write the rest, and examples/broker.yaml has to show it.
 */
import type { BridgeConfig } from "./bridge_config.ts";
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
import { capacityKeys } from "./limit_table.ts";
import { bind, hosts, httpUrl, natsServers, origins, urlPath } from "./address_values.ts";
import { adminBinds, adminRoles, metricsAccess } from "./admin_values.ts";
import { mountpoint } from "./topic_values.ts";
import { DAY, MIB } from "./units.ts";
import {
  choice,
  clusterName,
  fileMode,
  filePath,
  flag,
  logCategories,
  logLevels,
  mqttText,
  nodeName,
  secret,
  text,
} from "./values.ts";

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

/** What only the broker as a whole has. */
export const brokerKeys = { ...sectionKeys, sysInterval: brokerSysOptions.sysInterval, ...capacityKeys } as const;

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
  username: key("user name at the servers, with one of the next two", mqttText, { shown: "none" }),
  password: key("password at the servers", secret),
  passwordFile: key("file whose first line is the password, read anew for each connection", filePath),
  tokenFile: key(
    "file whose first line is a token, for servers that ask for one, read anew for each connection",
    filePath,
  ),
  credentialsFile: key("file with a user's JWT and nkey seed (`.creds`), read anew for each connection", filePath),
  cafile: key("authorities for the servers' certificates, PEM; turns TLS on, as addresses `tls://…` do", filePath, {
    shown: "those of the runtime",
  }),
  certfile: key("client certificate, PEM; turns TLS on", filePath),
  keyfile: key("its private key, PEM; may stand in the same file", filePath, { shown: "certfile" }),
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
