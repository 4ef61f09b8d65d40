/** The hooks that give one client other topics and messages than the broker has. They have to answer at once. */
import type { Logger } from "../logger.ts";
import type { ApplicationMessage } from "../message.ts";
import { parseTopicFilter, TopicError, type TopicFilter } from "../packet/topic.ts";
import { isPromise, returnedWrongly, threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";
import type { ClientSnapshot } from "./plugin.ts";
import { messageFault } from "./transform.ts";

/** What {@linkcode rewriters} makes; a hook that no plugin has is `undefined`. */
export interface Rewriters {
  /** Where a topic filter of a client leads; `undefined` as result: nowhere, because a plugin failed. */
  readonly transformSubscription?: (client: ClientSnapshot, topicFilter: TopicFilter) => TopicFilter | undefined;
  /** What a client is given of a message; `undefined` as result: nothing, because a plugin wants it so or failed. */
  readonly transformDelivery?: (client: ClientSnapshot, message: ApplicationMessage) => ApplicationMessage | undefined;
}

/** Hands a topic filter, or a message, from one plugin to the next. None of the functions throws. */
export function rewriters(plugins: readonly LoadedPlugin[], logger: Logger): Rewriters {
  const subscribing = plugins.filter(({ plugin }) => plugin.transformSubscription !== undefined);
  const delivering = plugins.filter(({ plugin }) => plugin.transformDelivery !== undefined);
  return {
    transformSubscription: subscribing.length === 0 ? undefined : (client, topicFilter) => {
      let filter: TopicFilter | undefined = topicFilter;
      for (const loaded of subscribing) filter = filter && filterOf(loaded, client, filter, logger);
      return filter;
    },
    transformDelivery: delivering.length === 0 ? undefined : (client, original) => {
      let message: ApplicationMessage | undefined = original;
      for (const loaded of delivering) message = message && deliveryOf(loaded, client, message, logger);
      return message;
    },
  };
}

function filterOf(
  loaded: LoadedPlugin,
  client: ClientSnapshot,
  topicFilter: TopicFilter,
  logger: Logger,
): TopicFilter | undefined {
  const hook = "transformSubscription";
  const answer = ask(loaded, hook, logger, () => loaded.plugin.transformSubscription?.(client, topicFilter));
  if (answer === FAILED) return undefined;
  const fault = typeof answer === "string" ? faultOf(answer) : "it must be text";
  if (fault === undefined) return answer as TopicFilter;
  logger.error(returnedWrongly(loaded, hook, `a topic filter and no promise (${fault})`, answer));
  return undefined;
}

function faultOf(topicFilter: string): string | undefined {
  // What is shared stays so, and the plugin is not asked about it.
  if (topicFilter.startsWith("$share/")) return "it must not begin with $share/";
  try {
    parseTopicFilter(topicFilter);
    return undefined;
  } catch (error) {
    if (error instanceof TopicError) return error.message;
    throw error;
  }
}

function deliveryOf(
  loaded: LoadedPlugin,
  client: ClientSnapshot,
  message: ApplicationMessage,
  logger: Logger,
): ApplicationMessage | undefined {
  const hook = "transformDelivery";
  const answer = ask(loaded, hook, logger, () => loaded.plugin.transformDelivery?.(client, message));
  if (answer === message) return message;
  if (answer === undefined || answer === FAILED) return undefined;
  const expected = "a message with topicName, payload, qos and retain, or undefined, and no promise";
  const fault = messageFault(answer);
  if (fault === undefined) return answer as ApplicationMessage;
  logger.error(returnedWrongly(loaded, hook, fault === "" ? expected : `${expected} (${fault})`, answer));
  return undefined;
}

const FAILED = Symbol("the plugin has failed");

function ask(loaded: LoadedPlugin, hook: string, logger: Logger, call: () => unknown): unknown {
  try {
    const answer = call();
    // Nobody waits for it, so its rejection must not end the program.
    if (isPromise(answer)) answer.then(undefined, () => {});
    return answer;
  } catch (error) {
    logger.error(threw(loaded, hook, error));
    return FAILED;
  }
}
