import { showValue } from "../hooks/fault.ts";
import type { QoS } from "../packet/packets.ts";
import { parseSharedFilter, parseTopicFilter } from "../packet/topic.ts";
import { quote } from "../quote.ts";
import type { Subscription } from "../topics/subscriber.ts";
import { checkLimit } from "./program_queue.ts";
import { checkSignal } from "./aborting.ts";
import { isQoS } from "./program_message.ts";
import type { SubscribeOptions } from "./subscribing.ts";

/**
 * The subscription that a program or a plugin asks for.
 *
 * @param text a topic filter, or `$share/{ShareName}/{filter}`
 * @throws {TopicError} if the topic filter is wrong
 * @throws {Error} if the QoS is none
 */
export function parseSubscription(
  text: string,
  qos: QoS,
  { retainAsPublished = false }: { readonly retainAsPublished?: boolean } = {},
): Subscription {
  const topicFilter = parseTopicFilter(text);
  if (!isQoS(qos)) throw new Error(`Cannot subscribe to ${quote(text)}: qos must be 0, 1 or 2: got ${showValue(qos)}`);
  return { topicFilter, qos, noLocal: false, retainAsPublished, ...parseSharedFilter(topicFilter) };
}

/** @throws {Error} if an option of the host program's is wrong: it may be written in JavaScript */
export function checkSubscribe(
  topicFilter: string,
  { signal, retained, limit, onOverflow }: Omit<SubscribeOptions, "qos">,
): void {
  const place = `Cannot subscribe to ${quote(String(topicFilter))}`;
  checkSignal(signal, place);
  if (retained !== "send" && retained !== "none") {
    throw new Error(`${place}: retained must be "send" or "none": got ${showValue(retained)}`);
  }
  if (onOverflow !== "drop" && onOverflow !== "throw") {
    throw new Error(`${place}: onOverflow must be "drop" or "throw": got ${showValue(onOverflow)}`);
  }
  checkLimit(limit);
}
