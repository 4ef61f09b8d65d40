import type { QoS } from "../packet/packets.ts";
import { parseSharedFilter, parseTopicFilter } from "../packet/topic.ts";
import type { Subscription } from "../topics/subscriber.ts";

/**
 * The subscription that a program or a plugin asks for.
 *
 * @param text a topic filter, or `$share/{ShareName}/{filter}`
 * @throws {TopicError} if the topic filter is wrong
 */
export function parseSubscription(
  text: string,
  qos: QoS,
  { retainAsPublished = false }: { readonly retainAsPublished?: boolean } = {},
): Subscription {
  const topicFilter = parseTopicFilter(text);
  return { topicFilter, qos, noLocal: false, retainAsPublished, ...parseSharedFilter(topicFilter) };
}
