import { type JsonSchema, type Kind, like, value } from "./kind.ts";
import { show } from "./report.ts";
import { BYTE_UNITS, parseBytes, parseCount, parseSeconds, TIME_UNITS, UNIT_PATTERNS } from "./units.ts";

/** A number with its range, ends included. */
export interface Quantity {
  readonly unit:
    | "bytes"
    | "seconds"
    | "connections"
    | "sessions"
    | "messages"
    | "filters"
    | "hashes"
    | "aliases"
    | "levels"
    | "properties"
    | "groups"
    | "subscriptions"
    | "topics"
    | "clients"
    | "bridges"
    | "servers"
    | "QoS";
  readonly default: number;
  readonly minimum: number;
  /** `undefined`: no limit but that of whole numbers. */
  readonly maximum?: number;
  /** The minimum itself is too small. */
  readonly aboveMinimum?: boolean;
  /** Parts of a unit are allowed. */
  readonly fractional?: boolean;
}

/** A number in its range; bytes and seconds may carry a unit. */
export function numberIn<Value extends number, Input = Value>(range: Quantity): Kind<Value, Input> {
  return value<Value, Input>(describeInJson(range), (input, complain) => {
    const number = typeof input === "string" ? parseInUnit(input, range) : input;
    if (typeof number !== "number") complain({ message: `must be ${describeKind(range)}: got ${show(input)}` });
    else if (isInRange(number, range)) return number as Value;
    else {
      const whole = range.fractional || Number.isInteger(number) ? "" : "a whole number, ";
      complain({ message: `must be ${whole}${describeRange(range)}: got ${show(input)}` });
    }
  });
}

function describeInJson({ unit, minimum, maximum, aboveMinimum, fractional }: Quantity): JsonSchema {
  const number = {
    type: fractional ? "number" : "integer",
    [aboveMinimum ? "exclusiveMinimum" : "minimum"]: minimum,
    ...(maximum !== undefined && { maximum }),
  };
  return { anyOf: [number, like(unit === "bytes" || unit === "seconds" ? UNIT_PATTERNS[unit] : UNIT_PATTERNS.count)] };
}

function parseInUnit(text: string, { unit }: Quantity): number | undefined {
  if (unit === "bytes") return parseBytes(text);
  return unit === "seconds" ? parseSeconds(text) : parseCount(text);
}

function isInRange(number: number, { minimum, maximum, aboveMinimum, fractional }: Quantity): boolean {
  if (fractional ? !Number.isFinite(number) : !Number.isSafeInteger(number)) return false;
  if (aboveMinimum ? number <= minimum : number < minimum) return false;
  return maximum === undefined || number <= maximum;
}

function describeKind({ unit }: Quantity): string {
  if (unit === "bytes") return `a number of bytes or a size with a unit (${BYTE_UNITS})`;
  return unit === "seconds" ? `a number of seconds or a time with a unit (${TIME_UNITS})` : "a number";
}

function describeRange({ unit, minimum, maximum, aboveMinimum }: Quantity): string {
  const units = unit === "bytes" || unit === "seconds" ? ` ${unit}` : "";
  if (maximum === undefined) return `at least ${minimum}${units}`;
  if (aboveMinimum) return `above ${minimum} and at most ${maximum}${units}`;
  return `${minimum} to ${maximum}${units}`;
}
