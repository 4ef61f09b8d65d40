import type { Message } from "../message.ts";
import { matches, type TopicFilter, type TopicName } from "../packet/topic.ts";
import { RetainedSearch, type SearchBudget } from "../topics/retained_search.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Subscription } from "../topics/subscriber.ts";
import { type Delivery, NewDelivery } from "./delivery.ts";
import { Fifo } from "./fifo.ts";
import type { SessionLog } from "./session_log.ts";
import type { RetainedPosition, RetainedPromise } from "./retained_promise.ts";
import { deliveryQoS } from "./delivery_qos.ts";

/** More found messages that wait for the client put off the search. */
const MOST_FOUND = 10_000;
/** With more promises than these no message is compared with each of them: it waits for them all. */
const MOST_COMPARED = 64;

interface Promised extends RetainedPromise {
  subscription: Subscription;
  /** `undefined`: it has not begun on this connection, or everything was found. */
  search: RetainedSearch | undefined;
  isComplete: boolean;
  readonly found: Fifo<Message>;
}

/** What {@linkcode RetainedPromises} are made with. */
export interface RetainedPromisesParts {
  readonly retained: RetainedMessages;
  readonly log: SessionLog | undefined;
  /** The time, by the clock that messages expire by. */
  readonly now: () => number;
  /** Whether QoS 0 messages wait for a client that is offline. */
  readonly queueQoS0: () => boolean;
}

/**
 * What one session's subscriptions still have to bring of the retained messages. Each is a position in the order in which
 * they were retained, so that it costs little however much there is, and outlives the connection. What is cleared before
 * its turn does not come any more. Nor need what is replaced: what replaced it comes as a message of its own, never before
 * it.
 */
export class RetainedPromises {
  readonly #parts: RetainedPromisesParts;
  /** One after the other, by topic filter as the client gave it. */
  readonly #promised = new Map<TopicFilter, Promised>();
  #waiting = 0;
  /** Between these serials are the QoS 0 messages that did not wait for the client while it was away. */
  #missedAfter = Infinity;
  #missedUpTo = 0;
  /** Who waits for fewer found messages than these. */
  #taken: { readonly messages: number; readonly resume: () => void } | undefined;

  constructor(parts: RetainedPromisesParts) {
    this.#parts = parts;
  }

  /** Something is still to come. */
  get isPending(): boolean {
    return this.#promised.size > 0;
  }

  /** Messages that were found and wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** So many wait that the search is put off until there are fewer. */
  get isFull(): boolean {
    return this.#waiting >= MOST_FOUND;
  }

  /** Whether this subscription still has something to bring. */
  has(key: TopicFilter): boolean {
    return this.#promised.has(key);
  }

  /** Promises what is retained now, in place of what this subscription was promised before. */
  promise(key: TopicFilter, subscription: Subscription): RetainedPromise | undefined {
    this.forget(key);
    const { retained } = this.#parts;
    return retained.count > 0 ? this.#add(key, subscription, { after: 0, upTo: retained.lastSerial }) : undefined;
  }

  /** Takes in a promise that a store has. */
  restore(key: TopicFilter, subscription: Subscription, position: RetainedPosition): void {
    this.#add(key, subscription, position);
    this.#missedAfter = Math.min(this.#missedAfter, position.upTo);
  }

  /** The client has changed the subscription and wants nothing for that: what it has not got of it yet goes on. */
  change(key: TopicFilter, subscription: Subscription): RetainedPromise | undefined {
    const promised = this.#promised.get(key);
    if (promised) promised.subscription = subscription;
    return promised;
  }

  /** The subscription is over. */
  forget(key: TopicFilter): void {
    const promised = this.#promised.get(key);
    if (!promised) return;
    this.#promised.delete(key);
    this.#waiting -= promised.found.length;
    this.#tell();
  }

  /**
   * Looks for messages, until the budget is used up or enough of them wait.
   *
   * @returns whether there is more to look for
   */
  find(budget: SearchBudget): boolean {
    for (const promised of this.#promised.values()) {
      while (!promised.isComplete) {
        if (this.isFull || budget.steps-- <= 0 || budget.messages <= 0) return true;
        this.#findSome(promised, budget);
      }
      if (promised.found.length === 0) this.#moved(promised);
    }
    return false;
  }

  /**
   * Takes out the next message; `undefined`: there is none yet, or none that may leave.
   *
   * @param withQuota whether a QoS 1 or 2 message may leave
   */
  next(withQuota: boolean): Delivery | undefined {
    for (const promised of this.#promised.values()) {
      const { found } = promised;
      for (let message = found.peek(); message; message = found.peek()) {
        const isWanted = this.#mayLeave(promised, message);
        if (isWanted && !withQuota && this.#qosOf(promised, message) > 0) return undefined;
        const delivery = isWanted ? this.#deliveryOf(promised, message) : undefined;
        this.#take(promised, message);
        if (delivery) return delivery;
      }
      if (!promised.isComplete) return undefined;
    }
    return undefined;
  }

  /** Whether a message of this topic must wait, since an older one is still to come. */
  owes(topicName: TopicName): boolean {
    if (this.#promised.size === 0) return false;
    const message = this.#parts.retained.last(topicName);
    if (!message || this.#isExpired(message)) return false;
    if (this.#promised.size > MOST_COMPARED) return true;
    for (const promised of this.#promised.values()) {
      if (this.#isWanted(promised, message) && matches(promised.subscription.topicFilter, topicName)) return true;
    }
    return false;
  }

  /** Calls back once, when fewer found messages wait; forgets it when the client goes. `resume` changes nothing at once. */
  whenTaken(messages: number, resume: () => void): void {
    this.#taken = { messages, resume };
  }

  /** The client is back. */
  attach(): void {
    this.#missedUpTo = this.#parts.retained.lastSerial;
  }

  /** The client has gone: what was found for it is looked for again when it is back. */
  detach(): void {
    this.#taken = undefined;
    // What it missed earlier may still have to come.
    this.#missedAfter = this.isPending ? Math.min(this.#missedAfter, this.#parts.retained.lastSerial) : Infinity;
    this.#waiting = 0;
    for (const promised of this.#promised.values()) {
      while (promised.found.shift());
      promised.search = undefined;
      promised.isComplete = false;
    }
  }

  #add(key: TopicFilter, subscription: Subscription, { after, upTo }: RetainedPosition): RetainedPromise {
    const none = { note: undefined, search: undefined, isComplete: false };
    const promised = { key, subscription, after, upTo, ...none, found: new Fifo<Message>() };
    this.#promised.set(key, promised);
    return promised;
  }

  #findSome(promised: Promised, budget: SearchBudget): void {
    const { subscription: { topicFilter }, after } = promised;
    const search = promised.search ??= new RetainedSearch(this.#parts.retained, {
      topicFilter,
      after,
      isWanted: (message) => this.#isWanted(promised, message) && !this.#isExpired(message),
    });
    const slice = { steps: budget.steps, messages: Math.min(budget.messages, MOST_FOUND - this.#waiting) };
    const found = search.next(slice);
    for (const message of found) promised.found.push(message);
    this.#waiting += found.length;
    budget.steps = slice.steps;
    budget.messages -= found.length;
    if (!search.isOver) return;
    promised.search = undefined;
    promised.isComplete = true;
  }

  #isWanted(promised: Promised, message: Message): boolean {
    const { retainedSerial } = message;
    if (retainedSerial <= promised.after) return false;
    return retainedSerial <= promised.upTo || this.#wasMissed(promised, message);
  }

  /** Whether a message that was found is still to be sent. */
  #mayLeave(promised: Promised, message: Message): boolean {
    if (message.retainedSerial > 0) return this.#isWanted(promised, message);
    // Who sends it passes it over, and counts it.
    if (this.#isExpired(message)) return true;
    // What has replaced it waits behind it, but for QoS 0, which may have been sent at once.
    const newer = this.#parts.retained.last(message.topicName);
    return newer !== undefined && this.#qosOf(promised, newer) > 0;
  }

  #isExpired(message: Message): boolean {
    return message.expiresAtMs !== undefined && message.isExpired(this.#parts.now());
  }

  #wasMissed(promised: Promised, message: Message): boolean {
    const { retainedSerial } = message;
    if (retainedSerial > this.#missedUpTo || retainedSerial <= this.#missedAfter) return false;
    return !this.#parts.queueQoS0() && this.#qosOf(promised, message) === 0;
  }

  #qosOf({ subscription }: Promised, message: Message) {
    return deliveryQoS(message.qos, subscription.qos);
  }

  #deliveryOf(promised: Promised, message: Message): Delivery {
    const { identifier } = promised.subscription;
    const subscriptionIdentifiers = identifier === undefined ? undefined : [identifier];
    const qos = this.#qosOf(promised, message);
    return new NewDelivery(message, qos, true, { subscriptionIdentifiers });
  }

  #take(promised: Promised, message: Message): void {
    promised.found.shift();
    this.#waiting--;
    // One that was replaced or cleared has no serial any longer.
    promised.after = Math.max(promised.after, message.retainedSerial);
    this.#moved(promised);
    this.#tell();
  }

  /** It has got further, or to its end. */
  #moved(promised: Promised): void {
    const isOver = promised.isComplete && promised.found.length === 0;
    if (isOver) this.#promised.delete(promised.key);
    this.#parts.log?.retainedSent(promised, isOver);
  }

  #tell(): void {
    const taken = this.#taken;
    if (!taken || this.#waiting >= taken.messages) return;
    this.#taken = undefined;
    taken.resume();
  }
}
