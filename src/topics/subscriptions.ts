import type { TopicFilter, TopicName } from "../packet/topic.ts";
import { FilterRoutes, NO_SHARES } from "./filter_routes.ts";
import { MatchMemory } from "./match_memory.ts";
import { mergeRoutes, routeOf } from "./route.ts";
import { ShareGroup } from "./share_group.ts";
import type { Matched, Route, Share, Subscriber, Subscription } from "./subscriber.ts";
import { TopicTree } from "./topic_tree.ts";
import type { WorkSteps } from "../work_budget.ts";

/** Who is subscribed to what, by topic filter. */
export class Subscriptions {
  /** Those not shared. No filter is without subscribers. */
  readonly #tree = new TopicTree<FilterRoutes>();
  /** The Shared Subscriptions: groups by share name, by topic filter. No group is empty. */
  readonly #shares = new TopicTree<Map<string, ShareGroup>>();
  /** Holds the groups, not their members, so members come and go without a change to it. */
  readonly #matched = new MatchMemory<Matched>();
  #count = 0;
  #groupCount = 0;
  readonly #work: WorkSteps;

  /** @param work is told how much there was to look at. @default nobody is */
  constructor(work: WorkSteps = { steps: 0 }) {
    this.#work = work;
  }

  /** Subscriptions of all subscribers together, shared ones included. */
  get count(): number {
    return this.#count;
  }

  /** Groups that share a subscription. */
  get groupCount(): number {
    return this.#groupCount;
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
      this.#groupCount++;
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
      this.#groupCount--;
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

  #findShares(topicName: TopicName): readonly Share[] {
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
