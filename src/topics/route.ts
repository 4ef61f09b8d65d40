import type { QoS } from "../packet/packets.ts";
import type { Route, Subscriber, Subscription } from "./subscriber.ts";

/** The route of one subscription that is not shared. */
export interface OwnRoute extends Route {
  /** Its subscription's place in the order of all changes; one that is put in the place of its former self keeps that. */
  readonly since: number;
}

/** Makes one. */
export function routeOf(subscriber: Subscriber, subscription: Subscription, since: number): OwnRoute {
  const { qos, retainAsPublished, identifier, noLocal } = subscription;
  return {
    subscriber,
    qos,
    retainAsPublished,
    subscriptionIdentifiers: identifier === undefined ? undefined : [identifier],
    ownMessages: noLocal ? "none" : "same",
    share: undefined,
    since,
  };
}

/** The route of two overlapping subscriptions of one subscriber, or of more that were merged before (MQTT 5.0 §3.3.4). */
export function mergeRoutes(a: Route, b: Route): Route {
  return {
    subscriber: a.subscriber,
    qos: Math.max(a.qos, b.qos) as QoS,
    retainAsPublished: a.retainAsPublished || b.retainAsPublished,
    subscriptionIdentifiers: joined(a.subscriptionIdentifiers, b.subscriptionIdentifiers),
    ownMessages: mergeOwn(a, b),
    share: undefined,
  };
}

function joined(a: readonly number[] | undefined, b: readonly number[] | undefined): readonly number[] | undefined {
  return a && b ? [...a, ...b] : a ?? b;
}

/** What is left for the subscriber's own messages. */
function mergeOwn(a: Route, b: Route): Route["ownMessages"] {
  if (a.ownMessages === "same" && b.ownMessages === "same") return "same";
  const [own, other] = [ownRoute(a), ownRoute(b)];
  if (own && other) return mergeRoutes(own, other);
  return own ?? other ?? "none";
}

function ownRoute(route: Route): Route | undefined {
  if (route.ownMessages === "none") return undefined;
  return route.ownMessages === "same" ? route : route.ownMessages;
}
