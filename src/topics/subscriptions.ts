import type { TopicFilter, TopicName } from "../packet/topic.ts";
import { FilterRoutes, NO_SHARES } from "./filter_routes.ts";
import { LongMatch } from "./long_match.ts";
import { MatchMemory } from "./match_memory.ts";
import { mergeRoutes, routeOf } from "./route.ts";
import { ShareGroup } from "./share_group.ts";
import type { Matched, Route, Share, Subscriber, Subscription, SubscriptionWatcher } from "./subscriber.ts";
import { TopicTree } from "./topic_tree.ts";
import type { WorkSteps } from "../work_budget.ts";

/**
 * A message for which more has to be looked at, or that goes to more subscribers and groups, is not routed in one piece;
 * it is a millisecond's work or two.
 */
export const MOST_AT_ONCE = 1000;

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
  /** Counts what has an effect on where messages go. */
  #changes = 0;
  readonly #work: WorkSteps;
  /** Told of each that comes or goes. @default nobody is */
  watcher: SubscriptionWatcher | undefined = undefined;

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
    if (added) this.#counted(subscriber, topicFilter, shareName, 1);
    return added;
  }

  /** Removes a subscription; false if there was none. */
  remove(subscriber: Subscriber, topicFilter: TopicFilter, shareName?: string): boolean {
    const removed = shareName === undefined
      ? this.#removeOwn(subscriber, topicFilter)
      : this.#leave(subscriber, topicFilter, shareName);
    if (removed) this.#counted(subscriber, topicFilter, shareName, -1);
    return removed;
  }

  #counted(subscriber: Subscriber, topicFilter: TopicFilter, shareName: string | undefined, by: 1 | -1): void {
    if (!subscriber.isNode) this.#count += by;
    this.watcher?.changed(subscriber, topicFilter, shareName, by);
  }

  /** Where a message of this topic goes: a remembered answer, not to be changed. */
  match(topicName: TopicName): Matched {
    return this.#matched.get(topicName) ?? this.#find(topicName);
  }

  /**
   * The same, unless it takes more than a piece of work to find it.
   *
   * @param most levels to look at, and routes and groups to put together
   * @returns `undefined`: it takes more. What is returned may still have more routes
   */
  matchAtOnce(topicName: TopicName, most: number): Matched | undefined {
    return this.#matched.get(topicName) ?? this.#findSome(topicName, most);
  }

  /** The same in pieces, between which subscriptions may change. What is found to be short is remembered. */
  matchInPieces(topicName: TopicName): LongMatch {
    const upTo = this.#changes;
    return new LongMatch({
      own: this.#tree.walkName(topicName),
      shared: this.#shares.walkName(topicName),
      upTo,
      work: this.#work,
      mostShort: MOST_AT_ONCE,
      onShort: (matched) => {
        if (this.#changes === upTo) this.#remember(topicName, matched, matched.routes.length + matched.shares.length);
      },
    });
  }

  /**
   * Whether a message of this topic, at QoS 1 or 2, may go to somebody for whom it has to outlive the process. With very
   * many it is not looked for.
   */
  hasDurable(topicName: TopicName): boolean {
    const matched = this.matchAtOnce(topicName, MOST_AT_ONCE);
    if (!matched) return true;
    const { routes, shares } = matched;
    return routes.some(({ subscriber }) => subscriber.durable) ||
      shares.some(({ members }) => members.some(({ subscriber }) => subscriber.durable));
  }

  /** The group of a shared subscription; `undefined`: it has no members. */
  shareGroup(topicFilter: TopicFilter, shareName: string): ShareGroup | undefined {
    return this.#shares.get(topicFilter)?.get(shareName);
  }

  /** Every group, in no particular order. */
  *groups(): Generator<ShareGroup> {
    for (const groups of this.#shares.values()) yield* groups.values();
  }

  /** How many groups share this topic filter. */
  shareGroups(topicFilter: TopicFilter): number {
    return this.#shares.get(topicFilter)?.size ?? 0;
  }

  #addOwn(subscriber: Subscriber, subscription: Subscription): boolean {
    const { topicFilter } = subscription;
    this.#changed(topicFilter);
    const filter = this.#tree.getOrSet(topicFilter, () => new FilterRoutes());
    const since = filter.get(subscriber)?.since ?? this.#changes;
    return filter.add(routeOf(subscriber, subscription, since));
  }

  #removeOwn(subscriber: Subscriber, topicFilter: TopicFilter): boolean {
    const found = this.#tree.get(topicFilter);
    if (!found?.remove(subscriber)) return false;
    if (found.size === 0) this.#tree.delete(topicFilter);
    this.#changed(topicFilter);
    return true;
  }

  /** The group of this filter and name; a new one if there is none. */
  #groupOf(topicFilter: TopicFilter, shareName: string): ShareGroup {
    const groups = this.#shares.getOrSet(topicFilter, () => new Map());
    let group = groups.get(shareName);
    if (!group) {
      groups.set(shareName, group = new ShareGroup(shareName, topicFilter));
      this.#groupCount++;
      this.#changed(topicFilter);
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
      this.#changed(topicFilter);
    }
    return true;
  }

  #changed(topicFilter: TopicFilter): void {
    this.#changes++;
    this.#matched.forget(topicFilter);
  }

  #find(topicName: TopicName): Matched {
    return this.#findSome(topicName, Infinity)!;
  }

  /** `undefined`: there are more than so many levels to look at, or routes and groups to put together. */
  #findSome(topicName: TopicName, most: number): Matched | undefined {
    const walk = this.#tree.walkName(topicName);
    if (!walk.goOn(most, this.#work)) return undefined;
    const { found } = walk;
    const shares = this.#shares.size > 0 ? this.#findShares(topicName, most) : NO_SHARES;
    if (!shares) return undefined;
    // An answer that the filter has anyway takes no memory of its own.
    if (found.length === 1 && shares.length === 0) return this.#remember(topicName, found[0]!, 0);
    if (sizeOf(found) + shares.length > most) return undefined;
    const routes = found.length === 1 ? found[0]!.routes : merged(found);
    return this.#remember(topicName, { routes, shares }, routes.length + shares.length);
  }

  #findShares(topicName: TopicName, most: number): readonly Share[] | undefined {
    const walk = this.#shares.walkName(topicName);
    if (!walk.goOn(most, this.#work) || sizeOf(walk.found) > most) return undefined;
    return walk.found.length > 0 ? walk.found.flatMap((groups) => [...groups.values()]) : NO_SHARES;
  }

  #remember(topicName: TopicName, matched: Matched, weight: number): Matched {
    this.#matched.set(topicName, matched, weight);
    return matched;
  }
}

function sizeOf(found: readonly { readonly size: number }[]): number {
  return found.reduce((sum, { size }) => sum + size, 0);
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
