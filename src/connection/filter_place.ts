import type { HookChain } from "../hooks/chain.ts";
import { isTopicLength, parseSharedFilter, type TopicFilter } from "../packet/topic.ts";
import type { SignedIn } from "./connection_state.ts";
import { mountedFilter } from "./mountpoint.ts";

/**
 * Where a topic filter of a client leads: with its mountpoint, and as plugins want it. The same for the same filter each
 * time, so that it can be unsubscribed from.
 *
 * @param asked as the client gives it: `$share/…` included
 * @returns the same with `$share/…`; `undefined`: it is too long then, or a plugin has failed
 * @throws {TopicError} if it is a shared one that is wrong
 */
export function placeOf(
  { transformSubscription }: Pick<HookChain, "transformSubscription">,
  { mountpoint, client }: Pick<SignedIn, "mountpoint" | "client">,
  asked: TopicFilter,
): TopicFilter | undefined {
  const mounted = mountpoint === undefined ? asked : mountedFilter(mountpoint, asked);
  if (!transformSubscription || mounted === undefined) return mounted;
  const shared = parseSharedFilter(mounted);
  const placed = transformSubscription(client, shared?.topicFilter ?? mounted);
  if (!shared || placed === undefined) return placed;
  const whole = `$share/${shared.shareName}/${placed}`;
  return isTopicLength(whole) ? whole as TopicFilter : undefined;
}
