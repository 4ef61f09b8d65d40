import type { TopicFilter } from "../packet/topic.ts";
import type { Session } from "../session/session.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { Subscription } from "../topics/subscriber.ts";

/** A subscription that is to be made. */
export interface NewSubscription {
  /** The topic filter as the client gave it: `$share/…` included. */
  readonly key: TopicFilter;
  readonly subscription: Subscription;
  /** Whether it brings what is retained now, which somebody has to look for then. */
  readonly withRetained: boolean;
}

/**
 * Subscribes a session, or puts a subscription in the place of its former self: what the session remembers and where
 * messages go change together.
 */
export function subscribeSession(
  subscriptions: Subscriptions,
  session: Session,
  { key, subscription, withRetained }: NewSubscription,
): void {
  session.subscribe(key, subscription, { withRetained });
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
