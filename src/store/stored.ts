/** What a store keeps, in the form in which it gives it back. All times are those of {@linkcode StoredClock.at}. */
import type { MessageProperties, QoS, Will } from "../packet/packets.ts";

/**
 * An application message as it is kept. Several deliveries and a retained message may share one.
 *
 * @category Stores
 */
export interface StoredMessage {
  /** 1 to 2^53 - 1; never given twice. */
  readonly id: number;
  /** Where it was published. */
  readonly topicName: string;
  /** The message itself; may be empty. */
  readonly payload: Uint8Array;
  /** As published. */
  readonly qos: QoS;
  /** As published. */
  readonly retain: boolean;
  /** 5.0 only; `undefined`: none. */
  readonly properties?: MessageProperties;
  /** Client identifier of the publisher; `undefined`: not a client. */
  readonly publisher?: string;
  /** When it becomes worthless; `undefined`: never. */
  readonly expiresAt?: number;
}

/** How far a delivery has come: it waits, it was sent at QoS 2, or the client has it and its identifier is to be released. */
export type DeliveryState = "queued" | "sent" | "released";

/**
 * A message on its way to one session.
 *
 * @category Stores
 */
export interface StoredDelivery {
  /** Order within the session, 1 to 2^53 - 1. */
  readonly sequence: number;
  /** What is delivered. For one that is `released` it need not be there any longer. */
  readonly message: StoredMessage | undefined;
  /** The quality of service it is delivered with, 1 or 2. */
  readonly qos: 1 | 2;
  /** The RETAIN flag it is sent with. */
  readonly retain: boolean;
  /** `undefined`: none. */
  readonly subscriptionIdentifiers?: readonly number[];
  /** The shared subscription it came through, as `$share/{ShareName}/{filter}`; `undefined`: none. */
  readonly share?: string;
  /** How far it has come. */
  readonly state: DeliveryState;
  /** 1 to 65,535; 0 while it is queued. */
  readonly packetIdentifier: number;
}

/** How far a subscription has got with the messages that were retained when it was made. */
export interface StoredPosition {
  /** Those with serials up to this one have had their turn. */
  readonly after: number;
  /** It brings those with serials up to this one. */
  readonly upTo: number;
}

/** A retained message. */
export interface StoredRetained {
  /** Order of the retained messages, 1 to 2^53 - 1. */
  readonly serial: number;
  /** What is retained. */
  readonly message: StoredMessage;
}

/** A subscription of a session. */
export interface StoredSubscription {
  /** As the client gave it: `$share/…` included. */
  readonly topicFilter: string;
  /** Highest QoS at which messages are delivered. */
  readonly qos: QoS;
  /** Whether the client's own messages are kept from it. */
  readonly noLocal: boolean;
  /** Whether messages keep the RETAIN flag they were published with. */
  readonly retainAsPublished: boolean;
  /** `undefined`: none. */
  readonly identifier?: number;
}

/** A subscription with what it still has to bring. */
export interface RestoredSubscription extends StoredSubscription {
  /** Of the retained messages; `undefined`: nothing. */
  readonly retained?: StoredPosition;
}

/**
 * What is known of a session without its messages.
 *
 * @category Stores
 */
export interface StoredSession {
  /** Number of the session, 1 to 2^53 - 1; never given twice, so that a new session of the same client is another one. */
  readonly session: number;
  /** Whose session it is. */
  readonly clientIdentifier: string;
  /** The user it belongs to; `undefined`: an anonymous client. */
  readonly username?: string;
  /** Seconds it outlives its connection; 4,294,967,295: it never ends. */
  readonly expiryIntervalSeconds: number;
  /** When its client was lost; `undefined`: it was connected when the process ended. */
  readonly disconnectedAt?: number;
  /** Its subscriptions. */
  readonly subscriptions: readonly RestoredSubscription[];
  /** QoS 2 packet identifiers from the client that were not released yet. */
  readonly unreleased: readonly number[];
  /** Deliveries that are `queued`. */
  readonly queued: number;
  /** Size of those, in bytes as the changes told them. */
  readonly queuedBytes: number;
  /** Deliveries that are `sent`. */
  readonly underWay: number;
  /** Deliveries that are `queued` or `sent` and came through a shared subscription. */
  readonly shared: number;
  /** Highest sequence of a delivery of any state; 0: none. */
  readonly lastSequence: number;
}

/** A will that is to be published unless its client says goodbye. */
export interface StoredWill {
  /** Who leaves it. */
  readonly clientIdentifier: string;
  /** The user it is published as; `undefined`: an anonymous client. */
  readonly username?: string;
  /** What is published, and after which delay. */
  readonly will: Will;
  /** When it is due; `undefined`: its client was connected when the process ended. */
  readonly dueAt?: number;
}

/**
 * One moment by the broker's own time and by the system's clock. A store's times do not follow the system's clock when
 * that is set: it is enough to tell the store anew how the two stand to each other, however much it holds.
 */
export interface StoredClock {
  /**
   * Milliseconds that began as those since the Unix epoch when the store was new, and have gone on evenly since then: like
   * a stopwatch while a broker runs, and by the system's clock between two runs.
   */
  readonly at: number;
  /** What the system's clock showed then, in milliseconds since the Unix epoch. */
  readonly epoch: number;
}

/**
 * What a store holds when it is opened, but for the messages of the sessions.
 *
 * @category Stores
 */
export interface StoredState {
  /** All sessions. */
  readonly sessions: AsyncIterable<StoredSession>;
  /** All retained messages, by ascending serial. */
  readonly retained: AsyncIterable<StoredRetained>;
  /** All wills. */
  readonly wills: AsyncIterable<StoredWill>;
  /** As it was told last; `undefined`: never, and all times are milliseconds since the Unix epoch. */
  readonly clock?: StoredClock;
  /** Highest message id that was ever stored, so that none is given twice; 0: none. */
  readonly lastMessageId: number;
  /** Highest session number that was ever stored, so that none is given twice; 0: none. */
  readonly lastSession: number;
}
