/** The changes that a store is told. All times are those of {@linkcode StoredClock.at}. */
import type { StoredClock, StoredMessage, StoredPosition, StoredSubscription, StoredWill } from "./stored.ts";

/** What every change of a session says. */
export interface SessionPart {
  /** Number of the session, as in {@linkcode StoredSession}. */
  readonly session: number;
}

/** A session begins, or what is known of it changes; its subscriptions and messages stay. */
export interface SessionChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "session";
  /** Whose session it is. */
  readonly clientIdentifier: string;
  /** The user it belongs to; `undefined`: an anonymous client. */
  readonly username?: string;
  /** Seconds it outlives its connection; 4,294,967,295: it never ends. */
  readonly expiryIntervalSeconds: number;
  /** When its client was lost; `undefined`: it is connected. */
  readonly disconnectedAt?: number;
}

/** A session ends: its subscriptions, deliveries and unreleased packet identifiers go. */
export interface SessionEndChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "session-end";
}

/** A subscription is made, or takes the place of its former self. */
export interface SubscribeChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "subscribe";
  /** What is subscribed to. */
  readonly subscription: StoredSubscription;
  /** What it still has to bring of the retained messages; `undefined`: nothing. */
  readonly retained?: StoredPosition;
}

/** A subscription has brought some more of the retained messages. There may be none by this filter any longer. */
export interface RetainedSentChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "retained-sent";
  /** As the client gave it. */
  readonly topicFilter: string;
  /** What it still has to bring; `undefined`: nothing. */
  readonly retained?: StoredPosition;
}

/** A subscription ends. */
export interface UnsubscribeChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "unsubscribe";
  /** As the client gave it: `$share/…` included. */
  readonly topicFilter: string;
}

/**
 * A message is there to be referred to by the deliveries and retained messages of this batch and later ones. It can go
 * when nothing refers to it any longer.
 */
export interface NewMessageChange {
  /** Tells this change from others. */
  readonly type: "message";
  /** What is to be kept. */
  readonly message: StoredMessage;
}

/** A delivery is there. */
export interface DeliveryChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "delivery";
  /** Order within the session, 1 to 2^53 - 1. */
  readonly sequence: number;
  /** Of a message of this batch, or of one that something else refers to. */
  readonly messageId: number;
  /** What it counts in {@linkcode StoredSession.queuedBytes}. */
  readonly sizeBytes: number;
  /** The quality of service it is delivered with, 1 or 2. */
  readonly qos: 1 | 2;
  /** The RETAIN flag it is sent with. */
  readonly retain: boolean;
  /** `undefined`: none. */
  readonly subscriptionIdentifiers?: readonly number[];
  /** The shared subscription it came through, as `$share/{ShareName}/{filter}`; `undefined`: none. */
  readonly share?: string;
  /** How far it has come. */
  readonly state: "queued" | "sent";
  /** 1 to 65,535; 0 while it is queued. */
  readonly packetIdentifier: number;
}

/** A queued delivery at QoS 2 is sent. */
export interface SentChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "sent";
  /** Which delivery. */
  readonly sequence: number;
  /** What it is sent with, 1 to 65,535. */
  readonly packetIdentifier: number;
}

/** The client has a delivery at QoS 2, whose message is needed no longer for it. */
export interface ReleasedChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "released";
  /** Which delivery. */
  readonly sequence: number;
}

/** A delivery is over. */
export interface SettledChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "settled";
  /** Which delivery. */
  readonly sequence: number;
}

/** A QoS 2 packet identifier from the client is to be remembered. */
export interface AcceptChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "accept";
  /** 1 to 65,535. */
  readonly packetIdentifier: number;
}

/** A QoS 2 packet identifier from the client is released. */
export interface ReleaseChange extends SessionPart {
  /** Tells this change from others. */
  readonly type: "release";
  /** 1 to 65,535. */
  readonly packetIdentifier: number;
}

/** A topic's retained message is set, in place of a former one. */
export interface RetainChange {
  /** Tells this change from others. */
  readonly type: "retain";
  /** Whose retained message it is. */
  readonly topicName: string;
  /** Of a message of this batch, or of one that something else refers to. */
  readonly messageId: number;
  /** Order of the retained messages, 1 to 2^53 - 1; no two have the same. */
  readonly serial: number;
}

/** A topic has no retained message any longer. */
export interface ClearChange {
  /** Tells this change from others. */
  readonly type: "clear";
  /** Whose retained message it was. */
  readonly topicName: string;
}

/** A client leaves a will, in place of a former one. */
export interface WillChange extends StoredWill {
  /** Tells this change from others. */
  readonly type: "will";
}

/** A client's will is spent. */
export interface WillEndChange {
  /** Tells this change from others. */
  readonly type: "will-end";
  /** Whose will it was. */
  readonly clientIdentifier: string;
}

/** What the system's clock shows now, in place of what was told before. */
export interface ClockChange extends StoredClock {
  /** Tells this change from others. */
  readonly type: "clock";
}

/**
 * One change of what is stored. In a batch, changes are applied in their order.
 *
 * @category Stores
 */
export type Change =
  | SessionChange
  | SessionEndChange
  | SubscribeChange
  | RetainedSentChange
  | UnsubscribeChange
  | NewMessageChange
  | DeliveryChange
  | SentChange
  | ReleasedChange
  | SettledChange
  | AcceptChange
  | ReleaseChange
  | RetainChange
  | ClearChange
  | WillChange
  | WillEndChange
  | ClockChange;
