/** What the bytes of a payload are. */
import type { Payload } from "../types.ts";

export function bytesOf({ encoding, text }: Payload): Uint8Array<ArrayBuffer> {
  if (encoding === "utf8") return new TextEncoder().encode(text);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

const MAGIC: readonly (readonly [string, readonly (number | undefined)[]])[] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
  ["image/bmp", [0x42, 0x4d]],
  ["image/webp", [0x52, 0x49, 0x46, 0x46, , , , , 0x57, 0x45, 0x42, 0x50]],
];

/** Media type of a picture; `undefined`: it is none, or has no pixels that can be had without running anything. */
export function imageType(bytes: Uint8Array): string | undefined {
  return MAGIC.find(([, magic]) => magic.every((byte, at) => byte === undefined || bytes[at] === byte))?.[0];
}

/** Sixteen bytes a line, with their offset and their characters. */
export function hexLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const characters = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".").join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${characters}`);
  }
  return lines.join("\n");
}

/** Indented JSON; `undefined`: it is none, or a single word or number that needs no indenting. */
export function prettyJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}

export interface DiffLine {
  readonly change: "same" | "added" | "removed";
  readonly text: string;
}

/** Lines beyond are not compared one by one: the time grows with their product. */
const MOST_LINES = 500;

/** What changed from one text to another, line by line. */
export function diffLines(before: string, after: string): readonly DiffLine[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  if (a.length > MOST_LINES || b.length > MOST_LINES) {
    return [
      ...a.map((text) => ({ change: "removed" as const, text })),
      ...b.map((text) => ({ change: "added" as const, text })),
    ];
  }
  const common = commonLengths(a, b);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ change: "same", text: a[i++]! });
      j++;
    } else if (j >= b.length || (i < a.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      lines.push({ change: "removed", text: a[i++]! });
    } else {
      lines.push({ change: "added", text: b[j++]! });
    }
  }
  return lines;
}

/** How many lines the ends of both have in common, from each pair of lines on. */
function commonLengths(a: readonly string[], b: readonly string[]): readonly (readonly number[])[] {
  const lengths = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i]![j] = a[i] === b[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
    }
  }
  return lengths;
}
