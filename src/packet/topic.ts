import { quote } from "../quote.ts";

/**
 * A topic name that was checked: not empty, no wildcard, no NUL, at most 65,535 bytes (MQTT 5.0 §4.7).
 *
 * @category Messages
 */
export type TopicName = string & { readonly "~brand": "TopicName" };

/**
 * A topic filter that was checked: wildcards stand where they may (MQTT 5.0 §4.7.1).
 *
 * @category Messages
 */
export type TopicFilter = string & { readonly "~brand": "TopicFilter" };

/** The parts of `$share/{ShareName}/{filter}` (MQTT 5.0 §4.8.2). */
export interface SharedFilter {
  readonly shareName: string;
  readonly topicFilter: TopicFilter;
}

/**
 * A text that is not a topic name or filter; the message says why and quotes it.
 *
 * @category Messages
 */
export class TopicError extends Error {
  /** Tells this error from others. */
  override readonly name = "TopicError";
}

const MAX_BYTES = 65535;
const encoder = new TextEncoder();

/**
 * Checks a topic name.
 *
 * @throws {TopicError} if it is empty, too long, or holds a wildcard, NUL or half a surrogate pair
 * @category Messages
 */
export function parseTopicName(text: string): TopicName {
  checkText("topic name", text);
  // [MQTT-3.3.2-2] 3.1.1, [MQTT-3.3.2-2] 5.0
  if (text.includes("+") || text.includes("#")) {
    throw new TopicError(`topic name must not contain a wildcard: got ${quote(text)}`);
  }
  return text as TopicName;
}

/**
 * Checks a topic filter. The `$share/…` form is not looked into: see {@linkcode parseSharedFilter}.
 *
 * @throws {TopicError} if it is empty, too long, or has a wildcard where none may stand
 * @category Messages
 */
export function parseTopicFilter(text: string): TopicFilter {
  checkText("topic filter", text);
  const hash = text.indexOf("#");
  if (hash >= 0) {
    // [MQTT-4.7.1-2] 3.1.1, [MQTT-4.7.1-1] 5.0
    if (hash !== text.length - 1 || (hash > 0 && text[hash - 1] !== "/")) {
      throw new TopicError(`"#" must be the last level of a topic filter, on its own: got ${quote(text)}`);
    }
  }
  for (let at = text.indexOf("+"); at >= 0; at = text.indexOf("+", at + 1)) {
    // [MQTT-4.7.1-3] 3.1.1, [MQTT-4.7.1-2] 5.0
    if ((at > 0 && text[at - 1] !== "/") || (at + 1 < text.length && text[at + 1] !== "/")) {
      throw new TopicError(`"+" must fill a whole level of a topic filter: got ${quote(text)}`);
    }
  }
  return text as TopicFilter;
}

/**
 * Splits a shared subscription's filter; `undefined` if it is not one.
 *
 * @throws {TopicError} if the share name is empty or holds a wildcard, or the filter behind it is missing or wrong
 */
export function parseSharedFilter(filter: TopicFilter): SharedFilter | undefined {
  if (!filter.startsWith("$share/")) return undefined;
  const slash = filter.indexOf("/", 7);
  const shareName = slash < 0 ? filter.slice(7) : filter.slice(7, slash);
  // [MQTT-4.8.2-1], [MQTT-4.8.2-2] 5.0
  if (shareName === "" || shareName.includes("+") || shareName.includes("#")) {
    throw new TopicError(`share name must not be empty or contain a wildcard: got ${quote(filter)}`);
  }
  if (slash < 0) throw new TopicError(`a topic filter must follow the share name: got ${quote(filter)}`);
  return { shareName, topicFilter: parseTopicFilter(filter.slice(slash + 1)) };
}

/**
 * Tells whether a filter matches a topic name (MQTT 3.1.1 §4.7, MQTT 5.0 §4.7). Filters that begin with a wildcard do
 * not match names that begin with `$`. Neither is checked: see {@linkcode parseTopicFilter} and {@linkcode parseTopicName}.
 *
 * @category Messages
 */
export function matches(filter: string, topicName: string): boolean {
  if (filter === topicName) return true;
  // [MQTT-4.7.2-1] 3.1.1 and 5.0
  if (topicName.startsWith("$") && !filter.startsWith("$")) return false;
  // Level by level without splitting: a filter may have 65,536 of them, and differ in the first.
  let at = 0;
  for (let from = 0;;) {
    if (filter.startsWith("#", from)) return true;
    const to = endOfLevel(filter, from);
    const end = endOfLevel(topicName, at);
    const isPlus = to === from + 1 && filter.startsWith("+", from);
    if (!isPlus && (to - from !== end - at || !isSameLevel(filter, from, topicName, at, to - from))) return false;
    if (to === filter.length || end === topicName.length) {
      // "a/#" matches "a" as well: the parent level is included.
      return end === topicName.length && (to === filter.length || filter.startsWith("#", to + 1));
    }
    from = to + 1;
    at = end + 1;
  }
}

function endOfLevel(text: string, from: number): number {
  const slash = text.indexOf("/", from);
  return slash < 0 ? text.length : slash;
}

function isSameLevel(a: string, atA: number, b: string, atB: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a.charCodeAt(atA + i) !== b.charCodeAt(atB + i)) return false;
  return true;
}

/**
 * Tells whether everything that `filter` can match is matched by `entry` too: `a/#` covers `a/+` and `a`, `a/+` does
 * not cover `a/#`. What begins with `$` is covered only by an entry that begins so.
 */
export function covers(entry: TopicFilter, filter: TopicFilter | TopicName): boolean {
  if (entry.startsWith("$") !== filter.startsWith("$")) return false;
  const outer = entry.split("/");
  const inner = filter.split("/");
  for (let i = 0; i < outer.length; i++) {
    if (outer[i] === "#") return true;
    if (i >= inner.length) return false;
    if (inner[i] === "#") return false;
    if (outer[i] !== "+" && outer[i] !== inner[i]) return false;
    if (i === inner.length - 1 && outer[i + 1] === "#") return true;
  }
  return outer.length === inner.length;
}

/** Whether a text that is put together of right ones is short enough for a topic (MQTT 5.0 §4.7.3). */
export function isTopicLength(text: string): boolean {
  // A character takes at most three bytes per UTF-16 unit, so short texts need no counting.
  return text.length <= MAX_BYTES / 3 || encoder.encode(text).length <= MAX_BYTES;
}

/** Tells whether there is a topic name that both filters match. */
export function intersects(one: TopicFilter, other: TopicFilter): boolean {
  const a = one.split("/");
  const b = other.split("/");
  // [MQTT-4.7.2-1] 3.1.1 and 5.0
  if (one.startsWith("$") !== other.startsWith("$")) return false;
  for (let i = 0;; i++) {
    if (a[i] === "#" || b[i] === "#") return true;
    if (a[i] === undefined || b[i] === undefined) return a[i] === b[i];
    if (a[i] !== b[i] && a[i] !== "+" && b[i] !== "+") return false;
  }
}

function checkText(what: string, text: string): void {
  // A program may be written in JavaScript, where no type keeps a number out.
  if (typeof text !== "string") throw new TopicError(`${what} must be text: got ${typeof text}`);
  // [MQTT-4.7.3-1] to [MQTT-4.7.3-3] 3.1.1 and 5.0
  if (text === "") throw new TopicError(`${what} must not be empty`);
  if (text.includes("\0")) throw new TopicError(`${what} must not contain NUL: got ${quote(text)}`);
  if (!text.isWellFormed()) throw new TopicError(`${what} must be well-formed Unicode: got ${quote(text)}`);
  if (!isTopicLength(text)) {
    throw new TopicError(`${what} must have at most ${MAX_BYTES} bytes: got ${encoder.encode(text).length}`);
  }
}
