/** Strings as SQLite gives them back unchanged. */

/**
 * A string to be stored or looked for. As text it would be read back up to its first U+0000 only, and would lose lone
 * surrogates. Those are rare, and become bytes; the same string is always stored in the same way.
 */
export function textOf(value: string): string | Uint8Array {
  return value.isWellFormed() && !value.includes("\0") ? value : encoder.encode(JSON.stringify(value));
}

/** As {@linkcode textOf}; `undefined` becomes `null`. */
export function optionalTextOf(value: string | undefined): string | Uint8Array | null {
  return value === undefined ? null : textOf(value);
}

/** Takes back what {@linkcode textOf} has made. */
export function stringOf<Text extends string>(stored: Text | Uint8Array): Text {
  return typeof stored === "string" ? stored : JSON.parse(decoder.decode(stored));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
