/**
 * The configuration's shape. A key in YAML is the hyphenated form of the name here: `max-packet-size` is
 * `maxPacketSize`. Sizes are bytes and times are seconds; both may be written as text with a unit (`16 MiB`, `7 d`).
 */
import type { AdminConfig, ResolvedAdmin } from "./admin_config.ts";
import type { BridgeConfig, ResolvedBridge } from "./bridge_config.ts";
import type { ClusterConfig, ResolvedCluster } from "./cluster_config.ts";
import type { BrokerLimits, ConnectionLimits, ResolvedLimits } from "./limits.ts";
import type { ListenerConfig, ResolvedListener } from "./listener_config.ts";
import type { LogConfig, ResolvedLog } from "./log_config.ts";
import type { AuthConfig, TopicCheckConfig } from "./permission_config.ts";
import type { PersistenceConfig, StoreInPlace } from "./persistence_config.ts";
import type { PluginEntry, PluginList } from "./plugin_config.ts";
import type { Duration, InNumbers } from "./units.ts";

export type {
  AdminConfig,
  AdminListenerConfig,
  AdminMetricsConfig,
  AdminRole,
  ResolvedAdmin,
  ResolvedAdminBind,
} from "./admin_config.ts";
export type {
  BridgeAddress,
  BridgeConfig,
  BridgePreset,
  BridgeTls,
  BridgeTopicConfig,
  ResolvedBridge,
  ResolvedBridgeTopic,
} from "./bridge_config.ts";
export type { ClusterConfig, ClusterLogConfig, ResolvedCluster, ResolvedClusterLog } from "./cluster_config.ts";
export type { NatsAccess, NatsTls } from "../log/access.ts";
export type { BrokerLimits, ConnectionLimits, ResolvedLimits } from "./limits.ts";
export type {
  ClientCertificateRequest,
  ListenerConfig,
  ResolvedListener,
  ResolvedTls,
  UsernameFromCertificate,
} from "./listener_config.ts";
export type { LogConfig, LogLevel, ResolvedLog } from "./log_config.ts";
export type { AccessControlList, AuthConfig, TopicCheckConfig } from "./permission_config.ts";
export type { PersistenceConfig, StoreInPlace } from "./persistence_config.ts";
export type { PluginEntry, PluginInPlace, PluginList, PluginWithOptions } from "./plugin_config.ts";
export type { Duration, InNumbers, Size } from "./units.ts";

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
