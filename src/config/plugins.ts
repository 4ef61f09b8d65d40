/** From `auth`, `topic-check`, `plugins` and `sys-interval` to the plugins to load, in the order in which they are asked. */
import { bundledPlugins, type PluginPurpose } from "../plugins/bundled.ts";
import { resolveAuth, resolveFile } from "./auth.ts";
import type { ResolvedConfig } from "./config.ts";
import { brokerDefaults } from "./keys.ts";
import {
  checkTwice,
  hasOptions,
  type ListedPlugin,
  readPluginList,
  toEntry,
  withDefaults,
  withoutRepeats,
} from "./plugin_list.ts";
import type { Report } from "./report.ts";
import type { BrokerValues } from "./schema.ts";
import type { Section } from "./section.ts";
import { resolveListedAcl, resolveTopicCheck } from "./topic_check.ts";

/** What {@linkcode resolvePlugins} finds. */
export type Plugins = Pick<ResolvedConfig, "plugins" | "anonymous" | "topicCheck">;

/** Reads everything that calls for a plugin. */
export function resolvePlugins(broker: Section<BrokerValues>, baseDirectory: string, report: Report): Plugins {
  const context = { baseDirectory, report };
  const { values } = broker;
  const general = values.plugins === undefined
    ? [implied(broker, "event_logger", "plugins")]
    : readPluginList(values.plugins, { ...context, path: broker.pathOf("plugins") });
  // As in HBMQTT and aMQTT: the general list names plugins that a section of their own configures.
  const [signIn, withoutSignIn] = setApart(general, (plugin) => values.auth !== undefined && serves(plugin, "sign-in"));
  const [named, rest] = setApart(
    withoutSignIn,
    (plugin) => values.topicCheck !== undefined && serves(plugin, "topics") && !hasOptions(plugin),
  );
  const auth = values.auth === undefined ? [] : resolveAuth(broker, { mentioned: signIn, general: rest }, context);
  const topics = values.topicCheck === undefined ? [] : resolveTopicCheck(broker, named, context);
  const others = resolveGeneral(broker, rest, report);
  const listed = [...auth, ...topics, ...others];
  checkTwice(listed, report);
  const plugins = withoutRepeats(listed);
  const lists = (...names: string[]) => others.some(({ bundled }) => bundled !== undefined && names.includes(bundled));
  return {
    plugins: plugins.map(toEntry),
    anonymous: values.auth !== undefined || lists("auth.anonymous", "auth.file") ? "plugins" : "loopback",
    topicCheck: topics.length > 0 || lists("topic_acl", "topic_taboo"),
  };
}

/** The plugins that a test picks, and the others. */
function setApart(
  listed: readonly ListedPlugin[],
  picks: (plugin: ListedPlugin) => boolean,
): [picked: ListedPlugin[], others: ListedPlugin[]] {
  return [listed.filter(picks), listed.filter((plugin) => !picks(plugin))];
}

function serves({ bundled }: ListedPlugin, purpose: PluginPurpose): boolean {
  return bundled !== undefined && bundledPlugins[bundled].purpose === purpose;
}

/** A plugin that is loaded without being listed. */
function implied(
  broker: Section<BrokerValues>,
  name: "event_logger" | "broker_sys",
  key: "plugins" | "sysInterval",
): ListedPlugin {
  return { bundled: name, specifier: name, name, options: undefined, path: broker.pathOf(key) };
}

function resolveGeneral(
  broker: Section<BrokerValues>,
  listed: readonly ListedPlugin[],
  report: Report,
): ListedPlugin[] {
  const { sysInterval = brokerDefaults.sysInterval } = broker.values;
  const plugins = [...listed];
  if (!listed.some(({ bundled }) => bundled === "broker_sys")) {
    plugins.push(implied(broker, "broker_sys", "sysInterval"));
  }
  return plugins.flatMap((plugin) => {
    if (plugin.bundled === "broker_sys") return resolveSys(plugin, sysInterval, report);
    return [resolveOptions(plugin, report)];
  });
}

/** Options of a plugin in the general list, where no other key adds to them. */
function resolveOptions(plugin: ListedPlugin, report: Report): ListedPlugin {
  switch (plugin.bundled) {
    case "auth.anonymous":
      return withDefaults(plugin, { allowAnonymous: true });
    case "auth.file":
      return resolveFile(plugin, plugin.path, report);
    case "topic_acl":
      return resolveListedAcl(plugin, report);
    default:
      return plugin;
  }
}

/** An interval of 0 is off. */
function resolveSys(plugin: ListedPlugin, fallback: number, report: Report): ListedPlugin[] {
  const options = (plugin.options ?? {}) as { readonly interval?: number; readonly sysInterval?: number };
  if (options.interval !== undefined && options.sysInterval !== undefined) {
    report.fault(plugin.path, "interval and sys-interval are the same option: give one of them");
  }
  const interval = options.interval ?? options.sysInterval ?? fallback;
  return interval === 0 ? [] : [{ ...plugin, options: { interval } }];
}
