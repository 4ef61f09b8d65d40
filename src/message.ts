import type { MessageProperties, QoS } from "./packet/packets.ts";
import { PublishBody } from "./packet/publish_body.ts";
import type { TopicName } from "./packet/topic.ts";
import type { Trail } from "./receipt.ts";

/**
 * An application message (MQTT 5.0 §1.2) as programs and plugins see it: no packet identifier, no DUP.
 *
 * @category Messages
 */
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

/**
 * What a message is published with: text, which is sent as UTF-8, or bytes, which are copied.
 *
 * @category Messages
 */
export type Payload = string | ArrayBuffer | ArrayBufferView;

/**
 * Why a message did not reach a subscriber.
 *
 * @category Messages
 */
export type DropReason =
  | "queue-limit"
  | "max-total-bytes"
  | "max-outbound-bytes"
  | "max-retained"
  | "offline-qos0"
  | "receive-denied"
  | "maximum-packet-size"
  | "message-expired"
  | "refused-by-client"
  | "session-ended"
  | "cluster-link";

/** What {@linkcode Message} is made of. */
export interface MessageParts {
  readonly topicName: TopicName;
  /** The payload in memory that stays as it is, or the PUBLISH that it came in, with its properties. */
  readonly payload: Uint8Array | PublishBody;
  readonly qos?: QoS;
  readonly retain?: boolean;
  /** Those that come with a payload alone. */
  readonly properties?: MessageProperties;
  readonly publisher?: string;
  /** When it becomes worthless, see {@linkcode expiryTime}; `undefined`: never. */
  readonly expiresAtMs?: number;
}

/**
 * The application message on its way through the broker.
 *
 * Its body may be borrowed from the publisher's read buffer. Whatever keeps a message beyond the current turn calls
 * {@linkcode Message.keep} or {@linkcode Message.keepBriefly} first.
 */
export class Message implements ApplicationMessage {
  readonly topicName: TopicName;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly publisher: string | undefined;
  /** In milliseconds of the broker's clock; `undefined`: never; {@linkcode FOR_NOW}: when it has been routed. */
  readonly expiresAtMs: number | undefined;
  /** What it costs to keep this message, in bytes: payload, texts, properties and a flat sum for the objects around them. */
  readonly sizeBytes: number;
  /** Its number in the store; 0: it is not there. The journal's own, as is the next. */
  storedId = 0;
  /** How many deliveries and retained messages refer to it in the store. */
  storedReferences = 0;
  /** Its place among the retained messages, in their order; 0: it is not what its topic retains. */
  retainedSerial = 0;
  /** Its way between the nodes of a cluster; `undefined`: there is none, or not yet. */
  trail: Trail | undefined = undefined;
  /** How it goes at QoS 0 to all who get it as it is. The sessions' own. */
  plainDelivery: unknown = undefined;
  /** Payload and properties, and the PUBLISH around them as long as that can be passed on as it is. */
  readonly body: PublishBody;
  #snapshot: ApplicationMessage | undefined;

  /** The parts one by one: an object around them would be made for each PUBLISH. */
  constructor(
    topicName: TopicName,
    body: PublishBody,
    qos: QoS,
    retain: boolean,
    publisher?: string,
    expiresAtMs?: number,
  ) {
    this.topicName = topicName;
    this.body = body;
    this.qos = qos;
    this.retain = retain;
    this.publisher = publisher;
    this.expiresAtMs = expiresAtMs;
    this.sizeBytes = MESSAGE_OVERHEAD_BYTES + body.payloadLength + topicName.length + body.propertiesSizeBytes;
  }

  /** @throws {RangeError} if a property is longer than the format can tell */
  static of(parts: MessageParts): Message {
    const body = parts.payload instanceof PublishBody ? parts.payload : PublishBody.of(parts.payload, parts.properties);
    return new Message(
      parts.topicName,
      body,
      parts.qos ?? 0,
      parts.retain ?? false,
      parts.publisher,
      parts.expiresAtMs,
    );
  }

  get payload(): Uint8Array {
    return this.body.payload;
  }

  /** 5.0 only; `undefined`: none. */
  get properties(): MessageProperties | undefined {
    return this.body.properties;
  }

  /**
   * It came with message expiry interval 0: it is for who is connected and can take it at once, and is neither queued nor
   * retained.
   */
  get isForNow(): boolean {
    return this.expiresAtMs === FOR_NOW;
  }

  /** Whether its time is over (MQTT 5.0 §3.3.2.3.3); that of a message that {@linkcode Message.isForNow} always is. */
  isExpired(nowMs: number): boolean {
    return this.expiresAtMs !== undefined && nowMs > this.expiresAtMs;
  }

  /** What plugins and programs get: a frozen object that lasts, whose properties are read when they are asked for. */
  snapshot(): ApplicationMessage {
    if (!this.#snapshot) {
      const { topicName, payload, qos, retain, publisher, body } = this.keep();
      this.#snapshot = Object.freeze({
        topicName,
        payload,
        qos,
        retain,
        get properties() {
          return body.properties;
        },
        publisher,
      });
    }
    return this.#snapshot;
  }

  /** Makes it independent of the read buffer, for a while: see {@linkcode PublishBody.keepBriefly}. */
  keepBriefly(): this {
    this.body.keepBriefly();
    return this;
  }

  /** See {@linkcode PublishBody.repack}. */
  repack(): void {
    this.body.repack();
  }

  /** Gives the payload memory of its own, for a message that may last. Cheap when it has that already. */
  keep(): this {
    this.body.keep();
    return this;
  }
}

/** When a message with message expiry interval 0 becomes worthless: no clock is so slow that it could wait. */
export const FOR_NOW = -Infinity;

/** When a message that arrives now with this message expiry interval becomes worthless; `undefined`: never. */
export function expiryTime(intervalSeconds: number | undefined, nowMs: number): number | undefined {
  if (intervalSeconds === undefined) return undefined;
  return intervalSeconds === 0 ? FOR_NOW : nowMs + intervalSeconds * 1000;
}

/** What the objects that hold one message take beside payload and topic name; measured roughly, used for limits only. */
const MESSAGE_OVERHEAD_BYTES = 128;
