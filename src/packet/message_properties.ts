/** Whether properties that a program or plugin has made can be sent: JavaScript keeps no type out. */
import { quote } from "../quote.ts";
import type { MessageProperties } from "./packets.ts";
import { parseTopicName, TopicError } from "./topic.ts";
import { host } from "../runtime/host.ts";

/** Says what is wrong with the value that stands at `place`; `undefined`: nothing. */
type Check = (value: unknown, place: string) => string | undefined;

/** The most that a UTF-8 Encoded String or Binary Data can hold (MQTT 5.0 §1.5.4, §1.5.6). */
const MAX_BYTES = 65_535;
const MAX_EXPIRY_SECONDS = 0xffff_ffff;
const encoder = new TextEncoder();

const checks: Readonly<Record<keyof MessageProperties, Check>> = {
  payloadFormatIndicator: (value, place) => value === 0 || value === 1 ? undefined : wrong(place, "0 or 1", value),
  messageExpiryIntervalSeconds: checkExpiry,
  contentType: checkText,
  responseTopic: checkTopicName,
  correlationData: checkBinary,
  userProperties: checkUserProperties,
};

const names = Object.keys(checks) as readonly (keyof MessageProperties)[];

/**
 * Checks the properties of an application message before they get to the encoder, which takes them as they are
 * (MQTT 5.0 §3.3.2.3). `undefined` is right: it means none. A property of another name is wrong.
 *
 * @returns what is wrong, such as `properties.contentType must be text: got 5`; `undefined`: nothing
 */
export function checkMessageProperties(properties: unknown): string | undefined {
  if (properties === undefined) return undefined;
  if (typeof properties !== "object" || properties === null || Array.isArray(properties)) {
    return wrong("properties", "an object", properties);
  }
  const unknown = Object.keys(properties).find((name) => !Object.hasOwn(checks, name));
  if (unknown !== undefined) return `properties must have no others than ${names.join(", ")}: got ${show(unknown)}`;
  for (const name of names) {
    const value = (properties as Readonly<Record<string, unknown>>)[name];
    const fault = value === undefined ? undefined : checks[name](value, `properties.${name}`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * Checks a UTF-8 Encoded String (MQTT 5.0 §1.5.4): well-formed, without NUL, at most 65,535 bytes.
 *
 * @param place what the text is called in the answer
 * @returns what is wrong; `undefined`: nothing
 */
export function checkText(value: unknown, place: string): string | undefined {
  if (typeof value !== "string") return wrong(place, "text", value);
  // [MQTT-1.5.4-1], [MQTT-1.5.4-2] 5.0
  if (!value.isWellFormed()) return wrong(place, "well-formed Unicode", value);
  if (value.includes("\0")) return wrong(place, "text without NUL", value);
  // A character takes at most three bytes per UTF-16 unit, so short texts need no counting.
  if (value.length <= MAX_BYTES / 3) return undefined;
  const sizeBytes = encoder.encode(value).length;
  return sizeBytes <= MAX_BYTES ? undefined : tooLong(place, sizeBytes);
}

/**
 * Checks Binary Data (MQTT 5.0 §1.5.6): a `Uint8Array` of at most 65,535 bytes.
 *
 * @param place what the data are called in the answer
 * @returns what is wrong; `undefined`: nothing
 */
export function checkBinary(value: unknown, place: string): string | undefined {
  if (!(value instanceof Uint8Array)) return wrong(place, "a Uint8Array", value);
  if (!isReadable(value)) return `${place} cannot be read: its buffer was transferred, or has become shorter`;
  return value.length <= MAX_BYTES ? undefined : tooLong(place, value.length);
}

/** Whether the bytes are still there: their buffer may have been transferred, as to a worker, or have become shorter. */
export function isReadable(bytes: Uint8Array): boolean {
  // Such an array seems to be empty.
  if (bytes.length > 0) return true;
  try {
    bytes.slice();
    return true;
  } catch {
    return false;
  }
}

/**
 * Checks a list of user properties (MQTT 5.0 §2.2.2.2): pairs of texts, see {@linkcode checkText}.
 *
 * @param place what the list is called in the answer
 * @returns what is wrong; `undefined`: nothing
 */
export function checkUserProperties(value: unknown, place: string): string | undefined {
  if (!Array.isArray(value)) return wrong(place, "an array of [name, value]", value);
  for (const [index, pair] of value.entries()) {
    const here = `${place}[${index}]`;
    if (!Array.isArray(pair) || pair.length !== 2) return wrong(here, "[name, value]", pair);
    const fault = checkText(pair[0], `${here}[0]`) ?? checkText(pair[1], `${here}[1]`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function checkExpiry(value: unknown, place: string): string | undefined {
  const right = Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_EXPIRY_SECONDS;
  return right ? undefined : wrong(place, `a whole number from 0 to ${MAX_EXPIRY_SECONDS}`, value);
}

function checkTopicName(value: unknown, place: string): string | undefined {
  if (typeof value !== "string") return wrong(place, "a topic name", value);
  try {
    parseTopicName(value);
    return undefined;
  } catch (error) {
    // [MQTT-3.3.2-14] 5.0
    if (error instanceof TopicError) return `${place}: ${error.message}`;
    throw error;
  }
}

function wrong(place: string, expected: string, value: unknown): string {
  return `${place} must be ${expected}: got ${show(value)}`;
}

function tooLong(place: string, sizeBytes: number): string {
  return `${place} must have at most ${MAX_BYTES} bytes: got ${sizeBytes}`;
}

function show(value: unknown): string {
  // JSON makes half a surrogate pair and NUL visible.
  if (typeof value === "string") return quote(value);
  return host.inspect(value, {
    depth: 1,
    compact: true,
    breakLength: Infinity,
    iterableLimit: 8,
    strAbbreviateSize: 80,
  });
}
