import type {
  AdminConfig,
  AuthConfig,
  BridgeConfig,
  BridgeTopicConfig,
  BrokerConfig,
  BrokerLimits,
  ClusterConfig,
  ClusterLogConfig,
  ConnectionLimits,
  InNumbers,
  ListenerConfig,
  LogConfig,
  PersistenceConfig,
  ResolvedLimits,
  ResolvedLog,
  TopicCheckConfig,
} from "../../src/config/config.ts";
import type { Inputs, Resolved } from "../../src/config/key.ts";
import type { bridgeKeys, bridgeTopicKeys } from "../../src/config/bridge_table.ts";
import type { capacityKeys, limitKeys } from "../../src/config/limit_table.ts";
import type {
  adminKeys,
  authKeys,
  brokerKeys,
  clusterKeys,
  clusterLogKeys,
  listenerKeys,
  logKeys,
  persistenceKeys,
  topicCheckKeys,
} from "../../src/config/table.ts";
import type { AuthAnonymousOptions } from "../../src/plugins/auth_anonymous.ts";
import type { authAnonymousOptions } from "../../src/plugins/auth_anonymous_options.ts";
import type { AuthFileOptions } from "../../src/plugins/auth_file.ts";
import type { authFileOptions } from "../../src/plugins/auth_file_options.ts";
import type { BrokerSysOptions } from "../../src/plugins/broker_sys.ts";
import type { brokerSysOptions } from "../../src/plugins/broker_sys_options.ts";
import type { EventLoggerOptions } from "../../src/plugins/event_logger.ts";
import type { loggerOptions } from "../../src/plugins/logger_options.ts";
import type { PacketLoggerOptions } from "../../src/plugins/packet_logger.ts";
import type { TopicAclOptions } from "../../src/plugins/topic_acl.ts";
import type { topicAclOptions } from "../../src/plugins/topic_acl_options.ts";

/** `true` if both are one type, key by key, `readonly` and `?` included; else the names of the keys that differ. */
type Same<Written, Table> = Identical<Own<Written>, Own<Table>> extends true ? true
  : Differing<Own<Written>, Own<Table>>;

type Identical<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** An interface and a mapped type alike as one flat object type; without an index signature. */
type Own<Keys> = { [Name in keyof Keys as string extends Name ? never : Name]: Keys[Name] };

type Differing<A, B> = {
  [Name in keyof A | keyof B]: Name extends keyof A & keyof B ? Identical<A[Name], B[Name]> extends true ? never : Name
    : Name;
}[keyof A | keyof B];

/** The checker refuses a call with two types that differ, and names the keys. */
function same<Written, Table>(_same: Same<Written, Table>): void {}

Deno.test("the interfaces of the config are what the table of keys says", () => {
  same<ConnectionLimits, Inputs<typeof limitKeys>>(true);
  same<Omit<BrokerConfig, keyof ConnectionLimits>, Inputs<typeof brokerKeys>>(true);
  same<Omit<ListenerConfig, keyof ConnectionLimits>, Inputs<typeof listenerKeys>>(true);
  same<AuthConfig, Inputs<typeof authKeys>>(true);
  same<TopicCheckConfig, Inputs<typeof topicCheckKeys>>(true);
  // A module may be named there, too, and a program may put its store there.
  same<
    Omit<Own<PersistenceConfig>, "store">,
    Omit<Inputs<typeof persistenceKeys>, "type"> & { readonly type?: string }
  >(true);
  same<ClusterConfig, Inputs<typeof clusterKeys>>(true);
  same<ClusterLogConfig, Inputs<typeof clusterLogKeys>>(true);
  same<LogConfig, Inputs<typeof logKeys>>(true);
  same<AdminConfig, Inputs<typeof adminKeys>>(true);
  same<BridgeConfig, Inputs<typeof bridgeKeys>>(true);
  same<BridgeTopicConfig, Inputs<typeof bridgeTopicKeys>>(true);
});

Deno.test("the resolved config has the types of the table of keys", () => {
  same<ResolvedLimits, Resolved<typeof limitKeys>>(true);
  same<ResolvedLog, Resolved<typeof logKeys>>(true);
  same<InNumbers<Required<BrokerLimits>>, Resolved<typeof capacityKeys>>(true);
});

Deno.test("the options of bundled plugins are what the plugins say of them", () => {
  same<AuthAnonymousOptions, Inputs<typeof authAnonymousOptions>>(true);
  same<Partial<AuthFileOptions>, Inputs<typeof authFileOptions>>(true);
  same<BrokerSysOptions, Inputs<typeof brokerSysOptions>>(true);
  same<TopicAclOptions, Inputs<typeof topicAclOptions>>(true);
  same<EventLoggerOptions, Inputs<typeof loggerOptions>>(true);
  same<PacketLoggerOptions, Inputs<typeof loggerOptions>>(true);
});

Deno.test("types that differ do not pass for the same", () => {
  interface Written {
    readonly a?: number;
    readonly b?: string;
  }
  same<Written, { readonly a?: number; readonly b?: string }>(true);
  // @ts-expect-error: one key is missing
  same<Written, { readonly a?: number }>(true);
  // @ts-expect-error: one key is of another type
  same<Written, { readonly a?: number; readonly b?: number }>(true);
  // @ts-expect-error: one key is required
  same<Written, { readonly a: number; readonly b?: string }>(true);
});
