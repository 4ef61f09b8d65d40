import type { DropReason, Message } from "../message.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Delivery } from "./delivery.ts";
import type { QueueLimits } from "./message_queue.ts";

/** A session's way to its client while that is connected. */
export interface OutboundLink {
  /** So many bytes wait for the socket that nothing more should be added. */
  readonly congested: boolean;
  /** QoS 1 and 2 messages that the client takes at once, 1 to 65,535 (MQTT 5.0 §4.9). */
  readonly receiveMaximum: number;
  /** Whether there can be a refusal for more than a message's age. @default false */
  readonly isSelective?: boolean;
  /** Why the client must not be given the message; `undefined`: it may. */
  refusal(delivery: Delivery): DropReason | undefined;
  /** Appends a PUBLISH; `packetIdentifier` is 0 at QoS 0. */
  sendPublish(delivery: Delivery, packetIdentifier: number, dup: boolean): void;
  /**
   * Asked in the middle of much that is to be sent. True: others have their turn first, and `resume` is called later.
   *
   * @param sent messages since it was asked last
   */
  pauses?(sent: number, resume: () => void): boolean;
  /** Appends a PUBREL. */
  sendPubrel(packetIdentifier: number): void;
}

/** What holds for a {@linkcode Sender} until its client comes another way. */
export interface SenderLimits {
  /** QoS 1 and 2 messages under way at once, 1 to 65,534. */
  readonly maximumInflight: number;
  readonly queue: QueueLimits;
  /** Whether QoS 0 messages wait for a client that is offline. */
  readonly queueQoS0: boolean;
}

/** Why a message of a shared subscription is to go to another member. */
export type ReturnReason = "detached" | "refused" | "ended";

/** What a {@linkcode Sender} needs to know. */
export interface SenderOptions extends SenderLimits {
  /** What new subscriptions bring. */
  readonly retained: RetainedMessages;
  /** The time, by the clock that messages expire by. */
  readonly now: () => number;
  /** Told of every message that is given up. */
  readonly onDrop: (message: Message, reason: DropReason) => void;
  /** Told how many messages are given up at once that are not looked at for it: most of them only the store has. */
  readonly onLost?: (count: number, reason: DropReason) => void;
  /** Told of every message that begins to wait for a client that is offline. */
  readonly onQueue: (message: Message) => void;
  /** Told when queued messages cannot be read from the store. */
  readonly onFault: (error: unknown) => void;
  /**
   * Asked to give a message of a shared subscription to another member, when the client has gone (`detached`), cannot be
   * given it (`refused`), or its session has ended (`ended`). False: nobody else takes it. `undefined`: nobody ever does.
   */
  readonly onReturn?: (delivery: Delivery, why: ReturnReason) => boolean;
  /**
   * Does work that can be broken off at each `yield`, by and by or at once, and in the order in which it is given.
   *
   * @param bytes what it holds in memory until it is done, and the session no longer counts
   * @default at once
   */
  readonly later?: (work: Iterator<void, void>, bytes: number) => void;
}

/** What a store has of the outbound half of a session. */
export interface RestoredSender {
  /** What waits, and its bytes. */
  readonly messages: number;
  readonly bytes: number;
  /** Messages under way, but for those that were released. */
  readonly underWay: number;
  /** The highest sequence that was given. */
  readonly lastSequence: number;
  /** Some of it may have come through a shared subscription. */
  readonly mayBeShared: boolean;
}
