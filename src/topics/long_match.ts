import type { WorkSteps } from "../work_budget.ts";
import type { FilterRoutes } from "./filter_routes.ts";
import type { NameWalk } from "./name_walk.ts";
import { mergeRoutes, type OwnRoute } from "./route.ts";
import type { Matched, Route, Share, Subscriber } from "./subscriber.ts";

/** Levels that are looked at in one piece. */
const LEVELS_AT_ONCE = 64;
/** So many routes that are only looked at are a step of work. */
const ROUTES_PER_STEP = 8;

/** What a {@linkcode LongMatch} works with. */
export interface LongMatchParts {
  readonly own: NameWalk<FilterRoutes>;
  readonly shared: NameWalk<ReadonlyMap<string, Share>>;
  /** The last change of all subscriptions before it began. */
  readonly upTo: number;
  readonly work: WorkSteps;
  /** Told the whole answer at the end, if it is short. */
  readonly onShort: (matched: Matched) => void;
  /** An answer of more routes and groups is not short. */
  readonly mostShort: number;
}

/**
 * Where a message goes that has to be routed in several pieces: to those that were subscribed when it began and still are
 * when it is their turn, each by its subscriptions of then. Who subscribes meanwhile gets nothing of it: what is retained
 * comes to him otherwise. In a group everybody may be chosen who is a member when it is the group's turn.
 */
export class LongMatch {
  readonly #parts: LongMatchParts;
  /** For who asks later, as long as they are few. */
  readonly #routes: Route[] = [];
  readonly #shares: Share[] = [];

  constructor(parts: LongMatchParts) {
    this.#parts = parts;
  }

  /** The route of each subscriber, once; `undefined` for a piece of work in vain. */
  *routes(): Generator<Route | undefined> {
    const { own, work } = this.#parts;
    while (!own.goOn(LEVELS_AT_ONCE, work)) yield undefined;
    if (own.found.length === 1) yield* this.#routesOf(own.found[0]!);
    else yield* this.#mergedRoutes(own.found);
  }

  /** The groups, and `undefined` for a piece of work in vain. To be asked for after the routes. */
  *shares(): Generator<Share | undefined> {
    const { shared, work, onShort, mostShort } = this.#parts;
    while (!shared.goOn(LEVELS_AT_ONCE, work)) yield undefined;
    for (const groups of shared.found) {
      for (const group of groups.values()) {
        if (this.#isFew) this.#shares.push(group);
        work.steps++;
        yield group;
      }
    }
    if (this.#routes.length + this.#shares.length <= mostShort) onShort({ routes: this.#routes, shares: this.#shares });
  }

  *#routesOf(filter: FilterRoutes): Generator<Route | undefined> {
    for (const { subscriber } of filter.routes) yield this.#count(this.#still(filter, subscriber));
  }

  *#mergedRoutes(filters: readonly FilterRoutes[]): Generator<Route | undefined> {
    const { work, upTo } = this.#parts;
    const bySubscriber = new Map<Subscriber, FilterRoutes | FilterRoutes[]>();
    for (const filter of filters) {
      for (const { subscriber, since } of filter.routes) {
        if (since <= upTo) enter(bySubscriber, subscriber, filter);
        work.steps += 1 / ROUTES_PER_STEP;
        yield undefined;
      }
    }
    for (const [subscriber, matching] of bySubscriber) yield this.#count(this.#merged(matching, subscriber));
  }

  #merged(filters: FilterRoutes | readonly FilterRoutes[], subscriber: Subscriber): Route | undefined {
    if (!(filters instanceof Array)) return this.#still(filters, subscriber);
    let merged: Route | undefined;
    for (const filter of filters) {
      const route = this.#still(filter, subscriber);
      if (route) merged = merged ? mergeRoutes(merged, route) : route;
    }
    this.#parts.work.steps += filters.length / ROUTES_PER_STEP;
    return merged;
  }

  /** The subscription of then, as it is now; `undefined`: it has ended, whether there is a new one or not. */
  #still(filter: FilterRoutes, subscriber: Subscriber): OwnRoute | undefined {
    const route = filter.get(subscriber);
    return route && route.since <= this.#parts.upTo ? route : undefined;
  }

  #count(route: Route | undefined): Route | undefined {
    this.#parts.work.steps++;
    if (route && this.#isFew) this.#routes.push(route);
    return route;
  }

  /** Up to one more than is short. */
  get #isFew(): boolean {
    return this.#routes.length + this.#shares.length <= this.#parts.mostShort;
  }
}

function enter(
  bySubscriber: Map<Subscriber, FilterRoutes | FilterRoutes[]>,
  subscriber: Subscriber,
  filter: FilterRoutes,
): void {
  const others = bySubscriber.get(subscriber);
  if (others instanceof Array) others.push(filter);
  else bySubscriber.set(subscriber, others ? [others, filter] : filter);
}
