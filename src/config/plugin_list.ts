/** Lists of plugins: from the spellings of the config to names with options. */
import { resolve } from "node:path";
import { type BundledPluginName, bundledPlugins, type PluginPurpose } from "../plugins/bundled.ts";
import { isDeepStrictEqual } from "node:util";
import type { PluginEntry, PluginInPlace } from "./config.ts";
import type { Keys } from "./key.ts";
import { formatKeyPath, type KeyPath } from "./key_path.ts";
import { readPluginName } from "./plugin_names.ts";
import { type Report, show } from "./report.ts";
import { schemaOf } from "./schema.ts";
import { readSection } from "./section.ts";
import { isMapping } from "./mapping.ts";
import { filePath } from "./values.ts";

/** A plugin as a list in the config names it. */
export interface ListedPlugin {
  /** `undefined`: it is not one of the bundled ones. */
  readonly bundled?: BundledPluginName;
  readonly specifier: string;
  /** As the config has it. */
  readonly name: string;
  /** Of a bundled plugin checked and in camelCase, of another as the config has them; `undefined`: none given. */
  readonly options: unknown;
  readonly path: KeyPath;
  /** What makes it, if it stands there itself. */
  readonly factory?: PluginInPlace;
}

/** How a list of plugins is read. */
export interface PluginListContext {
  readonly path: KeyPath;
  /** Bundled plugins of other purposes are faults; `undefined`: any may be listed. */
  readonly purpose?: PluginPurpose;
  readonly baseDirectory: string;
  readonly report: Report;
}

/** Reads a list of names and one-key mappings (name → options), or a mapping of names to options. */
export function readPluginList(input: unknown, context: PluginListContext): ListedPlugin[] {
  const { path, report } = context;
  if (isMapping(input)) {
    return Object.entries(input).flatMap(([name, options]) => {
      const own = [...path, name];
      return readPlugin({ name, options, path: own, optionsPath: own }, context);
    });
  }
  if (!Array.isArray(input)) {
    report.fault(path, `must be a list of plugins, or map plugins to their options: got ${show(input)}`);
    return [];
  }
  return input.flatMap((item: unknown, index) => readItem(item, [...path, index], context));
}

function readItem(item: unknown, path: KeyPath, context: PluginListContext): ListedPlugin[] {
  if (typeof item === "string") return readPlugin({ name: item, path, optionsPath: path }, context);
  if (isPlugin(item)) return [inPlace(item, undefined, path)];
  if (Array.isArray(item) && isPlugin(item[0]) && item.length <= 2) return [inPlace(item[0], item[1], path)];
  const entries = isMapping(item) ? Object.entries(item) : [];
  const [entry] = entries;
  if (entries.length === 1 && entry !== undefined) {
    const [name, options] = entry;
    return readPlugin({ name, options, path, optionsPath: [...path, name] }, context);
  }
  const expected = "must be a plugin's name, or one name with its options indented below it";
  context.report.fault(path, `${expected}: got ${show(item)}${suggestIndenting(entries)}`);
  return [];
}

function isPlugin(item: unknown): item is PluginInPlace {
  return typeof item === "function";
}

/** A plugin that stands in the list itself goes by the name of its function. */
function inPlace(factory: PluginInPlace, options: unknown, path: KeyPath): ListedPlugin {
  const name = factory.name === "" ? "plugin" : factory.name;
  return { specifier: name, name, options, path, factory };
}

/** `- auth.file:` with `password-file:` right below it is one mapping with two keys. */
function suggestIndenting([first, ...others]: readonly [key: string, value: unknown][]): string {
  const isPlugin = ([key]: readonly [key: string, value: unknown]) => !("fault" in readPluginName(key));
  if (first === undefined || others.length === 0 || !isPlugin(first)) return "";
  if (others.every(isPlugin)) return ': did you mean a "-" before each of them?';
  const [name, options] = first;
  if (others.some(isPlugin) || (options !== null && options !== undefined)) return "";
  return `: did you mean to indent ${others.map(([key]) => key).join(", ")} below ${name}?`;
}

/** A name in a list, not yet understood. */
interface Mention {
  readonly name: string;
  readonly options?: unknown;
  readonly path: KeyPath;
  readonly optionsPath: KeyPath;
}

function readPlugin(mention: Mention, context: PluginListContext): ListedPlugin[] {
  const { name, path } = mention;
  const { report, purpose } = context;
  const options = mention.options ?? undefined;
  const meaning = readPluginName(name);
  if ("fault" in meaning) {
    report.fault(path, meaning.fault);
    return [];
  }
  if ("module" in meaning) return [{ specifier: name, name, options, path }];
  const { bundled } = meaning;
  if (purpose !== undefined && bundledPlugins[bundled].purpose !== purpose) {
    report.fault(path, `${name} does not belong here: move it to ${homeOf(bundled)}`);
    return [];
  }
  const checked = options === undefined ? undefined : readOptions(bundled, options, mention.optionsPath, context);
  return [{ bundled, specifier: bundled, name, options: checked, path }];
}

function homeOf(name: BundledPluginName): string {
  const homes = { "sign-in": "auth.plugins", topics: "topic-check.plugins", general: "plugins" } as const;
  return homes[bundledPlugins[name].purpose];
}

function readOptions(name: BundledPluginName, options: unknown, path: KeyPath, context: PluginListContext): object {
  const { report, baseDirectory } = context;
  const keys: Keys = bundledPlugins[name].options;
  const { values } = readSection(schemaOf(keys), options, path, report);
  const isPath = (key: string) => keys[key]?.schema === filePath.schema;
  const resolved = Object.entries(values).map(([key, value]) => [
    key,
    isPath(key) && typeof value === "string" ? resolve(baseDirectory, value) : value,
  ]);
  return Object.fromEntries(resolved);
}

/**
 * Two lists as one: a bundled plugin without options in the second is the one in the first. What is there twice with
 * options stays so, for {@linkcode checkTwice}.
 */
export function joinLists(first: readonly ListedPlugin[], second: readonly ListedPlugin[]): ListedPlugin[] {
  const names = new Set(first.map(({ bundled }) => bundled));
  return [...first, ...second.filter((plugin) => hasOptions(plugin) || !names.has(plugin.bundled))];
}

/** Whether a listed plugin says more than its name. */
export function hasOptions({ options }: ListedPlugin): boolean {
  return options !== undefined && !(isMapping(options) && Object.keys(options).length === 0);
}

/** A listed plugin with options for what its own leave open. */
export function withDefaults(plugin: ListedPlugin, defaults: object): ListedPlugin {
  return { ...plugin, options: { ...defaults, ...plugin.options as object | undefined } };
}

/** A listed plugin as the loader takes it. */
export function toEntry({ specifier, options, path, factory }: ListedPlugin): PluginEntry {
  return { specifier, options, place: formatKeyPath(path), ...factory && { factory } };
}

/**
 * Without those that are named again with the same options, in another list or the same: a plugin that has hooks of several
 * kinds may stand in each list that it serves, and is one.
 */
export function withoutRepeats(listed: readonly ListedPlugin[]): ListedPlugin[] {
  return listed.filter((plugin, index) => !listed.slice(0, index).some((earlier) => isSame(plugin, earlier)));
}

/** Alike in all but where and under which name they stand. */
function isSame(
  { name: _, path: __, ...one }: ListedPlugin,
  { name: ___, path: ____, ...other }: ListedPlugin,
): boolean {
  return isSamePlugin(one, other) && isDeepStrictEqual(one, other);
}

/** Whether two entries name one plugin, whatever its options. Two functions that stand in the config may have one name. */
export function isSamePlugin(
  one: Pick<PluginEntry, "specifier" | "factory">,
  other: Pick<PluginEntry, "specifier" | "factory">,
): boolean {
  return one.specifier === other.specifier && one.factory === other.factory;
}

/** Reports bundled plugins that are listed more than once: their options could not both hold. */
export function checkTwice(listed: readonly ListedPlugin[], report: Report): void {
  const seen = new Map<BundledPluginName, ListedPlugin>();
  for (const plugin of listed) {
    if (plugin.bundled === undefined) continue;
    const first = seen.get(plugin.bundled);
    if (first === undefined) seen.set(plugin.bundled, plugin);
    else report.fault(plugin.path, `${plugin.bundled} is listed already: see ${formatKeyPath(first.path)}`);
  }
}
