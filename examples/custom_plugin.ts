/**
 * A plugin of one's own: it lets clients in by a shared word, keeps each to topics below its own user name, and greets
 * who subscribes. `custom_plugin.yaml` names it.
 */
import type { Plugin, PluginContext } from "@amqtt/broker";

interface Options {
  readonly word: string;
  readonly greeting: string;
}

/** Called once at start; what it throws stops the start and is shown with the plugin's place in the file. */
export default function create(options: unknown, context: PluginContext): Plugin {
  const { word, greeting } = readOptions(options);
  const decoder = new TextDecoder();
  return {
    // Decide: one "deny" of any plugin wins, one "allow" is needed, "abstain" is neither.
    authenticate({ username, password }) {
      if (username === undefined || password === undefined) return "abstain";
      return decoder.decode(password) === word ? "allow" : "deny";
    },
    authorizePublish: ({ username }, { topicName }) => topicName.startsWith(`users/${username}/`) ? "allow" : "deny",
    // Observe, and act through the context.
    clientSubscribed({ clientIdentifier, username }, { topicFilter }) {
      context.logger.info(`${clientIdentifier} listens to ${topicFilter}`);
      context.publish(`greetings/${clientIdentifier}`, `${greeting}, ${username}`);
    },
  };
}

function readOptions(options: unknown): Options {
  const { word, greeting = "hello" } = (options ?? {}) as Partial<Record<string, unknown>>;
  if (typeof word !== "string" || word === "") throw new Error(`word must be a text: got ${Deno.inspect(word)}`);
  if (typeof greeting !== "string") throw new Error(`greeting must be a text: got ${Deno.inspect(greeting)}`);
  return { word, greeting };
}
