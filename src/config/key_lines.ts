/**
 * Finds where a key of a YAML text stands. The parser tells no positions, so it is asked: a candidate in the text is
 * replaced by a word of our own, and the place where the word comes up in the result is the candidate's key path. What
 * is a comment, a part of a longer text or another mapping's key, the parser decides, whatever the style.
 */
import { parse } from "@std/yaml";
import type { KeyPath } from "./key_path.ts";
import { isMapping } from "./values.ts";

/** A place in a text; line and column count from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** Candidates that are tried for one key: enough for any file written by hand. */
const MAX_CANDIDATES = 200;

/** Where a key and its value begin, as offsets. */
interface Found {
  readonly key: number;
  readonly value: number;
}

/** Finds keys and values in one text. */
export class KeyLocator {
  readonly #text: string;
  readonly #document: unknown;
  /** The word that takes a candidate's place. */
  readonly #probe: string;
  readonly #known = new Map<string, Found | undefined>();

  /** @param text a YAML document that the parser accepts */
  constructor(text: string) {
    this.#text = text;
    this.#document = parse(text);
    this.#probe = unusedWord(text);
  }

  /**
   * Where the key at the end of a path stands, or its value if that begins on the same line. What cannot be found, such
   * as a key that is not there, stands where the nearest key above it does; `undefined`: not even that was found.
   */
  locate(path: KeyPath, at: "key" | "value"): TextPosition | undefined {
    const exact = this.#find(path);
    const found = exact ?? this.#findNearest(path);
    return found && positionOf(this.#text, exact !== undefined && at === "value" ? found.value : found.key);
  }

  /** Whether the text at a path stands there without quotes, so that a number in its place would be a number. */
  isPlain(path: KeyPath): boolean {
    const text = valueAt(this.#document, path);
    if (typeof text !== "string") return false;
    const number = unusedNumber(this.#text);
    for (const offset of firstOf(occurrences(this.#text, text, 0), MAX_CANDIDATES)) {
      const changed = this.#text.slice(0, offset) + number + this.#text.slice(offset + text.length);
      const value = valueAt(tryParse(changed), path);
      if (value !== text && value !== undefined) return value === Number(number);
    }
    return false;
  }

  #find(path: KeyPath): Found | undefined {
    const name = JSON.stringify(path);
    if (!this.#known.has(name)) this.#known.set(name, this.#search(path));
    return this.#known.get(name);
  }

  #findNearest(path: KeyPath): Found | undefined {
    for (let length = path.length; length > 0; length--) {
      const found = this.#find(path.slice(0, length));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #search(path: KeyPath): Found | undefined {
    const [step, above] = [path.at(-1), path.slice(0, -1)];
    const container = valueAt(this.#document, above);
    if (typeof step === "number") return Array.isArray(container) ? this.#searchItem(path, container[step]) : undefined;
    if (step === undefined || !isMapping(container) || !Object.hasOwn(container, step)) return undefined;
    return this.#tryCandidates(step, above, (result) => {
      const changed = valueAt(result, above);
      return isMapping(changed) && Object.hasOwn(changed, this.#probe);
    });
  }

  /** An item has no key: it begins at its own first key, or is found by its value. */
  #searchItem(path: KeyPath, item: unknown): Found | undefined {
    const [firstKey] = isMapping(item) ? Object.keys(item) : [];
    const found = firstKey !== undefined
      ? this.#find([...path, firstKey])
      : isScalar(item)
      ? this.#tryCandidates(String(item), path.slice(0, -1), (result) => valueAt(result, path) === this.#probe)
      : undefined;
    return found && { key: found.key, value: found.key };
  }

  /** Tries what stands below the container first; through an alias it may stand above it. */
  #tryCandidates(word: string, container: KeyPath, isFound: (result: unknown) => boolean): Found | undefined {
    const text = this.#text;
    // An item of a list is itself found by its first key: begin at the list.
    const named = container.slice(0, container.findLastIndex((step) => typeof step === "string") + 1);
    const start = this.#findNearest(named)?.key ?? 0;
    const offsets = [...occurrences(text, word, start), ...occurrences(text, word, 0, start)];
    for (const offset of offsets.slice(0, MAX_CANDIDATES)) {
      const end = offset + word.length;
      const changed = text.slice(0, offset) + this.#probe + text.slice(end);
      if (isFound(tryParse(changed))) return describe(text, offset, end);
    }
    return undefined;
  }
}

/** The position of an offset in a text. */
export function positionOf(text: string, offset: number): TextPosition {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/);
  // A byte order mark is no column of its own.
  const last = (before.at(-1) as string).replace(/^\uFEFF/, "");
  return { line: before.length, column: last.length + 1 };
}

/** The quote that opens a key or an item belongs to it. */
function describe(text: string, offset: number, end: number): Found {
  const quote = text[offset - 1];
  const key = quote === '"' || quote === "'" ? offset - 1 : offset;
  const gap = /^["']?[ \t]*:[ \t]+(?=[^\s#])/.exec(text.slice(end, end + 200))?.[0].length;
  return { key, value: gap === undefined ? key : end + gap };
}

function isScalar(value: unknown): value is string | number | boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

function* occurrences(text: string, word: string, from: number, to = text.length): Generator<number> {
  if (word === "") return;
  for (let at = text.indexOf(word, from); at >= 0 && at < to; at = text.indexOf(word, at + 1)) yield at;
}

function valueAt(document: unknown, path: KeyPath): unknown {
  let value = document;
  for (const step of path) {
    if (typeof step === "number") value = Array.isArray(value) ? value[step] : undefined;
    else value = isMapping(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value;
}

function tryParse(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function* firstOf<T>(items: Iterable<T>, maximum: number): Generator<T> {
  let count = 0;
  for (const item of items) {
    if (count++ >= maximum) return;
    yield item;
  }
}

function unusedNumber(text: string): string {
  let number = "73";
  while (text.includes(number)) number += "7";
  return number;
}

function unusedWord(text: string): string {
  let word = "probe";
  while (text.includes(word)) word += "x";
  return word;
}
