/** From `topic-check` to the plugins that decide on topics. */
import { type ListedPlugin, readPluginList, withDefaults } from "./plugin_list.ts";
import type { Report } from "./report.ts";
import { type BrokerValues, topicCheckSchema, type TopicCheckValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";

const LISTS = ["acl", "publishAcl", "subscribeAcl", "receiveAcl"] as const;

type Lists = { readonly [Key in (typeof LISTS)[number]]?: unknown };

/** Reads `topic-check`, which the config has. No plugin: the topics are free. */
export function resolveTopicCheck(
  broker: Section<BrokerValues>,
  context: { readonly baseDirectory: string; readonly report: Report },
): ListedPlugin[] {
  const { report } = context;
  const section = readSection(topicCheckSchema, broker.values.topicCheck, broker.pathOf("topicCheck"), report);
  const { enabled, plugins } = section.values;
  const given = LISTS.filter((key) => section.values[key] !== undefined);
  const warn = (reason: string) => given.forEach((key) => report.warn(section.pathOf(key), `has no effect: ${reason}`));
  // What is not used is read all the same: what is wrong in it is wrong.
  const listed = plugins === undefined
    ? given.map(() => impliedAcl(section)).slice(0, 1)
    : readPluginList(plugins, { ...context, path: section.pathOf("plugins"), purpose: "topics" });
  if (enabled !== true) {
    warn("topic-check is not enabled");
    return [];
  }
  if (report.isFaulty(section.path)) return listed;
  if (listed.length === 0) {
    report.fault(section.pathOf("enabled"), "needs an acl, or a plugin in topic-check.plugins: got neither");
  } else if (!listed.some(isAcl)) {
    warn("topic_acl is not in topic-check.plugins");
  }
  const lists = Object.fromEntries(given.map((key) => [key, section.values[key]]));
  return listed.map((plugin) => isAcl(plugin) ? withLists(plugin, lists, report) : plugin);
}

function impliedAcl(section: Section<TopicCheckValues>): ListedPlugin {
  return { bundled: "topic_acl", specifier: "topic_acl", name: "topic_acl", options: undefined, path: section.path };
}

function isAcl({ bundled }: ListedPlugin): boolean {
  return bundled === "topic_acl";
}

/** Reads `topic_acl` in the general list, where its options are all it has. */
export function resolveListedAcl(plugin: ListedPlugin, report: Report): ListedPlugin {
  const { acl, publishAcl } = (plugin.options ?? {}) as Lists;
  // In aMQTT's own list `acl` is for subscribing alone; here it covers every action that has no list.
  if (plugin.name.includes("amqtt.") && acl !== undefined && publishAcl === undefined) {
    report.warn(plugin.path, "acl covers publishing and receiving here, not only subscribing");
  }
  return withLists(plugin, {}, report);
}

/** The plugin lets everything pass for which it has no list; who lists it without any means to restrict. */
function withLists(plugin: ListedPlugin, lists: Lists, report: Report): ListedPlugin {
  const merged = withDefaults(plugin, lists);
  const options = merged.options as Lists;
  if (LISTS.some((key) => options[key] !== undefined)) return merged;
  report.warn(plugin.path, "has no acl: it allows nothing");
  return { ...plugin, options: { acl: {} } };
}
