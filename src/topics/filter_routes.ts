import type { Share } from "./subscriber.ts";
import type { Matched, Subscriber } from "./subscriber.ts";
import type { OwnRoute } from "./route.ts";

/** What a topic without Shared Subscriptions has. */
export const NO_SHARES: readonly Share[] = [];

/**
 * The subscriptions to one topic filter that are not shared. It is the answer for every name that this filter alone
 * matches, too, and stays that while subscribers come and go.
 */
export class FilterRoutes implements Matched {
  /** `undefined`: they have changed since they were last asked for. */
  #routes: readonly OwnRoute[] | undefined = [];
  /** Made for the second subscriber, as most filters have one. */
  #bySubscriber: Map<Subscriber, OwnRoute> | undefined = undefined;

  /** The routes of now. An array that was given out does not change. */
  get routes(): readonly OwnRoute[] {
    return this.#routes ?? this.#collect();
  }

  get shares(): readonly Share[] {
    return NO_SHARES;
  }

  /** How many subscribers there are. */
  get size(): number {
    return this.#bySubscriber?.size ?? this.#routes!.length;
  }

  /** A subscriber's route of now; `undefined`: it has none. */
  get(subscriber: Subscriber): OwnRoute | undefined {
    if (this.#bySubscriber) return this.#bySubscriber.get(subscriber);
    const route = this.#routes![0];
    return route?.subscriber === subscriber ? route : undefined;
  }

  /**
   * Adds a subscriber's route, or puts it in the place of its former one.
   *
   * @returns whether it is a new subscriber
   */
  add(route: OwnRoute): boolean {
    const known = this.get(route.subscriber) !== undefined;
    if (!this.#bySubscriber) {
      if (known || this.size === 0) {
        this.#routes = [route];
        return !known;
      }
      this.#bySubscriber = new Map(this.routes.map((one) => [one.subscriber, one]));
    }
    this.#bySubscriber.set(route.subscriber, route);
    this.#routes = undefined;
    return !known;
  }

  /** Removes a subscriber's route; false if there was none. */
  remove(subscriber: Subscriber): boolean {
    if (!this.get(subscriber)) return false;
    if (this.#bySubscriber) {
      this.#bySubscriber.delete(subscriber);
      this.#routes = undefined;
    } else this.#routes = [];
    return true;
  }

  #collect(): readonly OwnRoute[] {
    return this.#routes = Array.from(this.#bySubscriber!.values());
  }
}
