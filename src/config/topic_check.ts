/** From `topic-check` to the plugins that decide on topics. */
import { joinLists, type ListedPlugin, readPluginList, withDefaults } from "./plugin_list.ts";
import type { Report } from "./report.ts";
import { type BrokerValues, topicCheckSchema, type TopicCheckValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";

const LISTS = ["acl", "publishAcl", "subscribeAcl", "receiveAcl"] as const;

type Lists = { readonly [Key in (typeof LISTS)[number]]?: unknown };

/**
 * Reads `topic-check`, which the config has. No plugin: the topics are free.
 *
 * @param mentioned bundled plugins for topics that the general list names without options: those that this section
 * configures
 */
export function resolveTopicCheck(
  broker: Section<BrokerValues>,
  mentioned: readonly ListedPlugin[],
  context: { readonly baseDirectory: string; readonly report: Report },
): ListedPlugin[] {
  const { report } = context;
  const section = readSection(topicCheckSchema, broker.values.topicCheck, broker.pathOf("topicCheck"), report);
  const { enabled, plugins } = section.values;
  const given = LISTS.filter((key) => section.values[key] !== undefined);
  const warn = (reason: string) => given.forEach((key) => report.warn(section.pathOf(key), `has no effect: ${reason}`));
  // What is not used is read all the same: what is wrong in it is wrong.
  const listed = plugins === undefined
    ? joinLists(mentioned, given.map(() => impliedAcl(section)).slice(0, 1))
    : joinLists(readPluginList(plugins, { ...context, path: section.pathOf("plugins"), purpose: "topics" }), mentioned);
  if (enabled !== true) {
    warn("topic-check is not enabled");
    for (const { path } of mentioned) report.warn(path, "has no effect: topic-check is not enabled");
    return [];
  }
  if (report.isFaulty(section.path)) return listed;
  if (listed.length === 0) {
    report.fault(section.pathOf("enabled"), "needs an acl, or a plugin in topic-check.plugins: got neither");
  } else if (!listed.some(isAcl)) {
    warn("topic_acl is not in topic-check.plugins");
  }
  const lists = Object.fromEntries(given.map((key) => [key, section.values[key]]));
  if (listed.some(isAcl) && isMeantForAll(lists)) report.warn(section.pathOf("acl"), ACL_COVERS_MORE);
  return listed.map((plugin) => isAcl(plugin) ? withLists(plugin, lists, report) : plugin);
}

/** In aMQTT and HBMQTT `acl` is for subscribing alone; here it covers every action that has no list. */
const ACL_COVERS_MORE = "covers publishing and receiving here, not only subscribing as in aMQTT: " +
  "name it subscribe-acl to keep that meaning, or give publish-acl, too";

function isMeantForAll({ acl, publishAcl }: Lists): boolean {
  return acl !== undefined && publishAcl === undefined;
}

function impliedAcl(section: Section<TopicCheckValues>): ListedPlugin {
  return { bundled: "topic_acl", specifier: "topic_acl", name: "topic_acl", options: undefined, path: section.path };
}

function isAcl({ bundled }: ListedPlugin): boolean {
  return bundled === "topic_acl";
}

/** Reads `topic_acl` in the general list, where its options are all it has. */
export function resolveListedAcl(plugin: ListedPlugin, report: Report): ListedPlugin {
  if (/^(amqtt|hbmqtt)\./.test(plugin.name) && isMeantForAll(plugin.options ?? {})) {
    report.warn(plugin.path, `acl ${ACL_COVERS_MORE}`);
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
