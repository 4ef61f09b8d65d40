/**
 * The configuration's shape. A key in YAML is the hyphenated form of the name here: `max-packet-size` is
 * `maxPacketSize`. Sizes are bytes and times are seconds; both may be written as text with a unit (`16 MiB`, `7 d`).
 */
import type { ConnectionLimits, ResolvedLimits } from "./limits.ts";
import type { TlsSource as ResolvedTls } from "../transport/tls/files.ts";
import type { Duration, InNumbers, Size } from "./units.ts";

import type { BridgeConfig, ResolvedBridge } from "./bridge_config.ts";

export type {
  BridgeAddress,
  BridgeConfig,
  BridgePreset,
  BridgeTls,
  BridgeTopicConfig,
  ResolvedBridge,
  ResolvedBridgeTopic,
} from "./bridge_config.ts";
export type { ConnectionLimits, ResolvedLimits } from "./limits.ts";
export type { Duration, InNumbers, Size } from "./units.ts";
export type { ResolvedTls };

/** Whether a TLS listener asks clients for a certificate, and whether it insists. */
export type ClientCertificateRequest = "off" | "optional" | "required";

/** Which name of a verified client certificate is the user name: common name, first subject alternative name, or none. */
export type UsernameFromCertificate = "off" | "cn" | "san";

/**
 * One entry of `listeners`. What `default` says holds for every listener that does not say otherwise.
 *
 * @category Config
 */
export interface ListenerConfig extends ConnectionLimits {
  /** `tcp`, `ws` (WebSocket) or `external` (no socket: the host program hands connections in). @default "tcp" */
  readonly type?: "tcp" | "ws" | "external";
  /**
   * `host:port`, `:port`, `port`, `host`, `[v6]:port` or `unix:path`; port 0 picks a free one. A name stands for all its
   * addresses. Never inherited; `null` is not given, and at `default` says that it is not meant to listen.
   * @default all IPv4 interfaces; port 1883 (tcp), 8883 (tcp with ssl), 8080 (ws), 8443 (ws with ssl)
   */
  readonly bind?: string | number | null;
  /** Unix sockets only: who may connect, as an octal mode such as `"0660"`. @default as the process's umask has it */
  readonly socketMode?: string;
  /** TLS. Needs `certfile`. @default false */
  readonly ssl?: boolean;
  /** Path of the certificate chain, PEM. */
  readonly certfile?: string;
  /** Path of a file with the private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
  /** What opens an encrypted key. */
  readonly keyfilePassphrase?: string;
  /** Path of a file whose first line opens an encrypted key. */
  readonly keyfilePassphraseFile?: string;
  /** Path of a file with the authorities for client certificates, PEM. */
  readonly cafile?: string;
  /** Path of a folder with authorities for client certificates, one PEM file each. */
  readonly capath?: string;
  /** Authorities for client certificates as PEM text. */
  readonly cadata?: string;
  /** Path of a file with certificate revocation lists, PEM. */
  readonly crlfile?: string;
  /** Whether clients show a certificate; needs authorities unless `off`. @default "optional" if there are authorities, else "off" */
  readonly clientCertificate?: ClientCertificateRequest;
  /** Takes the user name from the verified client certificate, which then also signs the client in. @default "off" */
  readonly usernameFromCertificate?: UsernameFromCertificate;
  /**
   * What stands before all topics of its clients, and what they do not know of: levels that end in `/`, such as
   * `tenants/%u/`. `%u` stands for the user name, `%c` for the client identifier; a client whose name is empty or holds
   * `+`, `#` or `/` is refused. Permissions are asked for the topic with the mountpoint. @default none
   */
  readonly mountpoint?: string;
  /** Connections at once; 0 is no limit. @default 0 */
  readonly maxConnections?: number;
  /** WebSocket only: the path that is served, with its leading `/`; `undefined`: any. */
  readonly path?: string;
  /**
   * WebSocket only: values of the Origin header that are let in, `*` for any, `null` for pages without a host such as
   * files. Requests without the header always are.
   * @default the host that the request was sent to, if it is an IP address; on this machine pages of this machine
   */
  readonly origins?: readonly string[];
  /**
   * WebSocket only: names and addresses of hosts whose pages are let in, whatever their scheme and port, besides `origins`.
   * What is beyond loopback and has a name needs it here or in `origins`, behind a reverse proxy too.
   * @default none
   */
  readonly hosts?: readonly string[];
}

/**
 * Sign-in. Without this section anonymous clients are let in on loopback only.
 *
 * @category Config
 */
export interface AuthConfig {
  /**
   * Plugins asked at sign-in, by bundled name or import specifier; an empty list lets nobody in.
   * @default those that the other keys here call for, and bundled ones that `plugins` at the top names
   */
  readonly plugins?: PluginList;
  /**
   * Lets clients without a user name in, through `auth.anonymous`; `any-username`: those with one, too, whatever it is, unless
   * another plugin denies them. @default true if `auth.anonymous` is listed in `plugins`, else false
   */
  readonly allowAnonymous?: boolean | "any-username";
  /** Path of the password file for `auth.file`. */
  readonly passwordFile?: string;
  /**
   * Path of the file in which `auth.file` keeps the key that hides from SCRAM clients which users exist; made if it is not
   * there. @default the password file with `.scram-key` behind it
   */
  readonly scramKeyFile?: string;
  /** Password hashes computed at once, and threads for those of crypt(3), 1 to 64. @default 2 */
  readonly authConcurrency?: number;
}

/**
 * User name → topic filters; `anonymous` stands for clients without a user name.
 *
 * @category Config
 */
export type AccessControlList = Readonly<Record<string, readonly string[] | null>>;

/**
 * Permissions on topics.
 *
 * @category Config
 */
export interface TopicCheckConfig {
  /** Whether topics are restricted at all; without it the lists below have no effect. @default false */
  readonly enabled?: boolean;
  /** Plugins asked for topics, by bundled name or import specifier. @default `topic_acl` if there is a list below */
  readonly plugins?: PluginList;
  /** What each user may publish to, subscribe to and receive; in aMQTT it is for subscribing only, see `subscribeAcl`. */
  readonly acl?: AccessControlList;
  /** In place of `acl` for publishing. */
  readonly publishAcl?: AccessControlList;
  /** In place of `acl` for subscribing. */
  readonly subscribeAcl?: AccessControlList;
  /** In place of `acl` for receiving. */
  readonly receiveAcl?: AccessControlList;
}

/**
 * Plugins by bundled name or import specifier, alone or with their options; in a program also the plugins themselves, alone
 * or in a pair with their options.
 *
 * @category Config
 */
export type PluginList =
  | readonly (string | Readonly<Record<string, unknown>> | PluginInPlace | PluginWithOptions)[]
  | Readonly<Record<string, unknown>>;

/** A plugin in the place of its name: what its module would export by default, a `PluginFactory`. */
export type PluginInPlace = (options: never, context: never) => object | Promise<object>;

/** A plugin in the place of its name, and its options. */
export type PluginWithOptions = readonly [plugin: PluginInPlace, options: unknown];

/** A store in the place of its name: a `Store`, or the `StoreFactory` that makes it. */
export type StoreInPlace =
  | {
    open(): unknown;
    append(changes: never): unknown;
    deliveries(session: number, range: never): unknown;
    close(): unknown;
  }
  | ((options: never, context: never) => object | Promise<object>);

/**
 * Where sessions and messages are kept.
 *
 * @category Config
 */
export interface PersistenceConfig {
  /**
   * `memory` (nothing outlives the process), `sqlite`, or the import specifier of a store module, as plugins have it.
   * @default "memory"
   */
  readonly type?: string;
  /** `sqlite` only: path of the database file. @default "amqtt-broker.sqlite" */
  readonly path?: string;
  /**
   * `sqlite` only. `disk`: what is acknowledged was synced to the disk before. `os`: the operating system has it, so that
   * it survives a crash of the process, but not one of the machine. @default "disk"
   */
  readonly commit?: "disk" | "os";
  /**
   * In a program, in place of `type`: the store itself, or what makes it of all other keys and a context. A store that is
   * given itself is opened again by each start. With an import specifier in `type` it is an option like any other.
   */
  readonly store?: StoreInPlace;
  /** Of a store module: its options, passed on as they stand, `path` and `commit` included. */
  readonly [option: string]: unknown;
}

/** How much is logged, from all to nothing. */
export type LogLevel = "debug" | "info" | "warning" | "error" | "off";

/**
 * What the command line logs. A program that embeds the broker configures LogTape itself, and has `packets` and
 * `exclude-sys` of this.
 *
 * @category Config
 */
export interface LogConfig {
  /** The least of what is logged. @default "info" */
  readonly level?: LogLevel;
  /** One line for each event, as text or as a JSON object. @default "text" */
  readonly format?: "text" | "json";
  /** `headers`: every packet is logged at `debug`, without payload and password. @default "off" */
  readonly packets?: "off" | "headers";
  /** Leaves packets and messages of `$SYS` out. @default true */
  readonly excludeSys?: boolean;
  /**
   * Levels of parts of the broker: `connections`, `listeners`, `store`, `plugins`, or one plugin as
   * `plugins.event_logger`. @default that of the whole
   */
  readonly categories?: Readonly<Record<string, LogLevel>>;
}

/** What a user of the admin API may do: see, act on clients and messages too, or everything. */
export type AdminRole = "viewer" | "operator" | "admin";

/** Who is shown the figures. */
export interface AdminMetricsConfig {
  /** Whether `/metrics` is shown without sign-in. @default false */
  readonly public?: boolean;
}

/** An address of the admin API with what holds for it alone. */
export interface AdminListenerConfig {
  /** `host:port`, `:port`, `port` or `host`; port 0 picks a free one. */
  readonly bind: string | number;
  /** Path of its certificate chain, PEM. @default that of the section */
  readonly certfile?: string;
  /** Path of its private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
  /** Whether it may do without TLS beyond loopback. @default that of the section */
  readonly insecure?: boolean;
}

/** The admin API and page. Without this section nothing is opened and nothing is remembered for it. */
export interface AdminConfig {
  /**
   * `host:port`, `:port`, `port` or `host`, alone or with certificates of its own; one or a list. Port 0 picks a free one.
   * Beyond loopback TLS is needed, or `insecure`. @default "127.0.0.1:9883"
   */
  readonly bind?: string | number | AdminListenerConfig | readonly (string | number | AdminListenerConfig)[];
  /** Path of the certificate chain, PEM; with it every address speaks TLS that names no other. */
  readonly certfile?: string;
  /** Path of the private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
  /** Where browsers reach it if a proxy stands in front, such as `https://broker.example.org/admin`. */
  readonly publicUrl?: string;
  /** Whether addresses beyond loopback may do without TLS. @default false */
  readonly insecure?: boolean;
  /** Who is shown the figures. */
  readonly metrics?: AdminMetricsConfig;
  /** Users of the password file who may sign in, with what they may do. @default none: a one-time link is printed */
  readonly users?: Readonly<Record<string, AdminRole>>;
  /** Whether viewers are shown the payloads of messages. @default false */
  readonly viewerPayloads?: boolean;
  /** Path of the file with the hashes of bearer tokens. */
  readonly tokensFile?: string;
  /** Seconds from a sign-in until the next is asked for, 60 to 2,592,000. @default 43200 */
  readonly sessionTimeout?: Duration;
  /** Topics whose last message is remembered, at least 1; the least recently published goes first. @default 50000 */
  readonly maxTopics?: number;
  /** Bytes that are remembered of them, at least 4,096. @default 67108864 */
  readonly maxTopicsBytes?: Size;
  /** Clients whose last events are remembered, at least 1; those without events for longest go first. @default 10000 */
  readonly maxHistoryClients?: number;
  /** Bytes that are remembered of them, at least 4,096. @default 33554432 */
  readonly maxHistoryBytes?: Size;
}

/** An address of the admin API. */
export interface ResolvedAdminBind {
  /** Name or address to listen on, IPv6 without brackets. */
  readonly hostname: string;
  /** Port to listen on; 0 for any free one. */
  readonly port: number;
  /** Absolute paths; `undefined`: no TLS. */
  readonly tls?: { readonly certfile: string; readonly keyfile: string };
  /** Where its certificate is named in the config, such as `admin` or `admin.bind[1]`; the same without one. */
  readonly place: string;
}

/** The section `admin`, complete. */
export interface ResolvedAdmin {
  /** Where it listens; empty: it answers what the host program hands in. */
  readonly binds: readonly ResolvedAdminBind[];
  /** Nobody has asked for it: a port that is taken is no reason not to start. */
  readonly isDefault: boolean;
  /** Without a slash at its end. */
  readonly publicUrl?: string;
  /** Whether `/metrics` is shown without sign-in. */
  readonly metricsPublic: boolean;
  /** Has no prototype; empty: a one-time link is printed. */
  readonly users: Readonly<Record<string, AdminRole>>;
  /** Whether viewers are shown payloads. */
  readonly viewerPayloads: boolean;
  /** Absolute path; `undefined`: there are no bearer tokens. */
  readonly tokensFile?: string;
  /** Seconds. */
  readonly sessionTimeout: number;
  /** Topics that are remembered. */
  readonly maxTopics: number;
  /** Bytes of them. */
  readonly maxTopicsBytes: number;
  /** Clients that are remembered. */
  readonly maxHistoryClients: number;
  /** Bytes of them. */
  readonly maxHistoryBytes: number;
}

/**
 * The log that all nodes of a cluster read.
 *
 * @category Config
 */
export interface ClusterLogConfig {
  /**
   * `nats`, a stream of NATS JetStream; or `memory`, for several brokers in one process, as tests have them. @default "nats"
   */
  readonly type?: "nats" | "memory";
  /** Addresses of NATS servers. @default one at `nats://127.0.0.1:4222` */
  readonly servers?: readonly string[];
  /** How many servers keep the log, 1 to 5; the same in all nodes. @default 3 */
  readonly replicas?: number;
}

/**
 * The cluster that the broker is a node of.
 *
 * @category Config
 */
export interface ClusterConfig {
  /** The cluster's name, the same in all nodes: 1 to 64 letters, digits, `-` and `_`. Required. */
  readonly name?: string;
  /** This node's name, which no other has. @default the host's name */
  readonly node?: string;
  /** The log that all nodes read. @default three replicas on NATS at `nats://127.0.0.1:4222` */
  readonly log?: ClusterLogConfig;
  /** Where other nodes connect, as in a listener. @default "127.0.0.1:7883" */
  readonly bind?: string | number | null;
  /** Where other nodes find that, `host:port`. @default what `bind` says */
  readonly advertise?: string;
  /** Path of the certificate chain that this node shows to others, PEM; required beyond loopback. */
  readonly certfile?: string;
  /** Path of a file with its private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
  /** Path of a file with the authority that issues for nodes of this cluster and nobody else, PEM. */
  readonly cafile?: string;
  /**
   * Seconds for which a node may be silent before it counts as cut off, above 0 and at most 86,400; after one and a half
   * times that the others go on without it. @default 5
   */
  readonly failureTimeout?: Duration;
  /**
   * What a node does that is cut off from the log: `degrade` serves what needs no log, `stop` closes its clients.
   * @default "degrade"
   */
  readonly onPartition?: "degrade" | "stop";
  /**
   * Bytes that may wait for one other node, at least 1,048,576; above it QoS 0 to that node is dropped, and who publishes at
   * QoS 1 and 2 waits. @default 67108864
   */
  readonly maxLinkBytes?: Size;
}

/**
 * The section `cluster`, complete; paths are absolute.
 *
 * @category Config
 */
export interface ResolvedCluster {
  /** The cluster's name. */
  readonly name: string;
  /** This node's name; `undefined`: the host's. */
  readonly node: string | undefined;
  /** The log that all nodes read. */
  readonly log: Required<ClusterLogConfig>;
  /** Where others connect. */
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  /** Where others find that; `undefined`: at `hostname` and the port. */
  readonly advertise: string | undefined;
  /** `undefined`: links are not encrypted. */
  readonly tls: ResolvedTls | undefined;
  /** In seconds. */
  readonly failureTimeout: number;
  /** What a node does that is cut off from the log. */
  readonly onPartition: "degrade" | "stop";
  /** Bytes that may wait for one other node. */
  readonly maxLinkBytes: number;
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

/**
 * The whole configuration; every part has a default.
 *
 * @category Config
 *
 * @example
 * ```ts
 * import { Broker, type BrokerConfig } from "@amqtt/broker";
 *
 * const config: BrokerConfig = {
 *   listeners: { tcp: { bind: "127.0.0.1:0" }, web: { type: "ws", bind: "127.0.0.1:0", maxConnections: 100 } },
 *   auth: { allowAnonymous: true },
 *   maxPacketSize: "1 MiB",
 *   sysInterval: "30 s",
 * };
 * await using broker = new Broker(config);
 * await broker.start();
 * ```
 */
export interface BrokerConfig extends BrokerLimits, ConnectionLimits {
  /** Listeners by name. @default one on 127.0.0.1:1883 */
  readonly listeners?: Readonly<Record<string, ListenerConfig | null>>;
  /** Sign-in. @default anonymous clients on listeners bound to loopback only */
  readonly auth?: AuthConfig;
  /** Permissions on topics. @default every client may use every topic */
  readonly topicCheck?: TopicCheckConfig;
  /**
   * Further plugins. Bundled ones for sign-in and topics that are named without options are those that `auth` and
   * `topicCheck` configure. @default `event_logger`
   */
  readonly plugins?: PluginList;
  /** Where sessions and messages are kept. @default in memory */
  readonly persistence?: PersistenceConfig;
  /** The cluster that it is a node of. @default none */
  readonly cluster?: ClusterConfig;
  /** Bridges to other brokers, by name. @default none */
  readonly bridges?: Readonly<Record<string, BridgeConfig | null>>;
  /** What is logged, and how. @default events and warnings as text, without packets */
  readonly log?: LogConfig;
  /** The admin API and page. @default off */
  readonly admin?: AdminConfig;
  /** Seconds between publications of `$SYS`, 0 to 2,147,483; 0 turns them off. @default 20 */
  readonly sysInterval?: Duration;
}

/** A plugin to load. */
export interface PluginEntry {
  /** Bundled name or import specifier as the config has it, aMQTT's spellings already translated. */
  readonly specifier: string;
  /** Of a bundled plugin checked, in camelCase and complete; of another as the config has them; `undefined`: none. */
  readonly options: unknown;
  /** Key path in the config, such as `auth.plugins[0]`. */
  readonly place: string;
  /** What makes it, if it stands in the config itself; `undefined`: it is loaded by its specifier. */
  readonly factory?: PluginInPlace;
}

/** A listener with inheritance and defaults applied. */
export interface ResolvedListener {
  /** Key in `listeners`. */
  readonly name: string;
  /** Kind of transport; `external` has no socket. */
  readonly type: "tcp" | "ws" | "external";
  /** Name or address to listen on, IPv6 without brackets; empty if `external` or a unix socket. */
  readonly hostname: string;
  /** Port to listen on, 0 for any free one; 0 if `external` or a unix socket. */
  readonly port: number;
  /** Absolute path of the unix socket to listen on; `undefined`: host name and port hold. */
  readonly socketPath?: string;
  /** Permission bits of the unix socket; `undefined`: as the process's umask has it. */
  readonly socketMode?: number;
  /** `undefined`: no TLS. */
  readonly tls?: ResolvedTls;
  /** `off` on listeners that ask for no client certificate. */
  readonly usernameFromCertificate: UsernameFromCertificate;
  /** Connections at once; 0 is no limit. */
  readonly maxConnections: number;
  /** Path of the WebSocket; `undefined`: any. */
  readonly path?: string;
  /** `undefined`: the listener's own address. */
  readonly origins?: readonly string[];
  /** Hosts whose pages are let in besides. */
  readonly hosts?: readonly string[];
  /** With `%u` and `%c` as they stand; `undefined`: none. */
  readonly mountpoint?: string;
  /** Limits of its connections. */
  readonly limits: ResolvedLimits;
}

/** The section `log`, complete. */
export type ResolvedLog = Required<LogConfig>;

/** The configuration after parsing, checking, inheritance and defaults. */
export interface ResolvedConfig extends InNumbers<Required<BrokerLimits>> {
  /** Folder that relative paths start from, absolute. */
  readonly baseDirectory: string;
  /** Those that listen, `external` ones included, in the config's order. */
  readonly listeners: readonly ResolvedListener[];
  /** Attributes for handed-in connections that name no configured listener; `type` is `external`. */
  readonly handedIn: ResolvedListener;
  /** In the order in which they are asked. */
  readonly plugins: readonly PluginEntry[];
  /**
   * Whether clients without a user name may come in where no plugin decides: `loopback` on listeners bound to loopback
   * only (no `auth` section). With an `auth` section the plugins decide.
   */
  readonly anonymous: "loopback" | "plugins";
  /** There are plugins for topics: what none of them allows is denied. */
  readonly topicCheck: boolean;
  /** Limits of the broker as a whole, where no listener has its own. */
  readonly limits: ResolvedLimits;
  /**
   * Where sessions and messages are kept. `path` is absolute; `specifier` is as the config has it, with relative ones
   * starting from `baseDirectory`; `options` are all other keys as they stand.
   */
  readonly persistence:
    | { readonly type: "memory" }
    | { readonly type: "sqlite"; readonly path: string; readonly commit: "disk" | "os" }
    | {
      readonly type: "in-place";
      readonly store: StoreInPlace;
      readonly options: Readonly<Record<string, unknown>>;
    }
    | { readonly type: "module"; readonly specifier: string; readonly options: Readonly<Record<string, unknown>> };
  /** The cluster that it is a node of; `undefined`: none. */
  readonly cluster: ResolvedCluster | undefined;
  /** In the config's order. */
  readonly bridges: readonly ResolvedBridge[];
  /** What is logged, and how. */
  readonly log: ResolvedLog;
  /** The admin API and page, and whether it was asked for. */
  readonly admin: ResolvedAdmin;
  /** What is allowed but looks like a mistake, as `key.path: text`. */
  readonly warnings: readonly string[];
  /** Where its values come from; `undefined`: from a program. */
  readonly origin?: ConfigOrigin;
}

/** Tells where the values of one config come from. */
export interface ConfigOrigin {
  /**
   * Where a value comes from; `undefined`: the file does not say it, so that a default holds.
   *
   * @param path keys in camelCase, and names as they are
   */
  of(path: readonly string[]): ConfigValueOrigin | undefined;
}

/** Where a value comes from. */
export interface ConfigValueOrigin {
  /** Path of the config file as it was given. */
  readonly file: string;
  /** Of its key, from 1. */
  readonly line: number;
  /** Environment variables that it was made with. */
  readonly variables: readonly string[];
}
