/**
 * `topic_taboo`: keeps everybody but the user `admin` from publishing to, subscribing to and receiving the topics
 * `prohibited`, `top-secret` and `data/classified`, and allows the rest. A filter with wildcards may be subscribed to;
 * what it would let through is withheld from its subscriber.
 *
 * A permission needs one plugin that allows and none that denies. Alone in the config, this plugin has to be the one that
 * allows; beside others, what they deny stays denied.
 *
 * @module
 */
import type { ClientSnapshot, Decision, Plugin, PluginFactory } from "../hooks/plugin.ts";
import { readOptions } from "./options.ts";

const TABOO: ReadonlySet<string> = new Set(["prohibited", "top-secret", "data/classified"]);
const EXEMPT = "admin";

/** Makes the plugin; it has no options. */
const create: PluginFactory = (options: unknown): Plugin => {
  readOptions(options, {});
  return {
    authorizePublish: (client, { topicName }) => decide(client, topicName),
    authorizeSubscribe: (client, { topicFilter }) => decide(client, topicFilter),
    authorizeReceive: (client, { topicName }) => decide(client, topicName),
  };
};

export default create;

function decide(client: ClientSnapshot, topic: string): Decision {
  return client.username !== EXEMPT && TABOO.has(topic) ? "deny" : "allow";
}
