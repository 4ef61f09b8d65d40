/** Where the values of a config come from: a line of the file, and variables of the environment. */
import type { ConfigOrigin } from "./config.ts";
import type { KeyLocator } from "./key_lines.ts";
import { toCamelCase } from "./spelling.ts";
import { isMapping } from "./mapping.ts";
import { variablesIn } from "./variables.ts";

/**
 * Tells where the values of one config come from. Paths are keys in camelCase, and names as they are; what the file does
 * not say has no origin: a default holds.
 *
 * @param document as it stands in the file, variables not replaced
 */
export function configOrigin(
  document: unknown,
  locator: KeyLocator,
  file: string,
): ConfigOrigin {
  return {
    of: (path) => {
      const found = find(document, path);
      const line = found && locator.lineOf(found.path);
      if (!found || line === undefined) return undefined;
      return { file, line, variables: [...new Set(textsIn(found.value).flatMap(variablesIn))] };
    },
  };
}

/** The value with its path in the spelling of the file; what is there without a value does not count. */
function find(
  document: unknown,
  path: readonly string[],
): { readonly value: unknown; readonly path: string[] } | undefined {
  let value = document;
  const spelt: string[] = [];
  for (const step of path) {
    if (!isMapping(value)) return undefined;
    const key = Object.hasOwn(value, step) ? step : Object.keys(value).find((one) => toCamelCase(one) === step);
    if (key === undefined) return undefined;
    spelt.push(key);
    value = value[key];
  }
  return value === null || value === undefined ? undefined : { value, path: spelt };
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
