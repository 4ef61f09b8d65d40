/** What clients of this node are subscribed to, as other nodes are told it: by difference, and what it should come to. */
import type { TopicFilter } from "../packet/topic.ts";
import type { Subscriber, SubscriptionWatcher } from "../topics/subscriber.ts";
import type { RouteChange } from "./frames.ts";

/** A number for a route, so that sets of them can be compared by the XOR of all. */
export function hashOf({ topicFilter, shareName, weight }: RouteChange): number {
  let hash = shareName === undefined ? 0x811c9dc5 : hashText(shareName, weight);
  hash = hashText(topicFilter, hash);
  return hash >>> 0;
}

function hashText(text: string, seed: number): number {
  let hash = seed ^ text.length;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return Math.imul(hash ^ hash >>> 15, 0x85ebca6b);
}

/** As clients name a group, or a filter that is not shared. */
export function routeKey(topicFilter: TopicFilter, shareName: string | undefined): string {
  return shareName === undefined ? topicFilter : `$share/${shareName}/${topicFilter}`;
}

/** The routes of this node. Filters that begin with `$` are nobody else's business, and so is what `$` topics say. */
export class LocalRoutes implements SubscriptionWatcher {
  readonly #routes = new Map<string, RouteChange>();
  /** What has changed since it was told. */
  readonly #changed = new Map<string, RouteChange>();
  readonly #onChange: () => void;
  #hash = 0;

  /** @param onChange told of the first change since {@linkcode LocalRoutes.takeChanges} */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** How many routes there are. */
  get count(): number {
    return this.#routes.size;
  }

  /** What {@linkcode hashOf} of all of them come to. */
  get hash(): number {
    return this.#hash >>> 0;
  }

  /** All of them. */
  all(): RouteChange[] {
    return [...this.#routes.values()];
  }

  changed(subscriber: Subscriber, topicFilter: TopicFilter, shareName: string | undefined, by: 1 | -1): void {
    if (subscriber.isNode || topicFilter.startsWith("$")) return;
    const key = routeKey(topicFilter, shareName);
    const before = this.#routes.get(key);
    const weight = (before?.weight ?? 0) + by;
    const now = { topicFilter, shareName, weight };
    if (weight > 0) this.#routes.set(key, now);
    else this.#routes.delete(key);
    // How many subscribe to it matters only where it is shared.
    if (shareName === undefined && before !== undefined && weight > 0) return;
    if (before !== undefined) this.#hash ^= told(before);
    if (weight > 0) this.#hash ^= told(now);
    if (this.#changed.size === 0) this.#onChange();
    this.#changed.set(key, shareName === undefined ? { ...now, weight: Math.min(weight, 1) } : now);
  }

  /** What has changed since the last call; all that was told before and this come to what there is now. */
  takeChanges(): readonly RouteChange[] {
    const changes = [...this.#changed.values()];
    this.#changed.clear();
    return changes;
  }
}

function told(route: RouteChange): number {
  return hashOf(route.shareName === undefined ? { ...route, weight: 1 } : route);
}
