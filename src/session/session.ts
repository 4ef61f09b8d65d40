import type { TopicFilter } from "../packet/topic.ts";
import type { Message } from "../message.ts";
import type { Route, Subscriber, Subscription } from "../topics/subscriptions.ts";
import { Receiver } from "./receiver.ts";
import { deliveryQoS, type OutboundLink, Sender, type SenderOptions } from "./sender.ts";

/** What a session is opened with. */
export interface SessionOptions {
  readonly clientIdentifier: string;
  /** The user it belongs to; `undefined`: an anonymous client. */
  readonly username: string | undefined;
  /** Seconds it outlives its connection; 0: it ends with it. */
  readonly expiryIntervalSeconds: number;
  readonly sender: SenderOptions;
}

/** What the broker remembers of a client (MQTT 3.1.1 §4.1, MQTT 5.0 §4.1). No I/O, no timers. */
export class Session implements Subscriber {
  readonly clientIdentifier: string;
  readonly username: string | undefined;
  readonly sender: Sender;
  readonly receiver = new Receiver();
  /** By topic filter, as the client gave it. */
  readonly subscriptions = new Map<TopicFilter, Subscription>();
  expiryIntervalSeconds: number;
  /** When the connection was lost, in milliseconds of the broker's clock; `undefined`: it is connected. */
  disconnectedAtMs: number | undefined;

  constructor(options: SessionOptions) {
    this.clientIdentifier = options.clientIdentifier;
    this.username = options.username;
    this.expiryIntervalSeconds = options.expiryIntervalSeconds;
    this.sender = new Sender(options.sender);
  }

  get connected(): boolean {
    return this.disconnectedAtMs === undefined;
  }

  /** A message matched the session's subscriptions. It is sent with RETAIN 0 unless asked otherwise (§3.3.1.3). */
  offer(message: Message, route: Route): void {
    this.sender.offer({
      message,
      qos: deliveryQoS(message.qos, route.qos),
      retain: route.retainAsPublished && message.retain,
      subscriptionIdentifiers: route.subscriptionIdentifiers,
    });
  }

  /** Retained messages matched a new subscription ([MQTT-3.3.1-6], [MQTT-3.3.1-8] 3.1.1). */
  offerRetained(messages: readonly Message[], subscription: Subscription): void {
    const subscriptionIdentifiers = subscription.identifier === undefined ? undefined : [subscription.identifier];
    this.sender.offerRetained(messages.map((message) => {
      const qos = deliveryQoS(message.qos, subscription.qos);
      return { message, qos, retain: true, subscriptionIdentifiers };
    }));
  }

  attach(link: OutboundLink): void {
    this.disconnectedAtMs = undefined;
    this.sender.attach(link);
  }

  detach(nowMs: number): void {
    this.disconnectedAtMs = nowMs;
    this.sender.detach();
  }

  /** Whether its time without a connection is over. */
  isExpired(nowMs: number): boolean {
    return this.disconnectedAtMs !== undefined && nowMs - this.disconnectedAtMs >= this.expiryIntervalSeconds * 1000;
  }
}
