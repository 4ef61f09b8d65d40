import type { QoS } from "../packet/packets.ts";
import type { TopicFilter, TopicName } from "../packet/topic.ts";
import type { Message } from "../message.ts";
import { ShareGroup } from "./share_group.ts";
import { TopicTree } from "./topic_tree.ts";

/** What a client asked for with one topic filter (MQTT 5.0 §3.8.3.1). */
export interface Subscription {
  /** Without the `$share/{ShareName}/` in front. */
  readonly topicFilter: TopicFilter;
  /** The group that the subscription is shared with (MQTT 5.0 §4.8.2); `undefined`: not shared. */
  readonly shareName?: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 1 to 268,435,455; `undefined`: none. */
  readonly identifier?: number;
}

/**
 * What would become of a message now. `"ready"`: connected, and it would leave at once; `"busy"`: connected, but it
 * would have to wait; `"offline"`: not connected.
 */
export type Availability = "ready" | "busy" | "offline";

/** Whoever messages are delivered to: a session or an in-process subscriber. */
export interface Subscriber {
  /** `undefined`: not a client. */
  readonly clientIdentifier: string | undefined;
  /** Asked for each message of a Shared Subscription, so it has to be cheap. */
  readonly availability: Availability;
  /** What is offered at QoS 1 and 2 outlives the process. @default false */
  readonly durable?: boolean;
  /** Takes a message or drops one by its own stated policy; never throws, never waits. False: it did not take this one. */
  offer(message: Message, route: Route): boolean;
}

/**
 * How a message goes to one subscriber: its overlapping subscriptions merged into one (MQTT 5.0 §3.3.4), or one Shared
 * Subscription, which is never merged with others.
 */
export interface Route {
  readonly subscriber: Subscriber;
  /** The highest of the subscriptions. */
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** The route for the subscriber's own messages, where No Local takes some or all subscriptions out. */
  readonly ownMessages: Route | "same" | "none";
  /** The group that it is the subscriber's membership of; `undefined`: not shared. */
  readonly share?: ShareGroup;
}

/** Where the messages of one topic go. */
export interface Matched {
  /** One for each subscriber with a subscription of its own that matches. */
  readonly routes: readonly Route[];
  /** The groups with a matching Shared Subscription: one member of each gets a message. */
  readonly shares: readonly ShareGroup[];
}

/** What a topic without Shared Subscriptions has. */
const NO_SHARES: readonly ShareGroup[] = [];

/** Routes that are remembered, each name and each group counted as one too; beyond that the memory starts anew. */
const REMEMBERED_ROUTES = 400_000;
/** So many characters of a name take about as much memory as a route. */
const CHARACTERS_PER_ROUTE = 64;

/** Who is subscribed to what, by topic filter. */
export class Subscriptions {
  readonly #tree = new TopicTree<Map<Subscriber, Subscription>>();
  /** The Shared Subscriptions: groups by share name, by topic filter. No group is empty. */
  readonly #shares = new TopicTree<Map<string, ShareGroup>>();
  /** Holds the groups, not their members, so members come and go without a change to it. */
  readonly #matched = new Map<TopicName, Matched>();
  #remembered = 0;
  #count = 0;

  /** Subscriptions of all subscribers together, shared ones included. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a subscription in place of the subscriber's one with the same filter and share name.
   *
   * @returns whether it is new
   */
  add(subscriber: Subscriber, subscription: Subscription): boolean {
    const { topicFilter, shareName } = subscription;
    const added = shareName === undefined
      ? this.#addOwn(subscriber, subscription)
      : this.#groupOf(topicFilter, shareName).add(subscriber, subscription);
    if (added) this.#count++;
    return added;
  }

  /** Removes a subscription; false if there was none. */
  remove(subscriber: Subscriber, topicFilter: TopicFilter, shareName?: string): boolean {
    const removed = shareName === undefined
      ? this.#removeOwn(subscriber, topicFilter)
      : this.#leave(subscriber, topicFilter, shareName);
    if (removed) this.#count--;
    return removed;
  }

  /** Where a message of this topic goes: a remembered answer, not to be changed. */
  match(topicName: TopicName): Matched {
    let matched = this.#matched.get(topicName);
    if (!matched) {
      matched = { routes: this.#findRoutes(topicName), shares: this.#findShares(topicName) };
      this.#remember(topicName, matched);
    }
    return matched;
  }

  /** The group of a shared subscription; `undefined`: it has no members. */
  shareGroup(topicFilter: TopicFilter, shareName: string): ShareGroup | undefined {
    return this.#shares.get(topicFilter)?.get(shareName);
  }

  #addOwn(subscriber: Subscriber, subscription: Subscription): boolean {
    let subscribers = this.#tree.get(subscription.topicFilter);
    if (!subscribers) this.#tree.set(subscription.topicFilter, subscribers = new Map());
    const known = subscribers.has(subscriber);
    subscribers.set(subscriber, subscription);
    this.#forget(subscription.topicFilter);
    return !known;
  }

  #removeOwn(subscriber: Subscriber, topicFilter: TopicFilter): boolean {
    const subscribers = this.#tree.get(topicFilter);
    if (!subscribers?.delete(subscriber)) return false;
    if (subscribers.size === 0) this.#tree.delete(topicFilter);
    this.#forget(topicFilter);
    return true;
  }

  /** The group of this filter and name; a new one if there is none. */
  #groupOf(topicFilter: TopicFilter, shareName: string): ShareGroup {
    let groups = this.#shares.get(topicFilter);
    if (!groups) this.#shares.set(topicFilter, groups = new Map());
    let group = groups.get(shareName);
    if (!group) {
      groups.set(shareName, group = new ShareGroup(shareName, topicFilter));
      this.#forget(topicFilter);
    }
    return group;
  }

  #leave(subscriber: Subscriber, topicFilter: TopicFilter, shareName: string): boolean {
    const groups = this.#shares.get(topicFilter);
    const group = groups?.get(shareName);
    if (!groups || !group?.remove(subscriber)) return false;
    if (group.size === 0) {
      groups.delete(shareName);
      if (groups.size === 0) this.#shares.delete(topicFilter);
      this.#forget(topicFilter);
    }
    return true;
  }

  #findRoutes(topicName: TopicName): Route[] {
    const found = new Map<Subscriber, Subscription[]>();
    this.#tree.matchName(topicName, (subscribers) => {
      for (const [subscriber, subscription] of subscribers) {
        const others = found.get(subscriber);
        if (others) others.push(subscription);
        else found.set(subscriber, [subscription]);
      }
    });
    return Array.from(found, ([subscriber, subscriptions]) => routeTo(subscriber, subscriptions));
  }

  #findShares(topicName: TopicName): readonly ShareGroup[] {
    if (this.#shares.size === 0) return NO_SHARES;
    const found: ShareGroup[] = [];
    this.#shares.matchName(topicName, (groups) => {
      for (const group of groups.values()) found.push(group);
    });
    return found.length > 0 ? found : NO_SHARES;
  }

  #remember(topicName: TopicName, matched: Matched): void {
    const weight = weightOf(topicName, matched);
    if (this.#remembered + weight > REMEMBERED_ROUTES) this.#forgetAll();
    this.#remembered += weight;
    this.#matched.set(topicName, matched);
  }

  /** A filter without wildcards changes the routes of one name only. */
  #forget(topicFilter: TopicFilter): void {
    if (topicFilter.includes("+") || topicFilter.includes("#")) return this.#forgetAll();
    const matched = this.#matched.get(topicFilter as string as TopicName);
    if (!matched) return;
    this.#remembered -= weightOf(topicFilter, matched);
    this.#matched.delete(topicFilter as string as TopicName);
  }

  #forgetAll(): void {
    this.#matched.clear();
    this.#remembered = 0;
  }
}

/** What a name counts for among the remembered: its routes, and itself by its length. */
function weightOf(topicName: string, { routes, shares }: Matched): number {
  return routes.length + shares.length + 1 + Math.floor(topicName.length / CHARACTERS_PER_ROUTE);
}

function routeTo(subscriber: Subscriber, subscriptions: readonly Subscription[]): Route {
  const identifiers = subscriptions.flatMap(({ identifier }) => identifier ?? []);
  const foreign = subscriptions.filter(({ noLocal }) => !noLocal);
  return {
    subscriber,
    qos: Math.max(...subscriptions.map(({ qos }) => qos)) as QoS,
    retainAsPublished: subscriptions.some(({ retainAsPublished }) => retainAsPublished),
    subscriptionIdentifiers: identifiers.length > 0 ? identifiers : undefined,
    ownMessages: foreign.length === subscriptions.length
      ? "same"
      : foreign.length === 0
      ? "none"
      : routeTo(subscriber, foreign),
    share: undefined,
  };
}
