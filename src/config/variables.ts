/** Environment variables in the values of a config file: `${NAME}` and `${NAME:-default}`. */
import { parse } from "@std/yaml";
import type { ConfigFault } from "./config_error.ts";
import type { KeyPath } from "./key_path.ts";
import { show } from "./report.ts";
import { isMapping } from "./mapping.ts";
import { host } from "../runtime/host.ts";

/** Looks a variable up; `undefined`: it is not set. */
export type Environment = (name: string) => string | undefined;

/** What {@linkcode expandVariables} has to know besides the document. */
export interface ExpandOptions {
  readonly environment: Environment;
  /** Whether the text at this path stands in the file without quotes. */
  isPlain(path: KeyPath): boolean;
}

/** A document with its variables replaced, and what was wrong with them. */
export interface Expanded {
  readonly document: unknown;
  readonly faults: readonly ConfigFault[];
}

/** `$${` stands for `${`; the last form is one that does not end. */
const REFERENCE = /\$\$\{|\$\{([^}]*)\}|\$\{/g;
const NAME_AND_DEFAULT = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
const FORM = "${NAME} or ${NAME:-default}, or $${ for a ${ as it stands";

/** Names of the variables in a text. */
export function variablesIn(text: string): string[] {
  return Array.from(text.matchAll(REFERENCE), ([, content]) => NAME_AND_DEFAULT.exec(content ?? "")?.[1])
    .filter((name) => name !== undefined);
}

/**
 * Replaces variables in every text that is a value. A text without quotes is then read as if its new content stood in the
 * file: `${PORT}` may be a number, and an empty one is not given. Keys stay as they are, and so does what a variable
 * holds: it is not looked into for further variables.
 */
export function expandVariables(document: unknown, options: ExpandOptions): Expanded {
  const faults: ConfigFault[] = [];
  /** Through aliases a part may be there more than once, even in itself. */
  const done = new Map<object, unknown>();
  const visit = (value: unknown, path: KeyPath): unknown => {
    if (typeof value === "string") return value.includes("${") ? expandText(value, path, options, faults) : value;
    if (typeof value !== "object" || value === null) return value;
    if (done.has(value)) return done.get(value);
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      done.set(value, items);
      value.forEach((item, index) => items.push(visit(item, [...path, index])));
      return items;
    }
    if (!isMapping(value)) return value;
    const entries = {};
    done.set(value, entries);
    for (const [key, item] of Object.entries(value)) {
      // An assignment to `__proto__` would make no key.
      const property = { value: visit(item, [...path, key]), enumerable: true, configurable: true, writable: true };
      Object.defineProperty(entries, key, property);
    }
    return entries;
  };
  return { document: visit(document, []), faults };
}

function expandText(text: string, path: KeyPath, options: ExpandOptions, faults: ConfigFault[]): unknown {
  let replaced = false;
  const expanded = text.replace(REFERENCE, (reference, content?: string) => {
    if (reference === "$${") return "${";
    replaced = true;
    const result = lookUp(reference, content, options.environment);
    if (typeof result === "string") return result;
    faults.push({ path, message: result.fault });
    return "";
  });
  return replaced && options.isPlain(path) ? readPlain(expanded) : expanded;
}

/** As in a shell, an empty variable has its default, too. */
function lookUp(reference: string, content: string | undefined, environment: Environment): string | Fault {
  const [, name, fallback] = NAME_AND_DEFAULT.exec(content ?? "") ?? [];
  if (name === undefined) return { fault: `a variable must be ${FORM}: got ${show(reference)}` };
  let value: string | undefined;
  try {
    value = environment(name);
  } catch (error) {
    if (!(error instanceof host.errors.NotCapable)) throw error;
    return { fault: `the environment variable ${name} may not be read: run with --allow-env=${name}` };
  }
  if (fallback !== undefined) return value || fallback;
  if (value !== undefined) return value;
  return { fault: `the environment variable ${name} is not set: set it, or write \${${name}:-default}` };
}

interface Fault {
  readonly fault: string;
}

/** A number, a flag or nothing is what YAML takes it for; whatever else a variable may hold stays text. */
function readPlain(text: string): unknown {
  if (text === "") return null;
  if (/\s/.test(text)) return text;
  try {
    const value = parse(text);
    return value === null || typeof value === "number" || typeof value === "boolean" ? value : text;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
