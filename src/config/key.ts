/** How one key of the config is written down; the keys themselves stand in table.ts. */
import type { z } from "zod";
import type { JsonSchema, Kind } from "./kind.ts";
import { numberIn, type Quantity } from "./quantity.ts";
import type { Duration, Size } from "./units.ts";

/** One key: everything that the checks, the defaults, the manual, the schema for editors and the types know of it. */
export interface Key<Output = unknown, Input = unknown, Default = unknown> {
  /** Reads its value, or says what is wrong with it. */
  readonly schema: z.ZodType<Output, Input>;
  /** What an editor is told that it may be. */
  readonly json: JsonSchema;
  /** What holds where the config says nothing. */
  readonly default: Default;
  /** That in words, where it is not simply the value. */
  readonly shown?: string;
  /** What it is for, in one line of Markdown. */
  readonly doc: string;
}

/** A key whose value is a number in a range. */
export interface QuantityKey<Value extends number = number, Input = unknown> extends Key<Value, Input, Value> {
  readonly quantity: Quantity;
}

/** Keys by name, in camelCase. */
export type Keys = Readonly<Record<string, Key>>;

/** What a program may write for keys. */
export type Inputs<Table extends Keys> = {
  readonly [Name in keyof Table]?: Table[Name] extends Key<unknown, infer Input> ? Input : never;
};

/** What keys stand for when every default is filled in. */
export type Resolved<Table extends Keys> = {
  readonly [Name in keyof Table]: Table[Name] extends Key<infer Output, unknown, infer Default> ? Output | Default
    : never;
};

type Defaults<Table extends Keys> = { readonly [Name in keyof Table]: Table[Name]["default"] };

/** The ranges of those keys that are numbers. */
export type Quantities<Table extends Keys> = {
  readonly [Name in keyof Table as Table[Name] extends QuantityKey<infer _> ? Name : never]: Quantity & {
    readonly default: Table[Name]["default"];
  };
};

interface WithDefault<Default> {
  readonly default?: Default;
  readonly shown?: string;
}

/**
 * Describes a key. Without a default it has none of its own: there is none, or other keys say what holds.
 *
 * @param doc see {@linkcode Key.doc}
 */
export function key<Output, Input>(
  doc: string,
  kind: Kind<Output, Input>,
  options: WithDefault<NoInfer<Output>> & { readonly default: NoInfer<Output> },
): Key<Output, Input, Output>;
export function key<Output, Input>(
  doc: string,
  kind: Kind<Output, Input>,
  options?: WithDefault<undefined>,
): Key<Output, Input, undefined>;
export function key<Output, Input>(
  doc: string,
  kind: Kind<Output, Input>,
  options: WithDefault<Output> = {},
): Key<Output, Input, Output | undefined> {
  return { ...kind, default: undefined, ...options, doc };
}

/**
 * Describes a key whose value is a number.
 *
 * @param ends minimum and maximum, see {@linkcode Quantity}
 */
export function quantity<Value extends number = number, const Unit extends Quantity["unit"] = Quantity["unit"]>(
  unit: Unit,
  fallback: NoInfer<Value>,
  [minimum, maximum]: readonly [minimum: number, maximum?: number],
  doc: string,
  exceptions: Pick<Quantity, "aboveMinimum" | "fractional"> = {},
): QuantityKey<Value, InputOf<Unit, Value>> {
  const range = { unit, default: fallback, minimum, ...(maximum !== undefined && { maximum }), ...exceptions };
  return { ...numberIn<Value, InputOf<Unit, Value>>(range), default: fallback, quantity: range, doc };
}

/** What a program may write for a number in this unit. */
type InputOf<Unit, Value> = Unit extends "bytes" ? Size : Unit extends "seconds" ? Duration : Value;

/** The defaults of keys, by name. */
export function defaultsOf<Table extends Keys>(keys: Table): Defaults<Table> {
  return mapKeys(keys, (key) => key.default) as Defaults<Table>;
}

/** The ranges of those keys that are numbers, by name. */
export function quantitiesOf<Table extends Keys>(keys: Table): Quantities<Table> {
  const numbers = Object.entries(keys).filter((entry): entry is [string, QuantityKey] => "quantity" in entry[1]);
  return Object.fromEntries(numbers.map(([name, { quantity }]) => [name, quantity])) as Quantities<Table>;
}

/** The same names with something made of each key. */
export function mapKeys<Result>(keys: Keys, make: (key: Key, name: string) => Result): Record<string, Result> {
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, make(key, name)]));
}

/** What checked values say for keys, and what holds otherwise. */
export function fill<Table extends Keys>(
  keys: Table,
  values: Readonly<Record<string, unknown>>,
  otherwise: Resolved<Table>,
): Resolved<Table> {
  const own = Object.entries(values).filter(([name]) => Object.hasOwn(keys, name));
  return { ...otherwise, ...Object.fromEntries(own) };
}
