import { asciiText, decodeText } from "./byte_reader.ts";
import type { TopicName } from "./topic.ts";
import { topicNameField } from "./topic_field.ts";

/** Longer names are read anew each time. */
const LONGEST_BYTES = 128;
/** Log₂ of how many names are remembered. */
const PLACE_BITS = 11;
/** One of so many displaces another: where there are far more names than places, to remember each would be in vain. */
const NEWCOMERS_PER_PLACE = 16;

interface Known {
  readonly bytes: Uint8Array;
  readonly topicName: TopicName;
}

/**
 * Reads topic names. One that came lately is found by its bytes, and is the same string again: it need not be decoded,
 * nor hashed by whoever looks it up in a map. It takes less than 1 MB, whatever comes.
 */
export class TopicNames {
  /** By hash; some names displace the one in their place. */
  readonly #places = new Array<Known | undefined>(1 << PLACE_BITS).fill(undefined);
  /** Names that have found another one in their place. */
  #displaced = 0;

  /**
   * Reads the topic name of a PUBLISH.
   *
   * @throws {ProtocolError} 0x81 or 0x82 if it cannot be one
   */
  read(bytes: Uint8Array, start: number, end: number): TopicName {
    const size = end - start;
    if (size > LONGEST_BYTES) return readTopicName(bytes, start, end);
    const place = placeOf(bytes, start, end);
    const known = this.#places[place];
    if (known !== undefined && known.bytes.length === size && isAt(known.bytes, bytes, start)) return known.topicName;
    const topicName = readTopicName(bytes, start, end);
    if (known === undefined || ++this.#displaced % NEWCOMERS_PER_PLACE === 0) {
      this.#places[place] = { bytes: bytes.slice(start, end), topicName };
    }
    return topicName;
  }
}

/** A multiplicative hash over four bytes at a time; its upper bits are the best mixed. */
function placeOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x85ebca6b);
  return hash >>> 32 - PLACE_BITS;
}

function isAt(wanted: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] !== bytes[start + i]) return false;
  }
  return true;
}

/** One pass over the bytes finds whatever `parseTopicName` would refuse, as long as they are ASCII. */
function readTopicName(bytes: Uint8Array, start: number, end: number): TopicName {
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x80 || byte === HASH || byte === PLUS || byte === 0) return readUnusual(bytes, start, end);
  }
  return start === end ? readUnusual(bytes, start, end) : asciiText(bytes, start, end) as TopicName;
}

const HASH = 0x23;
const PLUS = 0x2b;

function readUnusual(bytes: Uint8Array, start: number, end: number): TopicName {
  return topicNameField(decodeText(bytes, start, end, "PUBLISH: topic name"), "PUBLISH");
}
