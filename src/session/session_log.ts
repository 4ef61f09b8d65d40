import type { TopicFilter } from "../packet/topic.ts";
import type { Subscription } from "../topics/subscriber.ts";
import type { Delivery, DeliveryNote } from "./delivery.ts";
import type { RestoredDelivery } from "./delivery.ts";
import type { RetainedPromise } from "./retained_promise.ts";

/** What a log takes down of a session itself. */
export interface SessionFacts {
  readonly expiryIntervalSeconds: number;
  /** In milliseconds of the broker's clock; `undefined`: its client is connected. */
  readonly disconnectedAtMs: number | undefined;
}

/**
 * Takes down what a session must not forget when the process ends. Each call is a note of what has just happened;
 * nothing is waited for.
 */
export interface SessionLog {
  /** The session has begun, or what is known of it has changed. */
  changed(facts: SessionFacts): void;
  /** It is over, and with it everything that was noted of it. */
  ended(): void;
  /**
   * @param key the topic filter as the client gave it
   * @param promise what it still has to bring of the retained messages; `undefined`: nothing
   */
  subscribed(key: TopicFilter, subscription: Subscription, promise: RetainedPromise | undefined): void;
  /** A promise has got further, as it says, or is over: all has had its turn. */
  retainedSent(promise: RetainedPromise, isOver: boolean): void;
  unsubscribed(key: TopicFilter): void;
  /** A QoS 1 or 2 message is the session's to deliver; its `sequence` is given. */
  queued(delivery: Delivery): void;
  /** It is under way with this packet identifier. */
  sent(delivery: Delivery, packetIdentifier: number): void;
  /** The client has it (QoS 2), and its packet identifier is still to be released. */
  released(delivery: DeliveryNote): void;
  /** It is in memory no longer, though the store keeps it, or its session is over. */
  forgotten(delivery: DeliveryNote): void;
  /** It is over, one way or the other. */
  settled(delivery: DeliveryNote): void;
  /** A QoS 2 packet identifier of the client's is taken, or free again. */
  accepted(packetIdentifier: number): void;
  freed(packetIdentifier: number): void;
  /**
   * Reads queued deliveries again that were let out of memory, by ascending sequence: at least one, if there is any.
   * Everything noted before is seen. Rejects if the store fails.
   */
  load(afterSequence: number): Promise<readonly Delivery[]>;
  /**
   * Reads what is under way again, by ascending sequence, as it was when something of it was last let out of memory, or
   * when the process began. Rejects if the store fails.
   */
  loadInflight(): Promise<readonly RestoredDelivery[]>;
}
