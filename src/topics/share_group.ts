import type { Message } from "../message.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { Availability, Route, Subscriber, Subscription } from "./subscriptions.ts";

/** A member of a group, linked to the one whose turn is before it and to the one whose turn is after it. */
class Member {
  route: Route;
  previous: Member = this;
  next: Member = this;

  constructor(route: Route) {
    this.route = route;
  }
}

/**
 * The sessions of one Shared Subscription (MQTT 5.0 §4.8.2): one share name with one topic filter. Each message goes
 * to one of them, in turn.
 *
 * The members form a ring. Who joins comes last in the round that is under way and who leaves is taken out of it, so
 * nobody's turn is ever put off by others.
 */
export class ShareGroup {
  /** The `{ShareName}` of `$share/{ShareName}/{filter}`. */
  readonly shareName: string;
  /** The `{filter}` of it. */
  readonly topicFilter: TopicFilter;
  readonly #members = new Map<Subscriber, Member>();
  /** Whose turn it is; `undefined`: there are no members. */
  #turn: Member | undefined;

  constructor(shareName: string, topicFilter: TopicFilter) {
    this.shareName = shareName;
    this.topicFilter = topicFilter;
  }

  /** As clients name it: `$share/{ShareName}/{filter}`. */
  get key(): TopicFilter {
    return `$share/${this.shareName}/${this.topicFilter}` as TopicFilter;
  }

  /** How many members there are. */
  get size(): number {
    return this.#members.size;
  }

  /** The routes of all members, in the order of their turns. Made anew for each call. */
  get members(): readonly Route[] {
    const routes: Route[] = [];
    for (let member = this.#turn; member && routes.length < this.size; member = member.next) routes.push(member.route);
    return routes;
  }

  /**
   * Lets a subscriber in, or gives a member a new subscription and leaves it its turn.
   *
   * @returns whether it is a new member
   */
  add(subscriber: Subscriber, subscription: Subscription): boolean {
    const route = memberRoute(this, subscriber, subscription);
    const known = this.#members.get(subscriber);
    if (known) {
      known.route = route;
      return false;
    }
    const member = new Member(route);
    this.#members.set(subscriber, member);
    if (this.#turn) insertBefore(this.#turn, member);
    else this.#turn = member;
    return true;
  }

  /** Lets a member go; false if it was none. */
  remove(subscriber: Subscriber): boolean {
    const member = this.#members.get(subscriber);
    if (!member) return false;
    this.#members.delete(subscriber);
    member.previous.next = member.next;
    member.next.previous = member.previous;
    if (this.#turn === member) this.#turn = this.size > 0 ? member.next : undefined;
    return true;
  }

  /**
   * The member that gets the next message: the next in turn that is ready, or else busy, or else offline. Who is known to
   * be unable to take it is passed over.
   *
   * It looks no further than the first that is ready and can take it. While none is, it looks at every member once: the
   * cost of a message then grows with the group.
   *
   * @param except the member that is passed over, too
   * @returns `undefined` if there is no (other) member that can take it
   */
  choose(message: Message, except?: Subscriber): Route | undefined {
    let busy: Member | undefined;
    let offline: Member | undefined;
    let member = this.#turn;
    // Who is asked may end others' membership, so that the round is counted.
    for (let left = this.size; left > 0 && member; left--, member = member.next) {
      const { subscriber } = member.route;
      if (subscriber === except) continue;
      const { availability } = subscriber;
      if (availability === "ready" && this.#suits(member, message)) return this.#take(member);
      if (availability === "busy") busy ??= member;
      else if (availability === "offline") offline ??= member;
    }
    if (busy && !this.#suits(busy, message)) busy = this.#nextBusy(message, except);
    const chosen = busy ?? offline;
    return chosen && this.#isMember(chosen) ? this.#take(chosen) : undefined;
  }

  /** The member whose turn it is, whether it can take a message or not; `undefined`: there is none. */
  next(): Route | undefined {
    let member = this.#turn;
    for (let left = this.size; left > 0 && member; left--, member = member.next) {
      if (member.route.subscriber.availability !== "ended") return this.#take(member);
    }
    return undefined;
  }

  /** Whether a member other than this one is connected. It may look at every member once. */
  hasConnectedOther(subscriber: Subscriber): boolean {
    for (const other of this.#members.keys()) {
      if (other !== subscriber && isConnected(other.availability)) return true;
    }
    return false;
  }

  /** The first that is busy is known not to suit. */
  #nextBusy(message: Message, except: Subscriber | undefined): Member | undefined {
    let member = this.#turn;
    for (let left = this.size; left > 0 && member; left--, member = member.next) {
      const { subscriber } = member.route;
      if (subscriber !== except && subscriber.availability === "busy" && this.#suits(member, message)) return member;
    }
    return undefined;
  }

  /** Whether it is still a member, and is not known to be unable to take the message. */
  #suits(member: Member, message: Message): boolean {
    const { subscriber } = member.route;
    return !subscriber.refuses?.(message, member.route) && this.#isMember(member);
  }

  #isMember(member: Member): boolean {
    return this.#members.get(member.route.subscriber) === member;
  }

  #take(member: Member): Route {
    this.#turn = member.next;
    return member.route;
  }
}

function isConnected(availability: Availability): boolean {
  return availability === "ready" || availability === "busy";
}

function insertBefore(next: Member, member: Member): void {
  member.next = next;
  member.previous = next.previous;
  next.previous.next = member;
  next.previous = member;
}

/** Made once for each subscription, so that a message costs none. */
function memberRoute(share: ShareGroup, subscriber: Subscriber, subscription: Subscription): Route {
  const { qos, retainAsPublished, identifier } = subscription;
  return {
    subscriber,
    qos,
    retainAsPublished,
    subscriptionIdentifiers: identifier === undefined ? undefined : [identifier],
    // [MQTT-3.8.3-4] 5.0: there is no No Local on a Shared Subscription.
    ownMessages: "same",
    share,
  };
}
