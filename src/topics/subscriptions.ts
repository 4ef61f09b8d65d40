import type { QoS } from "../packet/packets.ts";
import type { TopicFilter, TopicName } from "../packet/topic.ts";
import type { Message } from "../message.ts";
import { FilterRoutes, NO_SHARES } from "./filter_routes.ts";
import { MatchMemory } from "./match_memory.ts";
import { mergeRoutes, routeOf } from "./route.ts";
import { ShareGroup } from "./share_group.ts";
import { TopicTree } from "./topic_tree.ts";
import type { WorkSteps } from "../work_budget.ts";

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
 * would have to wait; `"offline"`: not connected; `"ended"`: it is there no longer.
 */
export type Availability = "ready" | "busy" | "offline" | "ended";

/** Whoever messages are delivered to: a session or an in-process subscriber. */
export interface Subscriber {
  /** `undefined`: not a client. */
  readonly clientIdentifier: string | undefined;
  /** Asked for each message of a Shared Subscription, so it has to be cheap. */
  readonly availability: Availability;
  /** It is there no longer, though its subscriptions are still to be removed. @default never */
  readonly ended?: boolean;
  /**
   * Whether it is connected and could not take this message of a Shared Subscription, for its size or for want of
   * permission. Asked for each message, so it has to be cheap where that cannot be. @default never
   */
  refuses?(message: Message, route: Route): boolean;
  /** It has become a member of a group, which is to be told when it is connected again: {@linkcode ShareGroup.returned}. */
  joined?(group: ShareGroup): void;
  /** It is a member no longer. */
  left?(group: ShareGroup): void;
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

/** Who is subscribed to what, by topic filter. */
export class Subscriptions {
  /** Those not shared. No filter is without subscribers. */
  readonly #tree = new TopicTree<FilterRoutes>();
  /** The Shared Subscriptions: groups by share name, by topic filter. No group is empty. */
  readonly #shares = new TopicTree<Map<string, ShareGroup>>();
  /** Holds the groups, not their members, so members come and go without a change to it. */
  readonly #matched = new MatchMemory<Matched>();
  #count = 0;
  readonly #work: WorkSteps;

  /** @param work is told how much there was to look at. @default nobody is */
  constructor(work: WorkSteps = { steps: 0 }) {
    this.#work = work;
  }

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
    return this.#matched.get(topicName) ?? this.#find(topicName);
  }

  /** Whether a message of this topic, at QoS 1 or 2, may go to somebody for whom it has to outlive the process. */
  hasDurable(topicName: TopicName): boolean {
    const { routes, shares } = this.match(topicName);
    return routes.some(({ subscriber }) => subscriber.durable) ||
      shares.some(({ members }) => members.some(({ subscriber }) => subscriber.durable));
  }

  /** The group of a shared subscription; `undefined`: it has no members. */
  shareGroup(topicFilter: TopicFilter, shareName: string): ShareGroup | undefined {
    return this.#shares.get(topicFilter)?.get(shareName);
  }

  /** How many groups share this topic filter. */
  shareGroups(topicFilter: TopicFilter): number {
    return this.#shares.get(topicFilter)?.size ?? 0;
  }

  #addOwn(subscriber: Subscriber, subscription: Subscription): boolean {
    const { topicFilter } = subscription;
    const isNew = this.#tree.getOrSet(topicFilter, () => new FilterRoutes()).add(routeOf(subscriber, subscription));
    this.#matched.forget(topicFilter);
    return isNew;
  }

  #removeOwn(subscriber: Subscriber, topicFilter: TopicFilter): boolean {
    const found = this.#tree.get(topicFilter);
    if (!found?.remove(subscriber)) return false;
    if (found.size === 0) this.#tree.delete(topicFilter);
    this.#matched.forget(topicFilter);
    return true;
  }

  /** The group of this filter and name; a new one if there is none. */
  #groupOf(topicFilter: TopicFilter, shareName: string): ShareGroup {
    const groups = this.#shares.getOrSet(topicFilter, () => new Map());
    let group = groups.get(shareName);
    if (!group) {
      groups.set(shareName, group = new ShareGroup(shareName, topicFilter));
      this.#matched.forget(topicFilter);
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
      this.#matched.forget(topicFilter);
    }
    return true;
  }

  #find(topicName: TopicName): Matched {
    const found = this.#tree.matchName(topicName, this.#work);
    const shares = this.#shares.size > 0 ? this.#findShares(topicName) : NO_SHARES;
    // An answer that the filter has anyway takes no memory of its own.
    if (found.length === 1 && shares.length === 0) return this.#remember(topicName, found[0], 0);
    const routes = found.length === 1 ? found[0].routes : merged(found);
    return this.#remember(topicName, { routes, shares }, routes.length + shares.length);
  }

  #findShares(topicName: TopicName): readonly ShareGroup[] {
    const found = this.#shares.matchName(topicName, this.#work);
    return found.length > 0 ? found.flatMap((groups) => [...groups.values()]) : NO_SHARES;
  }

  #remember(topicName: TopicName, matched: Matched, weight: number): Matched {
    this.#matched.set(topicName, matched, weight);
    return matched;
  }
}

/** One route for each subscriber. */
function merged(found: readonly FilterRoutes[]): Route[] {
  const bySubscriber = new Map<Subscriber, Route>();
  for (const { routes } of found) {
    for (const route of routes) {
      const other = bySubscriber.get(route.subscriber);
      bySubscriber.set(route.subscriber, other ? mergeRoutes(other, route) : route);
    }
  }
  return [...bySubscriber.values()];
}
