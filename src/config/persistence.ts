import { resolve } from "node:path";
import type { ResolvedConfig, StoreInPlace } from "./config.ts";
import type { KeyPath } from "./key_path.ts";
import { defaultPersistence } from "./keys.ts";
import { isImportSpecifier, SPECIFIERS } from "./plugin_names.ts";
import { type Report, show } from "./report.ts";
import { type BrokerValues, persistenceSchema } from "./schema.ts";
import { readSection, type Section } from "./section.ts";
import { isMapping } from "./mapping.ts";

type Persistence = ResolvedConfig["persistence"];

/** Reads `persistence`. Without the section nothing outlives the process. */
export function resolvePersistence(broker: Section<BrokerValues>, baseDirectory: string, report: Report): Persistence {
  const { persistence: input = {} } = broker.values;
  const path = broker.pathOf("persistence");
  if (isMapping(input) && input.store !== undefined && !isModule(input.type)) {
    return readInPlace(input, path, report);
  }
  const type = isMapping(input) ? input.type ?? defaultPersistence.type : defaultPersistence.type;
  if (type === "memory" || type === "sqlite") return readBundled(input, path, baseDirectory, report);
  if (isMapping(input) && isModule(type)) {
    const { type: _, ...options } = input;
    return { type: "module", specifier: type, options };
  }
  // What other keys there may be depends on the type.
  report.fault([...path, "type"], `must be memory, sqlite or an import specifier (${SPECIFIERS}): got ${show(type)}`);
  return { type: "memory" };
}

function isModule(type: unknown): type is string {
  return typeof type === "string" && type !== "memory" && type !== "sqlite" && isImportSpecifier(type);
}

/** A store that a program has put there itself. */
function readInPlace(
  { store, type, ...options }: Record<string, unknown>,
  path: KeyPath,
  report: Report,
): Persistence {
  if (isStore(store) && type === undefined) return { type: "in-place", store, options };
  if (type !== undefined) report.fault([...path, "store"], "stands in place of type: give one of them");
  else {
    const expected = "a store, or a function that makes one, in a program; in a file name its module in type";
    report.fault([...path, "store"], `must be ${expected}: got ${show(store)}`);
  }
  return { type: "memory" };
}

function isStore(store: unknown): store is StoreInPlace {
  if (typeof store === "function") return true;
  const methods = store as Readonly<Record<string, unknown>> | null;
  return typeof methods === "object" && methods !== null &&
    ["open", "append", "deliveries", "close"].every((method) => typeof methods[method] === "function");
}

function readBundled(input: unknown, path: KeyPath, baseDirectory: string, report: Report): Persistence {
  const { values, pathOf } = readSection(persistenceSchema, input, path, report);
  if (values.type === "sqlite") {
    const { path: file = defaultPersistence.path, commit = defaultPersistence.commit } = values;
    return { type: "sqlite", path: resolve(baseDirectory, file), commit };
  }
  for (const key of ["path", "commit"] as const) {
    if (values[key] === undefined) continue;
    const got = values.type === undefined ? "no type: add type: sqlite" : "type: memory";
    report.fault(pathOf(key), `is for type: sqlite only: got ${got}`);
  }
  return { type: "memory" };
}
