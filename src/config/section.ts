import type { z } from "zod";
import type { KeyPath } from "./key_path.ts";
import { type Report, show, suggestMapping } from "./report.ts";
import { nearestName, toCamelCase, toHyphens } from "./spelling.ts";
import { isMapping } from "./mapping.ts";

/** A mapping of the config after its keys and values were checked; what was wrong is left out. */
export interface Section<Values> {
  readonly path: KeyPath;
  readonly values: Values;
  /** The path of one of its keys, in the config's own spelling if it is there. */
  pathOf(key: keyof Values & string): KeyPath;
}

/** Reads a mapping: keys in any spelling become camelCase, `null` counts as not given, every fault is reported. */
export function readSection<Schema extends z.ZodObject>(
  schema: Schema,
  input: unknown,
  path: KeyPath,
  report: Report,
): Section<z.output<Schema>> {
  const spellings = new Map<string, string>();
  const entries = isMapping(input) ? renameKeys(input, path, spellings, report) : {};
  if (!isMapping(input)) {
    report.fault(path, `must be a mapping of keys to values: got ${show(input)}${suggestMapping(input)}`);
  }
  const pathOf = (key: string) => [...path, spellings.get(key) ?? toHyphens(key)];
  const first = schema.safeParse(entries);
  if (first.success) return { path, values: given(first.data), pathOf };
  const known = Object.keys(schema.shape);
  for (const issue of first.error.issues) {
    if (issue.code === "unrecognized_keys") {
      issue.keys.forEach((key) => reportUnknown(spellings.get(key) ?? key, known, path, report));
      issue.keys.forEach((key) => delete entries[key]);
    } else {
      const [key, ...rest] = issue.path as (string | number)[];
      report.fault([...pathOf(String(key)), ...rest], issue.message);
      delete entries[String(key)];
    }
  }
  // Every key is optional, so what is left without the faulty ones can be used to find further faults.
  return { path, values: given(schema.parse(entries)), pathOf };
}

/** Leaves out what is `undefined`, so that it does not cover what is inherited. */
function given<Values extends object>(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Values;
}

function renameKeys(
  input: Record<string, unknown>,
  path: KeyPath,
  spellings: Map<string, string>,
  report: Report,
): Record<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const [key, value] of Object.entries(input)) {
    const name = toCamelCase(key);
    const other = spellings.get(name);
    if (other !== undefined) {
      report.keyFault([...path, key], `is the same key as ${other}: give one of them`);
      continue;
    }
    spellings.set(name, key);
    // The key of a value that was not given is checked all the same.
    entries.set(name, value ?? undefined);
  }
  return Object.fromEntries(entries);
}

function reportUnknown(key: string, known: readonly string[], path: KeyPath, report: Report): void {
  const nearest = nearestName(key, known);
  const hint = nearest === undefined
    ? `known are ${known.length === 0 ? "none" : known.map(toHyphens).join(", ")}`
    : `did you mean ${nearest}?`;
  report.keyFault([...path, key], `unknown key: ${hint}`);
}
