import type { PluginFactory } from "../hooks/plugin.ts";

/** Imports of plugin modules by the plugins' names in the config. */
export type BundledPlugins = Readonly<Record<string, () => Promise<{ readonly default: PluginFactory }>>>;

/**
 * The plugins that come with the broker. Each import is written out, so that the modules are found and embedded when a
 * program is compiled into a binary.
 */
export const bundledPlugins: BundledPlugins = {
  "auth.anonymous": () => import("./auth_anonymous.ts"),
  "auth.file": () => import("./auth_file.ts"),
  "topic_acl": () => import("./topic_acl.ts"),
  "topic_taboo": () => import("./topic_taboo.ts"),
  "broker_sys": () => import("./broker_sys.ts"),
  "event_logger": () => import("./event_logger.ts"),
  "packet_logger": () => import("./packet_logger.ts"),
};
