import type { TopicFilter } from "../packet/topic.ts";
import type { Session } from "../session/session.ts";
import type { Subscription, Subscriptions } from "../topics/subscriptions.ts";

/**
 * Subscribes a session, or puts a subscription in the place of its former self: what the session remembers and where
 * messages go change together.
 *
 * @param key the topic filter as the client gave it: `$share/…` included
 */
export function subscribeSession(
  subscriptions: Subscriptions,
  session: Session,
  key: TopicFilter,
  subscription: Subscription,
): void {
  session.subscribe(key, subscription);
  subscriptions.add(session, subscription);
}

/**
 * Takes a subscription from a session; false if there is none by this filter.
 *
 * @param key the topic filter as the client gave it: `$share/…` included
 */
export function unsubscribeSession(subscriptions: Subscriptions, session: Session, key: TopicFilter): boolean {
  const subscription = session.unsubscribe(key);
  if (subscription) subscriptions.remove(session, subscription.topicFilter, subscription.shareName);
  return subscription !== undefined;
}
