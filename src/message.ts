import { PreparedMessage } from "./packet/encode.ts";
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
  | "max-total-bytes"
  | "max-outbound-bytes"
  | "max-retained"
  | "offline-qos0"
  | "receive-denied"
  | "maximum-packet-size"
  | "message-expired"
  | "refused-by-client"
  | "session-ended";

/** What {@linkcode Message} is made of. */
export interface MessageParts {
  readonly topicName: TopicName;
  readonly payload: Uint8Array;
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly properties?: MessageProperties;
  readonly publisher?: string;
  /** When it becomes worthless, see {@linkcode expiryTime}; `undefined`: never. */
  readonly expiresAtMs?: number;
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
  /** In milliseconds of the broker's clock; `undefined`: never. */
  readonly expiresAtMs: number | undefined;
  /** What it costs to keep this message, in bytes: payload, texts, properties and a flat sum for the objects around them. */
  readonly sizeBytes: number;
  /** Its number in the store; 0: it is not there. The journal's own, as is the next. */
  storedId = 0;
  /** How many deliveries and retained messages refer to it in the store. */
  storedReferences = 0;
  #payload: Uint8Array;
  /** Whose memory the payload is in: the read buffer's, a block's that it shares with others, or its own. */
  #held: "borrowed" | "shared" | "own";
  #snapshot: ApplicationMessage | undefined;
  #prepared: PreparedMessage | undefined;

  constructor(parts: MessageParts) {
    this.topicName = parts.topicName;
    this.#payload = parts.payload;
    this.qos = parts.qos ?? 0;
    this.retain = parts.retain ?? false;
    this.properties = parts.properties;
    this.publisher = parts.publisher;
    this.expiresAtMs = parts.expiresAtMs;
    this.sizeBytes = MESSAGE_OVERHEAD_BYTES + parts.payload.length + parts.topicName.length +
      (parts.properties === undefined ? 0 : propertiesSizeBytes(parts.properties));
    this.#held = parts.borrowed ? "borrowed" : "own";
  }

  get payload(): Uint8Array {
    return this.#payload;
  }

  /** Topic name and properties as they are sent to everybody, encoded once. */
  get prepared(): PreparedMessage {
    return this.#prepared ??= new PreparedMessage(this.topicName, this.properties);
  }

  /** Whether its time is over (MQTT 5.0 §3.3.2.3.3). */
  isExpired(nowMs: number): boolean {
    return this.expiresAtMs !== undefined && nowMs > this.expiresAtMs;
  }

  /** What plugins and programs get: a plain frozen object that lasts. */
  snapshot(): ApplicationMessage {
    if (!this.#snapshot) {
      const { topicName, payload, qos, retain, properties, publisher } = this.keep();
      this.#snapshot = Object.freeze({ topicName, payload, qos, retain, properties, publisher });
    }
    return this.#snapshot;
  }

  /** Makes the payload independent of the read buffer, for a while: a small one shares a block of memory with others. */
  keepBriefly(): this {
    if (this.#held === "borrowed") {
      this.#held = this.#payload.length > SMALL_BYTES ? "own" : "shared";
      this.#payload = blocks.copy(this.#payload);
    }
    return this;
  }

  /** Gives the payload memory of its own, for a message that may last. Cheap when it has that already. */
  keep(): this {
    if (this.#held !== "own") {
      this.#held = "own";
      this.#payload = this.#payload.slice();
    }
    return this;
  }
}

/** Payloads up to this size are copied into a block together with others. */
const SMALL_BYTES = 256;
/** Small, since one message that lasts holds the whole block. */
const BLOCK_BYTES = 2048;

/** Copies small payloads side by side: an array of its own for each would cost several times the copy. */
class Blocks {
  #block = new Uint8Array(0);
  #used = 0;

  copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > SMALL_BYTES) return bytes.slice();
    if (this.#used + bytes.length > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#used = 0;
    }
    const copy = this.#block.subarray(this.#used, this.#used += bytes.length);
    copy.set(bytes);
    return copy;
  }
}

/** One for all: it holds no state but where the next copy goes. */
const blocks = new Blocks();

/** When a message with these properties that arrives now becomes worthless; `undefined`: never. */
export function expiryTime(properties: MessageProperties | undefined, nowMs: number): number | undefined {
  const seconds = properties?.messageExpiryIntervalSeconds;
  return seconds === undefined ? undefined : nowMs + seconds * 1000;
}

function propertiesSizeBytes(properties: MessageProperties): number {
  const { contentType = "", responseTopic = "", correlationData, userProperties = [] } = properties;
  let size = PROPERTIES_OVERHEAD_BYTES + contentType.length + responseTopic.length + (correlationData?.length ?? 0);
  for (const [name, value] of userProperties) size += PAIR_OVERHEAD_BYTES + name.length + value.length;
  return size;
}

/** The object that holds the properties of one message. */
const PROPERTIES_OVERHEAD_BYTES = 64;
/** The list that holds one user property. */
const PAIR_OVERHEAD_BYTES = 64;
/** What the objects that hold one message take beside payload and topic name; measured roughly, used for limits only. */
const MESSAGE_OVERHEAD_BYTES = 128;
