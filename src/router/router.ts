import type { DropReason, Message } from "../message.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";

/** What the router tells of what it does. */
export interface RouterObserver {
  messageRouted?(message: Message, subscribers: number): void;
  messageRetained?(message: Message): void;
  messageDropped(clientIdentifier: string | undefined, message: Message, reason: DropReason): void;
}

/** The one way of a message to its subscribers: retain, match, offer. Synchronous, so that order holds. */
export class Router {
  readonly #subscriptions: Subscriptions;
  readonly #retained: RetainedMessages;
  readonly #observer: RouterObserver;

  constructor(subscriptions: Subscriptions, retained: RetainedMessages, observer: RouterObserver) {
    this.#subscriptions = subscriptions;
    this.#retained = retained;
    this.#observer = observer;
  }

  /**
   * Hands a message to every subscriber, once to each (MQTT 3.1.1 §3.3.5, MQTT 5.0 §3.3.4).
   *
   * @returns how many subscribers it matched
   */
  publish(message: Message): number {
    if (message.retain) this.retain(message);
    const routes = this.#subscriptions.match(message.topicName);
    let subscribers = 0;
    for (const route of routes) {
      const own = route.subscriber.clientIdentifier !== undefined &&
        route.subscriber.clientIdentifier === message.publisher;
      const chosen = own && route.ownMessages !== "same" ? route.ownMessages : route;
      if (chosen === "none") continue;
      subscribers++;
      chosen.subscriber.offer(message, chosen);
    }
    this.#observer.messageRouted?.(message, subscribers);
    return subscribers;
  }

  /** Sets or clears the topic's retained message and sends it to nobody. */
  retain(message: Message): void {
    if (this.#retained.set(message) === "full") this.#observer.messageDropped(undefined, message, "max-retained");
    else this.#observer.messageRetained?.(message);
  }
}
