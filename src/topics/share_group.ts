import type { Message } from "../message.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { WorkSteps } from "../work_budget.ts";
import type { Availability, Route, Share, Subscriber, Subscription } from "./subscriber.ts";

/** A member of a group, linked to the one whose turn is before it and to the one whose turn is after it. */
class Member {
  route: Route;
  previous: Member = this;
  next: Member = this;
  ring: Ring;

  constructor(route: Route, ring: Ring) {
    this.route = route;
    this.ring = ring;
  }
}

/** Members that take turns. */
class Ring {
  /** Whose turn it is; `undefined`: there are no members. */
  turn: Member | undefined;
  size = 0;

  /** Lets a member in as the last of the round that is under way. */
  add(member: Member): void {
    member.ring = this;
    this.size++;
    if (this.turn) insertBefore(this.turn, member);
    else this.turn = member.previous = member.next = member;
  }

  remove(member: Member): void {
    this.size--;
    member.previous.next = member.next;
    member.next.previous = member.previous;
    if (this.turn === member) this.turn = this.size > 0 ? member.next : undefined;
  }

  take(member: Member): Route {
    this.turn = member.next;
    return member.route;
  }

  *[Symbol.iterator](): Generator<Member> {
    let member = this.turn;
    for (let left = this.size; left > 0 && member; left--, member = member.next) yield member;
  }
}

/**
 * The sessions of one Shared Subscription (MQTT 5.0 §4.8.2): one share name with one topic filter. Each message goes
 * to one of them, in turn.
 *
 * The members form two rings, so that those that are offline cost the others nothing. Who joins comes last in the round
 * that is under way and who leaves is taken out of it, so nobody's turn is ever put off by others. Who is found to be
 * offline changes the ring then; who is connected again says so ({@linkcode ShareGroup.returned}).
 */
export class ShareGroup implements Share {
  /** The `{ShareName}` of `$share/{ShareName}/{filter}`. */
  readonly shareName: string;
  /** The `{filter}` of it. */
  readonly topicFilter: TopicFilter;
  readonly #members = new Map<Subscriber, Member>();
  readonly #connected = new Ring();
  readonly #offline = new Ring();

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

  /** The routes of all members, in the order of their turns, those last that are offline. Made anew for each call. */
  get members(): readonly Route[] {
    return [...this.#connected, ...this.#offline].map(({ route }) => route);
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
    const member = new Member(route, this.#connected);
    this.#members.set(subscriber, member);
    this.#connected.add(member);
    subscriber.joined?.(this);
    return true;
  }

  /** Lets a member go; false if it was none. */
  remove(subscriber: Subscriber): boolean {
    const member = this.#members.get(subscriber);
    if (!member) return false;
    this.#members.delete(subscriber);
    member.ring.remove(member);
    subscriber.left?.(this);
    return true;
  }

  /** A member is connected again, and has its turn. */
  returned(subscriber: Subscriber): void {
    const member = this.#members.get(subscriber);
    if (member?.ring !== this.#offline) return;
    member.ring.remove(member);
    this.#connected.add(member);
    this.#connected.turn = member;
  }

  /**
   * The member that gets the next message: the next in turn that is ready, or else busy, or else offline. Who is known to
   * be unable to take it is passed over.
   *
   * It looks no further than the first that is ready and can take it. While none is, it looks at every connected member
   * once: the cost of a message then grows with their number.
   *
   * @param except the member that is passed over, too
   * @param work is told how many were looked at. @default nobody is
   * @returns `undefined` if there is no (other) member that can take it
   */
  choose(message: Message, except?: Subscriber, work: WorkSteps = { steps: 0 }): Route | undefined {
    let busy: Member | undefined;
    let member = this.#connected.turn;
    // Who is asked may end others' membership, so that the round is counted.
    for (let left = this.#connected.size; left > 0 && member; left--) {
      work.steps++;
      const { next, route: { subscriber } } = member;
      const availability = subscriber === except ? undefined : subscriber.availability;
      if (availability === "ready" && this.#suits(member, message)) return member.ring.take(member);
      if (availability === "busy") busy ??= member;
      else if (availability && !isConnected(availability)) this.#sendOff(member);
      member = next;
    }
    if (busy && !this.#suits(busy, message)) busy = this.#nextBusy(message, except);
    const chosen = busy ?? this.#nextOffline(except);
    return chosen && this.#isMember(chosen) ? chosen.ring.take(chosen) : undefined;
  }

  /** The member whose turn it is, whether it can take a message or not; `undefined`: there is none. */
  next(): Route | undefined {
    for (const ring of [this.#connected, this.#offline]) {
      for (const member of ring) if (member.route.subscriber.availability !== "ended") return ring.take(member);
    }
    return undefined;
  }

  /** Whether a member other than this one is connected. */
  hasConnectedOther(subscriber: Subscriber): boolean {
    let member = this.#connected.turn;
    for (let left = this.#connected.size; left > 0 && member; left--) {
      const { next, route } = member;
      if (route.subscriber !== subscriber && isConnected(route.subscriber.availability)) return true;
      if (route.subscriber !== subscriber) this.#sendOff(member);
      member = next;
    }
    return false;
  }

  #nextOffline(except: Subscriber | undefined): Member | undefined {
    for (const member of this.#offline) {
      const { subscriber } = member.route;
      if (subscriber !== except && subscriber.availability === "offline") return member;
    }
    return undefined;
  }

  /** The first that is busy is known not to suit. */
  #nextBusy(message: Message, except: Subscriber | undefined): Member | undefined {
    for (const member of this.#connected) {
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

  /** Who is found to be offline is looked at no more, until it says that it is back. */
  #sendOff(member: Member): void {
    if (member.ring === this.#offline || !this.#isMember(member)) return;
    member.ring.remove(member);
    this.#offline.add(member);
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
