/**
 * Quantities as a config file may write them: `16 MiB`, `64MB`, `10s`, `500 ms`, `7 d`. A bare number is bytes or
 * seconds.
 */

/**
 * A size: bytes, or a text with a unit such as `1 MiB`. Letter case of the unit does not matter when it is read.
 *
 * @category Config
 */
export type Size = number | `${number}${"" | " "}${"B" | "KB" | "MB" | "GB" | "KiB" | "MiB" | "GiB"}`;

/**
 * A time: seconds, or a text with a unit such as `500 ms`, `10 s`, `5 min`, `12 h` or `7 d`.
 *
 * @category Config
 */
export type Duration = number | `${number}${"" | " "}${"ms" | "s" | "min" | "h" | "d"}`;

/** The same keys with sizes in bytes and times in seconds. */
export type InNumbers<Keys> = {
  readonly [Name in keyof Keys]: [Size] extends [Keys[Name]] ? number : [Duration] extends [Keys[Name]] ? number
  : Keys[Name];
};

/** A day in seconds. */
export const DAY = 86_400;

/** A mebibyte in bytes. */
export const MIB = 2 ** 20;

const QUANTITY = /^([+-]?\d+(?:\.\d+)?)\s*([A-Za-z]*)$/;

const BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

const MILLISECONDS: Readonly<Record<string, number>> = {
  "": 1000,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Units that {@linkcode parseBytes} knows, for error texts. */
export const BYTE_UNITS = "B, KB, MB, GB, KiB, MiB, GiB";

/** Units that {@linkcode parseSeconds} knows, for error texts. */
export const TIME_UNITS = "ms, s, min, h, d";

/** What {@linkcode parseBytes}, {@linkcode parseSeconds} and {@linkcode parseCount} take, as patterns of JSON Schema. */
export const UNIT_PATTERNS = {
  bytes: "^\\s*[+-]?\\d+(\\.\\d+)?\\s*([KkMmGg]?[Bb]|[KkMmGg][Ii][Bb])?\\s*$",
  seconds: "^\\s*[+-]?\\d+(\\.\\d+)?\\s*(ms|s|min|h|d)?\\s*$",
  count: "^\\s*[+-]?\\d+(\\.\\d+)?\\s*$",
} as const;

/** Reads a size in bytes; `undefined` if the text is none. Letter case does not matter. */
export function parseBytes(text: string): number | undefined {
  return parseQuantity(text.toLowerCase(), BYTES);
}

/** Reads a time in seconds; `undefined` if the text is none. */
export function parseSeconds(text: string): number | undefined {
  // In milliseconds first: 100 ms is then 0.1 s exactly as one would write it.
  const milliseconds = parseQuantity(text, MILLISECONDS);
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}

/** Reads a plain count; `undefined` if the text is none. */
export function parseCount(text: string): number | undefined {
  return parseQuantity(text, { "": 1 });
}

/** Writes a size in the largest unit that keeps it whole: 16777216 is `16 MiB`. */
export function formatBytes(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"]) {
    const factor = BYTES[unit.toLowerCase()] as number;
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor} ${unit}`;
  }
  return `${bytes} B`;
}

/** Writes a time in the largest unit that keeps it whole: 604800 is `7 d`. */
export function formatSeconds(seconds: number): string {
  for (const unit of ["d", "h", "min"]) {
    const factor = (MILLISECONDS[unit] as number) / 1000;
    if (seconds >= factor && seconds % factor === 0) return `${seconds / factor} ${unit}`;
  }
  return `${seconds} s`;
}

function parseQuantity(text: string, factors: Readonly<Record<string, number>>): number | undefined {
  const match = QUANTITY.exec(text.trim());
  if (match === null) return undefined;
  const unit = match[2] as string;
  if (!Object.hasOwn(factors, unit)) return undefined;
  return Number(match[1]) * (factors[unit] as number);
}
