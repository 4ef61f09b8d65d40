import { type DropReason, Message } from "../message.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { Trail } from "../receipt.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Share } from "../topics/subscriber.ts";
import { MOST_AT_ONCE, type Subscriptions } from "../topics/subscriptions.ts";
import type { Matched, Route, Subscriber } from "../topics/subscriber.ts";
import type { WorkBudget } from "../work_budget.ts";
import { type Routed, type RoutingCallbacks, RoutingTurns } from "./routing_turns.ts";

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

/** The way of those messages that all nodes of a cluster must see in one order. */
export interface LoggedWay {
  /** Whether it is one of them. */
  goesByLog(message: Message): boolean;
  /** Why that cannot be; `undefined`: it can, or goes another way. */
  refusalOf(message: Message): string | undefined;
  /** Puts it into the log, from where it comes back to be routed; its receipt says when. */
  append(message: Message): void;
}

/** How often a message is handed on within one offer. */
const MAXIMUM_HAND_OVERS = 8;

const NO_CALLBACKS: RoutingCallbacks = {};

/** What a {@linkcode Router} shares the event loop's time by. */
export interface RouterTurns {
  readonly work: WorkBudget;
  /** Holds back the batch of the write queue that is being gathered, until what is returned is called. @default nothing */
  holdStore?(): (() => void) | undefined;
  /** Resolves when that may be done again; `undefined`: now. */
  storeIsReady?(): Promise<void> | undefined;
}

/**
 * The one way of a message to its subscribers: retain, match, offer. In one piece, so that order holds; what is too much
 * for that is routed in several by {@linkcode RoutingTurns}.
 */
export class Router {
  readonly #subscriptions: Subscriptions;
  readonly #retained: RetainedMessages;
  readonly #observer: RouterObserver;
  readonly #work: Pick<WorkBudget, "steps">;
  readonly #holdStore: RouterTurns["holdStore"];
  /** `undefined`: everything is routed in one piece. */
  readonly #turns: RoutingTurns | undefined;
  readonly #mostAtOnce: number;
  /** Those under way: one within the other. */
  #handOvers = 0;
  /** The other nodes of a cluster; `undefined`: there are none. */
  nodes: LoggedWay | undefined = undefined;

  /** @param turns how the time is shared. @default everything is done in one piece */
  constructor(
    subscriptions: Subscriptions,
    retained: RetainedMessages,
    observer: RouterObserver,
    turns?: RouterTurns,
  ) {
    this.#subscriptions = subscriptions;
    this.#retained = retained;
    this.#observer = observer;
    this.#work = turns?.work ?? { steps: 0 };
    this.#turns = turns && new RoutingTurns(turns.work, () => turns.storeIsReady?.());
    this.#holdStore = turns?.holdStore?.bind(turns);
    this.#mostAtOnce = turns ? MOST_AT_ONCE : Infinity;
  }

  /** What messages take in memory that are under way to many subscribers, or wait behind such. */
  get heldBytes(): number {
    return this.#turns?.heldBytes ?? 0;
  }

  /** Resolves when nothing is under way any longer. */
  async idle(): Promise<void> {
    await this.#turns?.idle();
  }

  /**
   * Hands a message to every subscriber, once to each (MQTT 3.1.1 §3.3.5, MQTT 5.0 §3.3.4), and to one member of each
   * group with a Shared Subscription (MQTT 5.0 §4.8.2).
   *
   * @returns how many subscribers it matched, a group counted as one; `full` if it matched some and none took it. A
   * promise only if it is routed in several pieces, or behind one that is
   */
  publish(message: Message, callbacks: RoutingCallbacks = NO_CALLBACKS): Routed | Promise<Routed | "abandoned"> {
    const { nodes } = this;
    if (nodes !== undefined && nodes.goesByLog(message)) return this.#append(message, callbacks);
    const turns = this.#turns;
    if (turns !== undefined && turns.mustWait(message)) return this.#routeLater(turns, message, callbacks);
    const matched = this.#matchShort(message);
    if (matched === undefined) return this.#routeInPieces(message, callbacks);
    if (message.retain) this.retain(message);
    return this.#offerToAll(message, matched, callbacks);
  }

  /** Not in {@linkcode Router.publish}: what a closure there holds on to would be made anew for each message. */
  #routeLater(turns: RoutingTurns, message: Message, callbacks: RoutingCallbacks): Promise<Routed | "abandoned"> {
    return turns.route(message, callbacks, () => this.#whenItsTurn(message, callbacks));
  }

  #routeInPieces(message: Message, callbacks: RoutingCallbacks): Promise<Routed | "abandoned"> {
    return this.#turns!.route(message, callbacks, () => this.#inPieces(message, callbacks));
  }

  /**
   * Gives a message that came from another node to members of one group here.
   *
   * @returns false if none of them can take it
   */
  publishToGroup(message: Message, topicFilter: TopicFilter, shareName: string): boolean {
    // Not to one that would drop it: the node that it came from may know others.
    const route = this.#subscriptions.shareGroup(topicFilter, shareName)?.choose(message, undefined, this.#work);
    if (!route) return false;
    route.subscriber.offer(message, route);
    this.#observer.messageRouted?.(message, 1);
    return true;
  }

  /** All nodes route it when it comes by in the log, this one as well. */
  #append(message: Message, callbacks: RoutingCallbacks): Routed {
    const { routes, shares } = this.#subscriptions.match(message.topicName);
    this.nodes!.append(message);
    const subscribers = routes.length + shares.length;
    if (message.trail !== undefined) tellReceipt(message.trail, callbacks);
    callbacks.onRouted?.(subscribers);
    return subscribers;
  }

  /** `undefined`: it is too much for one piece. */
  #matchShort({ topicName }: Message): Matched | undefined {
    const matched = this.#subscriptions.matchAtOnce(topicName, this.#mostAtOnce);
    if (matched === undefined) return undefined;
    return matched.routes.length + matched.shares.length <= this.#mostAtOnce ? matched : undefined;
  }

  *#whenItsTurn(message: Message, callbacks: RoutingCallbacks): Generator<void, Routed> {
    const matched = this.#matchShort(message);
    if (!matched) return yield* this.#inPieces(message, callbacks);
    if (message.retain) this.retain(message);
    return this.#offerToAll(message, matched, callbacks);
  }

  #offerToAll(message: Message, { routes, shares }: Matched, callbacks: RoutingCallbacks): Routed {
    this.#work.steps += routes.length + shares.length;
    let subscribers = 0;
    let taken = 0;
    // By index: the engine inlines only so much into one function, and an iterator's protocol takes a third of this one.
    for (let i = 0; i < routes.length; i++) {
      const chosen = forPublisher(routes[i]!, message.publisher);
      if (chosen === undefined || chosen.subscriber.ended || isElsewhere(chosen, message)) continue;
      subscribers++;
      if (chosen.subscriber.offer(message, chosen)) taken++;
    }
    for (let i = isChosenElsewhere(message) ? shares.length : 0; i < shares.length; i++) {
      const route = this.#choose(message, shares[i]!);
      if (route === undefined) continue;
      subscribers++;
      if (route.subscriber.offer(message, route)) taken++;
    }
    return this.#routed(message, subscribers, taken, callbacks);
  }

  /** As {@linkcode Router.#offerToAll}; what changes meanwhile is told at {@linkcode LongMatch}. */
  *#inPieces(message: Message, callbacks: RoutingCallbacks): Generator<void, Routed> {
    // A crash between two batches would make a duplicate of what must come once.
    const release = message.qos === 2 ? this.#holdStore?.() : undefined;
    try {
      callbacks.onBegun?.();
      if (message.retain) this.retain(message);
      const match = this.#subscriptions.matchInPieces(message.topicName);
      let subscribers = 0;
      let taken = 0;
      for (const route of match.routes()) {
        const chosen = route && forPublisher(route, message.publisher);
        if (chosen && !chosen.subscriber.ended && !isElsewhere(chosen, message)) {
          subscribers++;
          if (chosen.subscriber.offer(message, chosen)) taken++;
        }
        yield;
      }
      for (const share of match.shares()) {
        const route = share && !isChosenElsewhere(message) && this.#choose(message, share);
        if (route) {
          subscribers++;
          if (route.subscriber.offer(message, route)) taken++;
        }
        yield;
      }
      return this.#routed(message, subscribers, taken, callbacks);
    } finally {
      release?.();
    }
  }

  #choose(message: Message, share: Share): Route | undefined {
    // Where nobody can take it, it is dropped in the name of who is next.
    const chosen = share.choose(message, undefined, this.#work) ?? share.next();
    return chosen && isElsewhere(chosen, message) && message.trail?.isOwn !== true ? undefined : chosen;
  }

  #routed(message: Message, subscribers: number, taken: number, callbacks: RoutingCallbacks): Routed {
    this.#observer.messageRouted?.(message, subscribers);
    const outcome = taken === 0 && subscribers > 0 ? "full" : subscribers;
    if (message.trail !== undefined) tellReceipt(message.trail, callbacks);
    if (callbacks.onRouted !== undefined) callbacks.onRouted(outcome);
    return outcome;
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
    let given = message;
    let route = share.choose(message, from, this.#work);
    // Nobody is left here who could take what came from another node: this one chooses anew. At QoS 0 nobody would say
    // that it cannot take it either, and it would go to and fro.
    if (!route && message.qos > 0 && isChosenElsewhere(message)) {
      const { topicName, body, qos, retain, publisher, expiresAtMs } = message.keep();
      given = new Message(topicName, body, qos, retain, publisher, expiresAtMs);
      route = share.choose(given, from, this.#work);
    }
    if (!route) return false;
    this.#handOvers++;
    try {
      route.subscriber.offer(given, route);
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

function tellReceipt({ receipt }: Trail, callbacks: RoutingCallbacks): void {
  if (receipt !== undefined) callbacks.onReceipt?.(receipt);
}

/** What came from another node does not go to a third one. */
function isElsewhere({ subscriber }: Route, { trail }: Message): boolean {
  return trail !== undefined && trail.fromNode !== undefined && subscriber.isNode === true;
}

/** The node that a message came from has chosen among the members of each group, those here included. */
function isChosenElsewhere({ trail }: Message): boolean {
  return trail !== undefined && trail.fromNode !== undefined && trail.isOwn !== true;
}

/** The route as it is for messages of this publisher; `undefined`: No Local keeps them from the subscriber. */
function forPublisher(route: Route, publisher: string | undefined): Route | undefined {
  const { ownMessages } = route;
  if (ownMessages === "same" || publisher === undefined || route.subscriber.clientIdentifier !== publisher) {
    return route;
  }
  return ownMessages === "none" ? undefined : ownMessages;
}
