import type { Keys } from "../config/key.ts";
import type { PluginFactory } from "../hooks/plugin.ts";
import { authAnonymousOptions } from "./auth_anonymous_options.ts";
import { authFileOptions } from "./auth_file_options.ts";
import { brokerSysOptions } from "./broker_sys_options.ts";
import { loggerOptions } from "./logger_options.ts";
import { topicAclOptions } from "./topic_acl_options.ts";

/** What a plugin serves: sign-in, permissions on topics, or anything else. */
export type PluginPurpose = "sign-in" | "topics" | "general";

/** A plugin that comes with the broker. */
export interface BundledPlugin {
  /** Says in which list of the config it may stand. */
  readonly purpose: PluginPurpose;
  /** Its options, as the plugin's `…_options.ts` describes them. */
  readonly options: Keys;
  /** Loads its code, which nobody else does. Written out, so that the module is embedded in a compiled binary. */
  readonly load: () => Promise<{ readonly default: PluginFactory }>;
}

/** The plugins that come with the broker, by their names in the config. */
export const bundledPlugins = {
  "auth.anonymous": {
    purpose: "sign-in",
    options: authAnonymousOptions,
    load: () => import("./auth_anonymous.ts"),
  },
  "auth.file": { purpose: "sign-in", options: authFileOptions, load: () => import("./auth_file.ts") },
  topic_acl: { purpose: "topics", options: topicAclOptions, load: () => import("./topic_acl.ts") },
  topic_taboo: { purpose: "topics", options: {}, load: () => import("./topic_taboo.ts") },
  broker_sys: { purpose: "general", options: brokerSysOptions, load: () => import("./broker_sys.ts") },
  event_logger: { purpose: "general", options: loggerOptions, load: () => import("./event_logger.ts") },
  packet_logger: { purpose: "general", options: loggerOptions, load: () => import("./packet_logger.ts") },
} as const satisfies Readonly<Record<string, BundledPlugin>>;

/** Name of a plugin that comes with the broker. */
export type BundledPluginName = keyof typeof bundledPlugins;

/** Names of the plugins that come with the broker. */
export const bundledPluginNames = Object.keys(bundledPlugins) as readonly BundledPluginName[];
