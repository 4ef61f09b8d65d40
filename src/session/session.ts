import type { TopicFilter } from "../packet/topic.ts";
import type { Message } from "../message.ts";
import { Overlap } from "../topics/overlap.ts";
import type { Share } from "../topics/subscriber.ts";
import type { Availability, Route, Subscriber, Subscription } from "../topics/subscriber.ts";
import { type Delivery, NewDelivery } from "./delivery.ts";
import type { StoredHandOver } from "./stored_hand_over.ts";
import type { SessionLog } from "./session_log.ts";
import { Receiver } from "./receiver.ts";
import type { RetainedPosition } from "./retained_promise.ts";
import { deliveryQoS, type OutboundLink, type ReturnReason, Sender, type SenderOptions } from "./sender.ts";

/** The expiry interval of a session that never ends (MQTT 5.0 §3.1.2.11.2). */
const NEVER_SECONDS = 0xffff_ffff;

/** What one subscription takes, and each level of its filter, with its place in the tree of all; measured roughly. */
const SUBSCRIPTION_BYTES = 256;
const LEVEL_BYTES = 84;
/** What an identifier under way takes without its message. */
const IDENTIFIER_BYTES = 48;
/** What a session takes that has nothing, beside its texts. */
const SESSION_BYTES = 512;

/** What a session that has nothing takes in memory, roughly. */
export function sessionCostBytes(clientIdentifier: string, username: string | undefined): number {
  return SESSION_BYTES + 2 * (clientIdentifier.length + (username?.length ?? 0));
}

/** What a subscription takes in memory, roughly, by its topic filter as the client gave it. */
export function subscriptionCostBytes(key: TopicFilter): number {
  let levels = 1;
  for (let at = key.indexOf("/"); at >= 0; at = key.indexOf("/", at + 1)) levels++;
  return SUBSCRIPTION_BYTES + 2 * key.length + levels * LEVEL_BYTES;
}

const NO_SUBSCRIPTIONS: ReadonlyMap<TopicFilter, Subscription> = new Map();

/** What a session is opened with. */
export interface SessionOptions {
  readonly clientIdentifier: string;
  /** The user it belongs to; `undefined`: an anonymous client. */
  readonly username: string | undefined;
  /** Where its client first came from, see `networkOf`. @default no network address, or an earlier run */
  readonly network?: string;
  /** Seconds it outlives its connection; 0: it ends with it; 4,294,967,295: it never ends. */
  readonly expiryIntervalSeconds: number;
  readonly sender: Omit<SenderOptions, "onReturn">;
  /** As {@linkcode SenderOptions.onReturn}, for this session. */
  readonly onReturn: (session: Session, delivery: Delivery, why: ReturnReason) => boolean;
  /** What is told of everything that must outlive the process; `undefined`: nothing does. */
  readonly log?: SessionLog;
  /** QoS 2 packet identifiers from the client that a store has. */
  readonly unreleased?: readonly number[];
  /** When its client was lost, in milliseconds of the broker's clock; `undefined`: it is connected. */
  readonly disconnectedAtMs?: number;
  /** Subscriptions that a store has, by topic filter as the client gave it. */
  readonly subscriptions?: Iterable<readonly [TopicFilter, Subscription]>;
  /** What a store has of what those still have to bring of the retained messages. */
  readonly promises?: Iterable<readonly [TopicFilter, Subscription, RetainedPosition]>;
}

/** Says what is for a session of all that matches its subscriptions. */
export interface Admission {
  /** It also has something to say about messages without properties. */
  readonly concernsAll: boolean;
  /** What becomes of a message; `undefined`: it is not for this session. */
  admit(message: Message): Message | undefined;
}

/** What the broker remembers of a client (MQTT 3.1.1 §4.1, MQTT 5.0 §4.1). No I/O, no timers. */
export class Session implements Subscriber {
  readonly clientIdentifier: string;
  readonly username: string | undefined;
  /** Where its client first came from; `undefined`: no network address, or an earlier run. */
  readonly network: string | undefined;
  readonly sender: Sender;
  readonly receiver: Receiver;
  /** `undefined`: there have never been any. */
  #subscriptions: Map<TopicFilter, Subscription> | undefined;
  /** How many of its subscriptions one topic can match. */
  readonly overlap = new Overlap();
  /** That it is a member of; `undefined`: there never was one. */
  #groups: Set<Share> | undefined;
  readonly #log: SessionLog | undefined;
  #expiryIntervalSeconds: number;
  #disconnectedAtMs: number | undefined;
  #subscriptionBytes = 0;
  /** Whether it outlives the process. */
  readonly durable: boolean;
  /** It is over: {@linkcode Session.end} was called. */
  ended = false;
  /** Asked about what is offered. @default nobody: it stays as it is */
  admission: Admission | undefined = undefined;

  constructor(options: SessionOptions) {
    this.clientIdentifier = options.clientIdentifier;
    this.username = options.username;
    this.network = options.network;
    this.#expiryIntervalSeconds = options.expiryIntervalSeconds;
    this.#disconnectedAtMs = options.disconnectedAtMs;
    this.#log = options.log;
    if (options.subscriptions) this.#subscriptions = new Map(options.subscriptions);
    for (const key of this.subscriptions.keys()) this.#entered(key);
    const { onReturn } = options;
    this.sender = new Sender(options.sender, options.log, (delivery, why) => onReturn(this, delivery, why));
    this.receiver = new Receiver(options.log, options.unreleased);
    this.durable = options.log !== undefined;
    if (options.promises) this.sender.restorePromises(options.promises);
  }

  get connected(): boolean {
    return this.#disconnectedAtMs === undefined;
  }

  get expiryIntervalSeconds(): number {
    return this.#expiryIntervalSeconds;
  }

  /** What its subscriptions take in memory, roughly. */
  get subscriptionBytes(): number {
    return this.#subscriptionBytes;
  }

  /** What it holds in memory, roughly, beside {@linkcode Session.baseBytes}; 0: nothing. */
  get heldBytes(): number {
    const { sender, receiver } = this;
    return sender.memoryBytes + this.#subscriptionBytes + (sender.inflight + receiver.inflight) * IDENTIFIER_BYTES;
  }

  /** What it takes in memory for being there. */
  get baseBytes(): number {
    return sessionCostBytes(this.clientIdentifier, this.username);
  }

  /** By topic filter, as the client gave it: `$share/…` included. */
  get subscriptions(): ReadonlyMap<TopicFilter, Subscription> {
    return this.#subscriptions ?? NO_SUBSCRIPTIONS;
  }

  /**
   * Makes a subscription, or puts it in the place of its former self.
   *
   * @param key the topic filter as the client gave it
   * @param options whether it brings what is retained now: {@linkcode Sender.findRetained} has to look for it then. What
   * its former self still has to bring goes on otherwise
   */
  subscribe(key: TopicFilter, subscription: Subscription, { withRetained }: { readonly withRetained: boolean }): void {
    const subscriptions = this.#subscriptions ??= new Map();
    if (!subscriptions.has(key)) this.#entered(key);
    subscriptions.set(key, subscription);
    const promise = withRetained
      ? this.sender.makePromises()?.promise(key, subscription)
      : this.sender.promises?.change(key, subscription);
    this.#log?.subscribed(key, subscription, promise);
  }

  /** Returns what the client was subscribed to; `undefined`: nothing by this filter. */
  unsubscribe(key: TopicFilter): Subscription | undefined {
    const subscription = this.#subscriptions?.get(key);
    if (!subscription) return undefined;
    this.#subscriptions?.delete(key);
    this.overlap.remove(key);
    this.#subscriptionBytes -= subscriptionCostBytes(key);
    this.#log?.unsubscribed(key);
    this.sender.forgetRetained(key);
    return subscription;
  }

  /** A client has taken up the session, or has said how long it is to outlive the connection. */
  resume(expiryIntervalSeconds: number): void {
    this.#expiryIntervalSeconds = expiryIntervalSeconds;
    this.#disconnectedAtMs = undefined;
    this.sender.expect();
    this.#noteChange();
  }

  joined(group: Share): void {
    (this.#groups ??= new Set()).add(group);
  }

  left(group: Share): void {
    this.#groups?.delete(group);
  }

  get availability(): Availability {
    return this.ended ? "ended" : this.sender.availability;
  }

  /** A message matched the session's subscriptions. It is sent with RETAIN 0 unless asked otherwise (§3.3.1.3). */
  offer(message: Message, route: Route): boolean {
    const { admission } = this;
    // What is seldom asked about is asked elsewhere, so that the engine keeps the way of all others short.
    if (admission !== undefined && (admission.concernsAll || message.body.constantsSizeBytes > 0)) {
      return this.#offerAdmitted(admission, message, route);
    }
    return this.sender.offer(deliveryOf(message, route));
  }

  #offerAdmitted(admission: Admission, message: Message, route: Route): boolean {
    const admitted = admission.admit(message);
    return admitted === undefined || this.sender.offer(deliveryOf(admitted, route));
  }

  refuses(message: Message, route: Route): boolean {
    return this.sender.isSelective && this.sender.refuses(deliveryOf(message, route));
  }

  attach(link: OutboundLink): void {
    this.#disconnectedAtMs = undefined;
    this.receiver.attach();
    this.sender.attach(link);
    for (const group of this.#groups ?? []) group.returned(this);
  }

  detach(nowMs: number): void {
    this.#disconnectedAtMs = nowMs;
    this.#noteChange();
    this.sender.detach();
  }

  /**
   * The session is over: what it has goes.
   *
   * @returns what is left of it in the store for others; `undefined`: nothing is
   */
  end(): StoredHandOver | undefined {
    this.ended = true;
    const handOver = this.sender.end();
    if (!handOver) this.#log?.ended();
    // Whatever happens before others have got the rest: nobody comes back to this session.
    else this.#log?.changed({ expiryIntervalSeconds: 0, disconnectedAtMs: this.#disconnectedAtMs ?? 0 });
    return handOver;
  }

  /** When its time without a connection is over, by the broker's clock; `Infinity`: it is connected, or never ends. */
  get endsAtMs(): number {
    if (this.#disconnectedAtMs === undefined || this.#expiryIntervalSeconds === NEVER_SECONDS) return Infinity;
    return this.#disconnectedAtMs + this.#expiryIntervalSeconds * 1000;
  }

  /** Whether its time without a connection is over. */
  isExpired(nowMs: number): boolean {
    return nowMs >= this.endsAtMs;
  }

  #entered(key: TopicFilter): void {
    this.overlap.add(key);
    this.#subscriptionBytes += subscriptionCostBytes(key);
  }

  #noteChange(): void {
    const expiryIntervalSeconds = this.#expiryIntervalSeconds;
    this.#log?.changed({ expiryIntervalSeconds, disconnectedAtMs: this.#disconnectedAtMs });
  }
}

/** Those who get a message at QoS 0 and with nothing of their own share one delivery: it has no place among theirs. */
function deliveryOf(message: Message, route: Route): Delivery {
  const isPlain = message.qos === 0 && !message.retain && route.subscriptionIdentifiers === undefined &&
    route.share === undefined;
  if (isPlain) return (message.plainDelivery ??= new NewDelivery(message, 0, false, route)) as Delivery;
  const retain = route.retainAsPublished && message.retain;
  return new NewDelivery(message, deliveryQoS(message.qos, route.qos), retain, route);
}
