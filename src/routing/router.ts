import type { DropReason, Message } from "../message.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Share } from "../topics/subscriber.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { Route, Subscriber } from "../topics/subscriber.ts";
import type { WorkSteps } from "../work_budget.ts";

/** What the router tells of what it does. */
export interface RouterObserver {
  messageRouted?(message: Message, subscribers: number): void;
  messageRetained?(message: Message): void;
  messageDropped(clientIdentifier: string | undefined, message: Message, reason: DropReason): void;
}

/** To whom a message is handed over. */
export interface HandOverOptions {
  /** To a member that is connected, or to nobody. Otherwise a member that is offline will do if none is connected. */
  readonly onlyConnected: boolean;
}

/** How often a message is handed on within one offer. */
const MAXIMUM_HAND_OVERS = 8;

/** The one way of a message to its subscribers: retain, match, offer. Synchronous, so that order holds. */
export class Router {
  readonly #subscriptions: Subscriptions;
  readonly #retained: RetainedMessages;
  readonly #observer: RouterObserver;
  readonly #work: WorkSteps;
  /** Those under way: one within the other. */
  #handOvers = 0;

  /** @param work is told how much there was to do. @default nobody is */
  constructor(
    subscriptions: Subscriptions,
    retained: RetainedMessages,
    observer: RouterObserver,
    work: WorkSteps = { steps: 0 },
  ) {
    this.#subscriptions = subscriptions;
    this.#retained = retained;
    this.#observer = observer;
    this.#work = work;
  }

  /**
   * Hands a message to every subscriber, once to each (MQTT 3.1.1 §3.3.5, MQTT 5.0 §3.3.4), and to one member of each
   * group with a Shared Subscription (MQTT 5.0 §4.8.2).
   *
   * @returns how many subscribers it matched, a group counted as one; `full` if it matched some and none took it
   */
  publish(message: Message): number | "full" {
    if (message.retain) this.retain(message);
    const { routes, shares } = this.#subscriptions.match(message.topicName);
    this.#work.steps += routes.length + shares.length;
    let subscribers = 0;
    let taken = 0;
    for (const route of routes) {
      const chosen = forPublisher(route, message.publisher);
      if (!chosen || chosen.subscriber.ended) continue;
      subscribers++;
      if (chosen.subscriber.offer(message, chosen)) taken++;
    }
    for (const share of shares) {
      // Where nobody can take it, it is dropped in the name of who is next.
      const route = share.choose(message, undefined, this.#work) ?? share.next();
      if (!route) continue;
      subscribers++;
      if (route.subscriber.offer(message, route)) taken++;
    }
    this.#observer.messageRouted?.(message, subscribers);
    return subscribers > 0 && taken === 0 ? "full" : subscribers;
  }

  /**
   * Hands a message that a member of a group has not taken to another member. Who gets it may hand it on in turn while
   * it is offered, up to {@linkcode MAXIMUM_HAND_OVERS} times: members that all refuse would go round for ever.
   *
   * @returns false if there is nobody; the message is then still the caller's, to keep or to drop
   */
  handOver(message: Message, share: Share, from: Subscriber, options: HandOverOptions): boolean {
    if (this.#handOvers === MAXIMUM_HAND_OVERS) return false;
    if (options.onlyConnected && !share.hasConnectedOther(from)) return false;
    const route = share.choose(message, from, this.#work);
    if (!route) return false;
    this.#handOvers++;
    try {
      route.subscriber.offer(message, route);
    } finally {
      this.#handOvers--;
    }
    return true;
  }

  /** Sets or clears the topic's retained message and sends it to nobody. */
  retain(message: Message): void {
    if (this.#retained.set(message) === "full") this.#observer.messageDropped(undefined, message, "max-retained");
    else this.#observer.messageRetained?.(message);
  }
}

/** The route as it is for messages of this publisher; `undefined`: No Local keeps them from the subscriber. */
function forPublisher(route: Route, publisher: string | undefined): Route | undefined {
  const { ownMessages } = route;
  if (ownMessages === "same" || publisher === undefined || route.subscriber.clientIdentifier !== publisher) {
    return route;
  }
  return ownMessages === "none" ? undefined : ownMessages;
}
