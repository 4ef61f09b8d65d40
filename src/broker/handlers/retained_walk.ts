import type { Message } from "../../message.ts";
import type { TopicFilter } from "../../packet/topic.ts";
import type { RetainedMessages } from "../../topics/retained.ts";
import type { Subscription } from "../../topics/subscriptions.ts";

/** Messages that are found in one turn of the event loop, which is a few milliseconds of work. */
const MESSAGES_PER_SLICE = 10_000;
/** Steps through the retained messages in one turn, whether something is found or not. */
const STEPS_PER_SLICE = 20_000;
/** More messages that wait for the client put off the next slice, until so many are left. */
const WAITING_MESSAGES = { most: 10_000, again: 5_000 };
/** What a {@linkcode RetainedWalk} is made with. */
export interface RetainedWalkOptions {
  readonly retained: RetainedMessages;
  /** The time by the clock that messages expire by. */
  readonly now: () => number;
  /** Whether the client still has this very subscription. */
  readonly isCurrent: (key: TopicFilter, subscription: Subscription) => boolean;
  /** How many messages wait for the client. */
  readonly waiting: () => number;
  /** Takes messages that were found. */
  readonly offer: (messages: readonly Message[], subscription: Subscription) => void;
  /** Calls back in a later turn of the event loop. */
  readonly later: (resume: () => void) => void;
  /** Calls back in a later turn when fewer messages wait for the client; never, if it goes before. */
  readonly whenTaken: (messages: number, resume: () => void) => void;
}

/**
 * Finds what is retained for one client's new subscriptions, one after the other and in slices between which others are
 * served. A client that takes nothing is waited for, so that there is never much in memory for it.
 */
export class RetainedWalk {
  readonly #options: RetainedWalkOptions;
  /** Subscriptions whose retained messages are still to be found, by filter as the client gave it; the first is under way. */
  readonly #wanted = new Map<TopicFilter, Subscription>();
  #steps: Iterator<Message | undefined> | undefined;
  /** It goes on in a later turn. */
  #suspended = false;
  #pause: PromiseWithResolvers<void> | undefined;
  #messagesLeft = 0;
  #stepsLeft = 0;

  constructor(options: RetainedWalkOptions) {
    this.#options = options;
  }

  /** Resolves when it is over or waits for the client to take something; `undefined`: that is so already. */
  get pause(): Promise<void> | undefined {
    return this.#pause?.promise;
  }

  /** Whether it goes on in a later turn. */
  get suspended(): boolean {
    return this.#suspended;
  }

  /** Adds a subscription, to which {@linkcode RetainedWalk.run} gets when it is through with those before. */
  add(key: TopicFilter, subscription: Subscription): void {
    // One that is under way begins anew.
    if (this.#underWay === key) this.#steps = undefined;
    this.#wanted.delete(key);
    this.#wanted.set(key, subscription);
  }

  /** The client has changed a subscription and wants nothing for that; what it has not got of it yet goes on. */
  replace(key: TopicFilter, subscription: Subscription): void {
    if (this.#wanted.has(key)) this.#wanted.set(key, subscription);
  }

  get #underWay(): TopicFilter | undefined {
    return this.#wanted.keys().next().value;
  }

  /** Walks on. A small walk is over on return. */
  run(): void {
    if (!this.#suspended) this.#walk();
  }

  #walk(): void {
    const { waiting, later, whenTaken } = this.#options;
    const resume = () => this.#walk();
    this.#suspended = this.#slice();
    if (this.#suspended && waiting() <= WAITING_MESSAGES.most) {
      this.#pause ??= Promise.withResolvers();
      return later(resume);
    }
    if (this.#suspended) whenTaken(WAITING_MESSAGES.again, resume);
    this.#pause?.resolve();
    this.#pause = undefined;
  }

  /** Returns whether there is more to do. */
  #slice(): boolean {
    this.#messagesLeft = MESSAGES_PER_SLICE;
    this.#stepsLeft = STEPS_PER_SLICE;
    for (const [key, subscription] of this.#wanted) {
      if (this.#options.isCurrent(key, subscription)) {
        if (this.#isOver || this.#options.waiting() > WAITING_MESSAGES.most) return true;
        if (!this.#findAll(subscription)) return true;
      }
      this.#steps = undefined;
      this.#wanted.delete(key);
    }
    return false;
  }

  /** Whether the slice is. */
  get #isOver(): boolean {
    return this.#messagesLeft === 0 || this.#stepsLeft === 0;
  }

  /** False: the slice ended before all was found that is retained for the subscription. */
  #findAll(subscription: Subscription): boolean {
    const { retained, now, offer } = this.#options;
    this.#steps ??= retained.walk(subscription.topicFilter);
    const found: Message[] = [];
    let done = false;
    while (!done && !this.#isOver) {
      const step = this.#steps.next();
      done = step.done === true;
      this.#stepsLeft--;
      if (!step.value || step.value.isExpired(now())) continue;
      this.#messagesLeft--;
      found.push(step.value);
    }
    if (found.length > 0) offer(found, subscription);
    return done;
  }
}
