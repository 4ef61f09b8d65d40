/** The messages that a program or a plugin makes: checked here, once, for every way in. */
import type { PublishOptions } from "../hooks/plugin.ts";
import { expiryTime, Message, type Payload } from "../message.ts";
import { checkMessageProperties } from "../packet/message_properties.ts";
import type { MessageProperties } from "../packet/packets.ts";
import { parseTopicName } from "../packet/topic.ts";
import { errorText } from "../error_text.ts";
import { quote } from "../quote.ts";
import { showValue } from "../hooks/fault.ts";

const encoder = new TextEncoder();

/** What a message of a plugin or the host program is made with. */
export interface MakeMessageOptions {
  /** Milliseconds of the broker's clock. */
  readonly nowMs: number;
  /** In whose name it is published. @default nobody's */
  readonly publisher?: string;
  /** Whether it is retained, whatever the options say. */
  readonly retain?: true;
}

/**
 * A message of a plugin or the host program; the payload is copied. A program may be written in JavaScript, where no type
 * keeps anything out.
 *
 * @throws {TopicError} if the topic name is wrong
 * @throws {Error} if the payload, an option or a property is wrong
 */
export function makeMessage(
  topicName: string,
  payload: Payload,
  options: PublishOptions = {},
  { nowMs, publisher, retain }: MakeMessageOptions,
): Message {
  const name = parseTopicName(topicName);
  const fault = checkOptions(options);
  if (fault !== undefined) throw new Error(`Cannot publish to ${quote(topicName)}: ${fault}`);
  const { properties } = options;
  return Message.of({
    topicName: name,
    payload: copyOf(topicName, payload),
    qos: options.qos,
    retain: retain ?? options.retain,
    publisher,
    // Its response topic was checked with the rest.
    properties: properties && { ...properties } as MessageProperties,
    expiresAtMs: expiryTime(properties?.messageExpiryIntervalSeconds, nowMs),
  });
}

/** Whether a value is a quality of service. */
export function isQoS(value: unknown): boolean {
  return value === 0 || value === 1 || value === 2;
}

function checkOptions(options: unknown): string | undefined {
  if (typeof options !== "object" || options === null) return `options must be an object: got ${showValue(options)}`;
  const { qos, retain, properties } = options as Readonly<Record<string, unknown>>;
  if (qos !== undefined && !isQoS(qos)) return `qos must be 0, 1 or 2: got ${showValue(qos)}`;
  if (retain !== undefined && typeof retain !== "boolean") {
    return `retain must be true or false: got ${showValue(retain)}`;
  }
  return properties === undefined ? undefined : checkMessageProperties(properties);
}

/** The copy may fail: the buffer was transferred, or has become shorter than its view. */
function copyOf(topicName: string, payload: unknown): Uint8Array {
  try {
    return bytesOf(payload);
  } catch (cause) {
    const fault = cause instanceof TypeError ? `payload cannot be read: ${cause.message}` : errorText(cause);
    throw new Error(`Cannot publish to ${quote(topicName)}: ${fault}`, { cause });
  }
}

function bytesOf(payload: unknown): Uint8Array {
  if (typeof payload === "string") return encoder.encode(payload);
  // A Buffer's slice would be no copy.
  if (payload instanceof Uint8Array) return new Uint8Array(payload);
  if (ArrayBuffer.isView(payload)) {
    return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength).slice();
  }
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload.slice());
  const expected = "text, an ArrayBuffer or a view of one, such as Uint8Array";
  throw new Error(`payload must be ${expected}: got ${showValue(payload)}`);
}
