/** Who gets messages, and how: the words that the rooms above have in common with this one. */
import type { Message } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { WorkSteps } from "../work_budget.ts";

/** What a client asked for with one topic filter (MQTT 5.0 §3.8.3.1). */
export interface Subscription {
  /** Without the `$share/{ShareName}/` in front. */
  readonly topicFilter: TopicFilter;
  /** The group that the subscription is shared with (MQTT 5.0 §4.8.2); `undefined`: not shared. */
  readonly shareName?: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 1 to 268,435,455; `undefined`: none. */
  readonly identifier?: number;
}

/**
 * What would become of a message now. `"ready"`: connected, and it would leave at once; `"busy"`: connected, but it
 * would have to wait; `"offline"`: not connected; `"ended"`: it is there no longer.
 */
export type Availability = "ready" | "busy" | "offline" | "ended";

/** Whoever messages are delivered to: a session or an in-process subscriber. */
export interface Subscriber {
  /** `undefined`: not a client. */
  readonly clientIdentifier: string | undefined;
  /** Asked for each message of a Shared Subscription, so it has to be cheap. */
  readonly availability: Availability;
  /** It is there no longer, though its subscriptions are still to be removed. @default never */
  readonly ended?: boolean;
  /**
   * Whether it is connected and could not take this message of a Shared Subscription, for its size or for want of
   * permission. Asked for each message, so it has to be cheap where that cannot be. @default never
   */
  refuses?(message: Message, route: Route): boolean;
  /** It has become a member of a group, which is to be told when it is connected again: {@linkcode Share.returned}. */
  joined?(group: Share): void;
  /** It is a member no longer. */
  left?(group: Share): void;
  /** What is offered at QoS 1 and 2 outlives the process. @default false */
  readonly durable?: boolean;
  /** It stands for clients of another node, which a message from another node does not go to. @default false */
  readonly isNode?: boolean;
  /** Takes a message or drops one by its own stated policy; never throws, never waits. False: it did not take this one. */
  offer(message: Message, route: Route): boolean;
}

/** Told of subscriptions that come and go. */
export interface SubscriptionWatcher {
  /** There is one more with this filter and share name, or one less. */
  changed(subscriber: Subscriber, topicFilter: TopicFilter, shareName: string | undefined, by: 1 | -1): void;
}

/**
 * How a message goes to one subscriber: its overlapping subscriptions merged into one (MQTT 5.0 §3.3.4), or one Shared
 * Subscription, which is never merged with others.
 */
export interface Route {
  readonly subscriber: Subscriber;
  /** The highest of the subscriptions. */
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** The route for the subscriber's own messages, where No Local takes some or all subscriptions out. */
  readonly ownMessages: Route | "same" | "none";
  /** The group that it is the subscriber's membership of; `undefined`: not shared. */
  readonly share?: Share;
}

/** Where the messages of one topic go. */
export interface Matched {
  /** One for each subscriber with a subscription of its own that matches. */
  readonly routes: readonly Route[];
  /** The groups with a matching Shared Subscription: one member of each gets a message. */
  readonly shares: readonly Share[];
}

/** The sessions of one Shared Subscription (MQTT 5.0 §4.8.2), of which one gets each message. */
export interface Share {
  /** The `{ShareName}` of `$share/{ShareName}/{filter}`. */
  readonly shareName: string;
  /** The `{filter}` of it. */
  readonly topicFilter: TopicFilter;
  /** As clients name it: `$share/{ShareName}/{filter}`. */
  readonly key: TopicFilter;
  /** The routes of all members, in the order of their turns. */
  readonly members: readonly Route[];
  /** A member is connected again, and has its turn. */
  returned(subscriber: Subscriber): void;
  /**
   * The member that gets the next message.
   *
   * @param except the member that is passed over
   * @param work is told how many were looked at
   * @returns `undefined` if there is no (other) member that can take it
   */
  choose(message: Message, except?: Subscriber, work?: WorkSteps): Route | undefined;
  /** The member whose turn it is, whether it can take a message or not; `undefined`: there is none. */
  next(): Route | undefined;
  /** Whether a member other than this one is connected. */
  hasConnectedOther(subscriber: Subscriber): boolean;
}
