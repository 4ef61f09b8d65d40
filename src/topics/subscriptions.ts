import type { QoS } from "../packet/packets.ts";
import type { TopicFilter, TopicName } from "../packet/topic.ts";
import type { Message } from "../message.ts";
import { TopicTree } from "./topic_tree.ts";

/** What a client asked for with one topic filter (MQTT 5.0 §3.8.3.1). */
export interface Subscription {
  readonly topicFilter: TopicFilter;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 1 to 268,435,455; `undefined`: none. */
  readonly identifier?: number;
}

/** Whoever messages are delivered to: a session or an in-process subscriber. */
export interface Subscriber {
  /** `undefined`: not a client. */
  readonly clientIdentifier: string | undefined;
  /** Takes a message or drops it by its own stated policy; never throws, never waits. */
  offer(message: Message, route: Route): void;
}

/** How a message goes to one subscriber: its overlapping subscriptions merged into one (MQTT 5.0 §3.3.4). */
export interface Route {
  readonly subscriber: Subscriber;
  /** The highest of the subscriptions. */
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** The route for the subscriber's own messages, where No Local takes some or all subscriptions out. */
  readonly ownMessages: Route | "same" | "none";
}

/** Routes that are remembered, each name counted as one too; beyond that the memory starts anew. */
const REMEMBERED_ROUTES = 200_000;

/** Who is subscribed to what, by topic filter. */
export class Subscriptions {
  readonly #tree = new TopicTree<Map<Subscriber, Subscription>>();
  readonly #routes = new Map<TopicName, readonly Route[]>();
  #remembered = 0;
  #count = 0;

  /** Subscriptions of all subscribers together. */
  get count(): number {
    return this.#count;
  }

  /** Adds a subscription in place of one with the same filter. */
  add(subscriber: Subscriber, subscription: Subscription): void {
    let subscribers = this.#tree.get(subscription.topicFilter);
    if (!subscribers) this.#tree.set(subscription.topicFilter, subscribers = new Map());
    if (!subscribers.has(subscriber)) this.#count++;
    subscribers.set(subscriber, subscription);
    this.#forget(subscription.topicFilter);
  }

  /** Removes a subscription; false if there was none. */
  remove(subscriber: Subscriber, topicFilter: TopicFilter): boolean {
    const subscribers = this.#tree.get(topicFilter);
    if (!subscribers?.delete(subscriber)) return false;
    if (subscribers.size === 0) this.#tree.delete(topicFilter);
    this.#count--;
    this.#forget(topicFilter);
    return true;
  }

  /** One route for each subscriber with a subscription that matches. */
  match(topicName: TopicName): readonly Route[] {
    let routes = this.#routes.get(topicName);
    if (!routes) {
      routes = this.#findRoutes(topicName);
      this.#remember(topicName, routes);
    }
    return routes;
  }

  #findRoutes(topicName: TopicName): Route[] {
    const found = new Map<Subscriber, Subscription[]>();
    this.#tree.matchName(topicName, (subscribers) => {
      for (const [subscriber, subscription] of subscribers) {
        const others = found.get(subscriber);
        if (others) others.push(subscription);
        else found.set(subscriber, [subscription]);
      }
    });
    return Array.from(found, ([subscriber, subscriptions]) => routeTo(subscriber, subscriptions));
  }

  #remember(topicName: TopicName, routes: readonly Route[]): void {
    if (this.#remembered + routes.length + 1 > REMEMBERED_ROUTES) this.#forgetAll();
    this.#remembered += routes.length + 1;
    this.#routes.set(topicName, routes);
  }

  /** A filter without wildcards changes the routes of one name only. */
  #forget(topicFilter: TopicFilter): void {
    if (topicFilter.includes("+") || topicFilter.includes("#")) return this.#forgetAll();
    const routes = this.#routes.get(topicFilter as string as TopicName);
    if (!routes) return;
    this.#remembered -= routes.length + 1;
    this.#routes.delete(topicFilter as string as TopicName);
  }

  #forgetAll(): void {
    this.#routes.clear();
    this.#remembered = 0;
  }
}

function routeTo(subscriber: Subscriber, subscriptions: readonly Subscription[]): Route {
  const identifiers = subscriptions.flatMap(({ identifier }) => identifier ?? []);
  const foreign = subscriptions.filter(({ noLocal }) => !noLocal);
  return {
    subscriber,
    qos: Math.max(...subscriptions.map(({ qos }) => qos)) as QoS,
    retainAsPublished: subscriptions.some(({ retainAsPublished }) => retainAsPublished),
    subscriptionIdentifiers: identifiers.length > 0 ? identifiers : undefined,
    ownMessages: foreign.length === subscriptions.length
      ? "same"
      : foreign.length === 0
      ? "none"
      : routeTo(subscriber, foreign),
  };
}
