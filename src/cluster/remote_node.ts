/** Other nodes among the subscribers: one for all that a node's clients subscribe to, and one for each member of a group. */
import type { Message } from "../message.ts";
import { parseTopicFilter, type TopicFilter } from "../packet/topic.ts";
import type { Availability, Subscriber } from "../topics/subscriber.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { GroupName, RouteChange } from "./frames.ts";
import type { Link, Seat } from "./link.ts";
import { hashOf, routeKey } from "./routes.ts";

/** A node as a subscriber. */
class RemoteNode implements Subscriber {
  readonly clientIdentifier = undefined;
  readonly isNode = true;
  readonly availability = "ready";
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  get ended(): boolean {
    return this.#link.ended;
  }

  offer(message: Message): boolean {
    return this.#link.send(message);
  }
}

/** One of a node's members of a group. */
class RemoteSeat implements Seat {
  readonly clientIdentifier = undefined;
  readonly isNode = true;
  readonly group: GroupName;
  readonly #link: Link;

  constructor(link: Link, group: GroupName) {
    this.#link = link;
    this.group = group;
  }

  get ended(): boolean {
    return this.#link.ended;
  }

  /** While there is no connection but through the log others are asked first; what it is given then goes when there is one. */
  get availability(): Availability {
    if (this.#link.ended) return "ended";
    return this.#link.connected && !this.#link.detours && !this.#link.isFull ? "ready" : "busy";
  }

  /** What comes from another node stays here; what the peer has given back would come back again. */
  refuses({ trail }: Message): boolean {
    if (trail === undefined) return false;
    if (trail.fromNode !== undefined && trail.isOwn !== true) return true;
    return trail.notTakenBy?.includes(this.group) ?? false;
  }

  offer(message: Message): boolean {
    return this.#link.send(message, this);
  }
}

/** What the clients of another node are subscribed to. */
export class RemoteRoutes {
  readonly #link: Link;
  readonly #subscriptions: Subscriptions;
  readonly #node: RemoteNode;
  readonly #filters = new Set<TopicFilter>();
  readonly #groups = new Map<string, RemoteSeat[]>();
  /** The peer was there before this node, and has not told yet what its clients were subscribed to by then. */
  #isUnknown: boolean;
  /** What was not in the copy that is coming. */
  #stale: Map<string, RouteChange> | undefined;
  #hash = 0;

  /** @param isOlder the peer was there before: until it has told what its clients want it is given everything */
  constructor(link: Link, subscriptions: Subscriptions, isOlder: boolean) {
    this.#link = link;
    this.#subscriptions = subscriptions;
    this.#node = new RemoteNode(link);
    this.#isUnknown = isOlder;
    if (isOlder) subscriptions.add(this.#node, { topicFilter: EVERYTHING, ...OPTIONS });
  }

  /** How many there are. */
  get count(): number {
    return this.#filters.size + this.#groups.size;
  }

  /** Takes in what has changed. @param isWhole a whole copy begins: what is not in it goes with the next digest */
  take(changes: readonly RouteChange[], isWhole: boolean): void {
    if (isWhole) this.#stale = new Map(this.#all());
    for (const change of changes) {
      const { topicFilter, shareName, weight } = change;
      this.#stale?.delete(routeKey(topicFilter, shareName));
      if (shareName === undefined) this.#setFilter(topicFilter, weight > 0);
      else this.#setGroup(topicFilter, shareName, weight);
    }
  }

  /** Whether there is what the peer says. */
  agrees(count: number, hash: number): boolean {
    const stale = this.#stale?.values() ?? [];
    this.#stale = undefined;
    this.take(Array.from(stale, (route) => ({ ...route, weight: 0 })), false);
    const agrees = this.count === count && this.#hash >>> 0 === hash;
    if (agrees) this.#becomeKnown();
    return agrees;
  }

  #becomeKnown(): void {
    if (!this.#isUnknown) return;
    this.#isUnknown = false;
    if (!this.#filters.has(EVERYTHING)) this.#subscriptions.remove(this.#node, EVERYTHING);
  }

  /** Takes all of them out, in pieces. */
  *remove(): Generator<void, void> {
    this.#becomeKnown();
    for (const [, route] of this.#all()) {
      this.take([{ ...route, weight: 0 }], false);
      yield;
    }
  }

  *#all(): Generator<[string, RouteChange]> {
    for (const topicFilter of this.#filters) yield [topicFilter, { topicFilter, shareName: undefined, weight: 1 }];
    for (const [key, seats] of this.#groups) yield [key, { ...seats[0]!.group, weight: seats.length }];
  }

  #setFilter(topicFilter: TopicFilter, isThere: boolean): void {
    if (this.#filters.has(topicFilter) === isThere) return;
    this.#hash ^= hashOf({ topicFilter, shareName: undefined, weight: 1 });
    if (isThere) {
      this.#filters.add(topicFilter);
      if (this.#isUnknown && topicFilter === EVERYTHING) return;
      this.#subscriptions.add(this.#node, { topicFilter, ...OPTIONS });
    } else {
      this.#filters.delete(topicFilter);
      if (this.#isUnknown && topicFilter === EVERYTHING) return;
      this.#subscriptions.remove(this.#node, topicFilter);
    }
  }

  #setGroup(topicFilter: TopicFilter, shareName: string, weight: number): void {
    const key = routeKey(topicFilter, shareName);
    const seats = this.#groups.get(key) ?? [];
    if (seats.length > 0) this.#hash ^= hashOf({ topicFilter, shareName, weight: seats.length });
    if (weight > 0) this.#hash ^= hashOf({ topicFilter, shareName, weight });
    const group = seats[0]?.group ?? { shareName, topicFilter };
    while (seats.length < weight) {
      const seat = new RemoteSeat(this.#link, group);
      seats.push(seat);
      this.#subscriptions.add(seat, { topicFilter, shareName, ...OPTIONS });
    }
    while (seats.length > weight) this.#subscriptions.remove(seats.pop()!, topicFilter, shareName);
    if (weight > 0) this.#groups.set(key, seats);
    else this.#groups.delete(key);
  }
}

const EVERYTHING = parseTopicFilter("#");
/** The node that has the clients knows what they asked for. */
const OPTIONS = { qos: 2, noLocal: false, retainAsPublished: true } as const;
