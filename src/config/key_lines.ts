/**
 * Finds where a key of a YAML text stands. The parser that reads configs tells no positions; js-yaml tells events with
 * their offsets, in one pass (2,000 faults in 2,000 lines: 0.45 s for the whole check). npm `yaml` would do as well, but
 * adds 25 ms to the 100 of each start, where js-yaml adds 3.
 */
import { EVENT_ID, parseEvents, SCALAR_STYLE } from "js-yaml";
import type { KeyPath } from "./key_path.ts";

/** A place in a text; line and column count from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** A value of the text. An alias is the node that it stands for. */
interface Node {
  readonly kind: "scalar" | "sequence" | "mapping";
  /** What a scalar says is written from here, without quotes…; -1: nowhere. */
  readonly start: number;
  /** …to here. */
  readonly end: number;
  readonly quoted: boolean;
  /** No quotes, no block and no tag make a text of it. */
  readonly plain: boolean;
  /** Items; of a mapping keys and values by turns. */
  readonly children: Node[];
}

/** Where a key and its value begin, as offsets. */
interface Place {
  readonly key: number;
  readonly value: number;
}

/** Finds keys and values in one text. */
export class KeyLocator {
  readonly #text: string;
  /** `null`: not read yet. */
  #root: Node | undefined | null = null;

  /** @param text a YAML document that the parser accepts */
  constructor(text: string) {
    this.#text = text;
  }

  /**
   * Where the key at the end of a path stands, or its value if that begins on the same line. What cannot be found, such
   * as a key that is not there, stands where the nearest key above it does; `undefined`: not even that was found.
   */
  locate(path: KeyPath, at: "key" | "value"): TextPosition | undefined {
    let nearest: Place | undefined;
    let isExact = false;
    for (let length = 1; length <= path.length; length++) {
      const place = this.#placeOf(path.slice(0, length));
      isExact = place !== undefined;
      nearest = place ?? nearest;
    }
    return nearest && positionOf(this.#text, isExact && at === "value" ? nearest.value : nearest.key);
  }

  /** The line of the key at the end of a path; `undefined`: it is not there, or was not found. */
  lineOf(path: KeyPath): number | undefined {
    const place = this.#placeOf(path);
    return place && positionOf(this.#text, place.key).line;
  }

  /** Whether the text at a path stands there without quotes, so that a number in its place would be a number. */
  isPlain(path: KeyPath): boolean {
    return this.#nodeAt(path)?.plain ?? false;
  }

  #nodeAt(path: KeyPath): Node | undefined {
    if (this.#root === null) this.#root = readTree(this.#text);
    let node = this.#root;
    for (const step of path) {
      if (node === undefined) return undefined;
      node = typeof step === "string"
        ? this.#entry(node, step)?.[1]
        : node.kind === "sequence"
        ? node.children[step]
        : undefined;
    }
    return node;
  }

  #placeOf(path: KeyPath): Place | undefined {
    const step = path.at(-1);
    if (typeof step === "string") {
      const container = this.#nodeAt(path.slice(0, -1));
      const key = container && this.#entry(container, step)?.[0];
      return key && this.#describe(key);
    }
    // An item has no key: it begins at its own first key, or at its value.
    const item = this.#nodeAt(path);
    const first = item?.kind === "mapping" ? item.children[0] : item;
    if (first?.kind !== "scalar" || first.start < 0) return undefined;
    const { key } = this.#describe(first);
    return { key, value: key };
  }

  /** A key that the text writes in another way, with an escape, is not found. */
  #entry(
    mapping: Node,
    key: string,
    seen = new Set<Node>(),
  ): readonly [key: Node, value: Node | undefined] | undefined {
    if (mapping.kind !== "mapping" || seen.has(mapping)) return undefined;
    seen.add(mapping);
    const { children } = mapping;
    const merged: Node[] = [];
    for (let index = 0; index < children.length; index += 2) {
      const [name, value] = [children[index] as Node, children[index + 1]];
      if (name.kind !== "scalar") continue;
      const text = this.#text.slice(name.start, name.end);
      if (text === key) return [name, value];
      if (text === "<<" && value) merged.push(...value.kind === "sequence" ? value.children : [value]);
    }
    for (const other of merged) {
      const found = this.#entry(other, key, seen);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The quote that opens a key or an item belongs to it. */
  #describe({ start, end, quoted }: Node): Place {
    const key = quoted ? start - 1 : start;
    const gap = /^["']?[ \t]*:[ \t]+(?=[^\s#])/.exec(this.#text.slice(end, end + 200))?.[0].length;
    return { key, value: gap === undefined ? key : end + gap };
  }
}

/** The position of an offset in a text. */
export function positionOf(text: string, offset: number): TextPosition {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/);
  // A byte order mark is no column of its own.
  const last = (before.at(-1) as string).replace(/^\uFEFF/, "");
  return { line: before.length, column: last.length + 1 };
}

/** The document of a text; `undefined`: there is none, or it is beyond this parser. */
function readTree(text: string): Node | undefined {
  const document = container("sequence");
  const open = [document];
  const anchors = new Map<string, Node>();
  for (const event of readEvents(text)) {
    if (event.type === EVENT_ID.DOCUMENT) open.push(document);
    else if (event.type === EVENT_ID.POP) open.pop();
    else {
      const name = event.anchorStart < 0 ? undefined : text.slice(event.anchorStart, event.anchorEnd);
      const node = event.type === EVENT_ID.ALIAS ? anchors.get(name ?? "") : nodeOf(event);
      if (node === undefined) return undefined;
      open.at(-1)?.children.push(node);
      if (event.type === EVENT_ID.ALIAS) continue;
      if (name !== undefined) anchors.set(name, node);
      if (node.kind !== "scalar") open.push(node);
    }
  }
  return document.children[0];
}

type NodeEvent = Extract<ReturnType<typeof parseEvents>[number], { readonly tagStart: number }>;

function nodeOf(event: NodeEvent): Node {
  if (event.type !== EVENT_ID.SCALAR) {
    return container(event.type === EVENT_ID.MAPPING ? "mapping" : "sequence");
  }
  const { valueStart: start, valueEnd: end, style } = event;
  const quoted = style === SCALAR_STYLE.DOUBLE_QUOTED || style === SCALAR_STYLE.SINGLE_QUOTED;
  return {
    kind: "scalar",
    start,
    end,
    quoted,
    plain: style === SCALAR_STYLE.PLAIN && event.tagStart < 0,
    children: [],
  };
}

function container(kind: "sequence" | "mapping"): Node {
  return { kind, start: -1, end: -1, quoted: false, plain: false, children: [] };
}

function readEvents(text: string): ReturnType<typeof parseEvents> {
  try {
    return parseEvents(text, {});
  } catch {
    return [];
  }
}
