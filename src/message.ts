import type { MessageProperties, QoS } from "./packet/packets.ts";
import type { TopicName } from "./packet/topic.ts";

/** An application message (MQTT 5.0 §1.2) as programs and plugins see it: no packet identifier, no DUP. */
export interface ApplicationMessage {
  /** Where it is published. */
  readonly topicName: TopicName;
  /** The message itself; may be empty. */
  readonly payload: Uint8Array;
  /** The quality of service it was published with. */
  readonly qos: QoS;
  /** As published: whether it was to be retained. */
  readonly retain: boolean;
  /** 5.0 only; `undefined`: none. */
  readonly properties?: MessageProperties;
  /** Client identifier of the publisher; `undefined` for messages of the broker, a plugin or the host program. */
  readonly publisher?: string;
}

/** Why a message did not reach a subscriber. */
export type DropReason =
  | "queue-limit"
  | "max-outbound-bytes"
  | "max-retained"
  | "offline-qos0"
  | "receive-denied"
  | "maximum-packet-size"
  | "message-expired"
  | "session-ended";

/** What {@linkcode Message} is made of. */
export interface MessageParts {
  readonly topicName: TopicName;
  readonly payload: Uint8Array;
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly properties?: MessageProperties;
  readonly publisher?: string;
  /** The payload is a view into a read buffer that will be used again. @default false */
  readonly borrowed?: boolean;
}

/**
 * The application message on its way through the broker.
 *
 * Its payload may be borrowed from the publisher's read buffer, which spares a copy for messages that are only passed
 * on. Whatever keeps a message beyond the current turn calls {@linkcode Message.keep} first.
 */
export class Message implements ApplicationMessage {
  readonly topicName: TopicName;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: MessageProperties | undefined;
  readonly publisher: string | undefined;
  #payload: Uint8Array;
  #borrowed: boolean;
  #snapshot: ApplicationMessage | undefined;

  constructor(parts: MessageParts) {
    this.topicName = parts.topicName;
    this.#payload = parts.payload;
    this.qos = parts.qos ?? 0;
    this.retain = parts.retain ?? false;
    this.properties = parts.properties;
    this.publisher = parts.publisher;
    this.#borrowed = parts.borrowed ?? false;
  }

  get payload(): Uint8Array {
    return this.#payload;
  }

  /** What it costs to keep this message, in bytes: payload, topic name and a flat sum for the objects around them. */
  get sizeBytes(): number {
    return this.#payload.length + this.topicName.length + MESSAGE_OVERHEAD_BYTES;
  }

  /** What plugins and programs get: a plain frozen object that lasts. */
  snapshot(): ApplicationMessage {
    if (!this.#snapshot) {
      const { topicName, payload, qos, retain, properties, publisher } = this.keep();
      this.#snapshot = Object.freeze({ topicName, payload, qos, retain, properties, publisher });
    }
    return this.#snapshot;
  }

  /** Makes the payload independent of the read buffer. Cheap when it is already. */
  keep(): this {
    if (this.#borrowed) {
      this.#payload = this.#payload.slice();
      this.#borrowed = false;
    }
    return this;
  }
}

/** What the objects that hold one message take beside payload and topic name; measured roughly, used for limits only. */
const MESSAGE_OVERHEAD_BYTES = 128;
