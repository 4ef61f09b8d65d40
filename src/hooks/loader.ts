/** From an import specifier in the config to a plugin that has been checked. */
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { observingHooks } from "./observing_hooks.ts";
import type { PluginEntry } from "../config/config.ts";
import { nearestName, toCamelCase } from "../config/spelling.ts";
import type { Plugin, PluginContext, PluginFactory } from "./plugin.ts";
import { host } from "../runtime/host.ts";

/** A plugin that is ready to be asked. */
export interface LoadedPlugin {
  readonly specifier: string;
  readonly plugin: Plugin;
}

/** What loading takes beside the entry. */
export interface LoadPluginOptions {
  /** Folder that `./` and `../` start from, absolute. */
  readonly baseDirectory: string;
  /** Imports of the plugins that are known by a name; these go before everything else. */
  readonly bundled: Readonly<Record<string, () => Promise<unknown>>>;
  createContext(specifier: string): PluginContext;
  /** Whether this is a compiled binary, which can import what is embedded in it and `data:` URLs only. */
  readonly standalone?: boolean;
  /** How a URL or bare specifier is imported; for tests. */
  readonly importModule?: (specifier: string) => Promise<unknown>;
}

/**
 * A plugin that cannot be used: `auth.plugins[0]: cannot load plugin "./x.ts": …`.
 *
 * @category Plugins
 */
export class PluginLoadError extends Error {
  /** Tells this error from others. */
  override readonly name = "PluginLoadError";
}

/** Every hook, so that a misspelt one is not passed over in silence. */
const hooks: Readonly<Record<keyof Plugin, true>> = {
  authenticate: true,
  beginAuthentication: true,
  authorizePublish: true,
  authorizeSubscribe: true,
  authorizeReceive: true,
  transformMessage: true,
  transformSubscription: true,
  transformDelivery: true,
  beforeStart: true,
  afterStart: true,
  beforeShutdown: true,
  afterShutdown: true,
  reload: true,
  ...observingHooks,
};

const hookNames = Object.keys(hooks);

/**
 * Imports a plugin's module, calls its default export with the options, and checks what it returns.
 *
 * @throws {PluginLoadError} if the module cannot be imported, has no function as default export, refuses its options or
 *   returns something that is not a plugin
 */
export async function loadPlugin(entry: PluginEntry, options: LoadPluginOptions): Promise<LoadedPlugin> {
  const { specifier, place } = entry;
  try {
    // One in place has the types of the room below, which know no plugins.
    const factory = entry.factory as PluginFactory | undefined ?? factoryOf(await importModule(specifier, options));
    const plugin = await factory(entry.options, options.createContext(specifier));
    checkPlugin(plugin);
    return { specifier, plugin };
  } catch (cause) {
    throw new PluginLoadError(`${place}: cannot load plugin ${JSON.stringify(specifier)}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** What {@linkcode importModule} needs to know. */
export type ImportOptions = Omit<LoadPluginOptions, "createContext">;

/**
 * Imports what the config names: a bundled name, or an import specifier that is relative to the config file.
 *
 * @throws what the import throws
 */
export async function importModule(specifier: string, options: ImportOptions): Promise<unknown> {
  const { bundled, baseDirectory, standalone = host.build.standalone } = options;
  const importUrl = options.importModule ?? ((url: string) => import(url));
  if (Object.hasOwn(bundled, specifier)) return await bundled[specifier]?.();
  const url = locate(specifier, baseDirectory);
  try {
    return await importUrl(url);
  } catch (error) {
    if (!standalone || !url.startsWith("file:") || !isNotFound(error)) throw error;
    return await importAsText(fileURLToPath(url), importUrl);
  }
}

/** What is to be imported; a bare specifier is left to the import map of the program. */
function locate(specifier: string, baseDirectory: string): string {
  const relative = /^\.{1,2}[/\\]/.test(specifier);
  return relative || isAbsolute(specifier) ? pathToFileURL(resolve(baseDirectory, specifier)).href : specifier;
}

function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error as { code?: unknown }).code === "ERR_MODULE_NOT_FOUND" || /module not found/i.test(error.message);
}

/** A module that is not embedded in the binary can be brought in as text, if it needs no other file. */
async function importAsText(path: string, importModule: (url: string) => Promise<unknown>): Promise<unknown> {
  const advice = 'embed it with "deno compile --include", or bundle it into one JavaScript file';
  if (!/\.m?js$/.test(path)) throw new Error(`a compiled broker cannot import ${path}: ${advice}`);
  const source = await host.readTextFile(path);
  try {
    return await importModule(`data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`);
  } catch (cause) {
    if (!isNotFound(cause)) throw cause;
    throw new Error(`a compiled broker cannot import ${path}: ${advice}: ${withoutSource(messageOf(cause))}`, {
      cause,
    });
  }
}

/** An error about a `data:` URL quotes all of it. */
function withoutSource(message: string): string {
  return message.replace(/data:text\/javascript[^\s"]*/g, "the file");
}

function factoryOf(module: unknown): PluginFactory {
  const factory = (module as { default?: unknown } | undefined)?.default;
  if (typeof factory === "function") return factory as PluginFactory;
  const found = factory === undefined ? "there is none" : `it is ${describe(factory)}`;
  throw new Error(`its default export must be a function that returns hooks: ${found}`);
}

function checkPlugin(plugin: unknown): void {
  if (typeof plugin !== "object" || plugin === null || Array.isArray(plugin)) {
    throw new Error(`its default export must return an object with hooks: got ${describe(plugin)}`);
  }
  for (const name of hookNames) {
    const hook = (plugin as Record<string, unknown>)[name];
    if (hook !== undefined && typeof hook !== "function") {
      throw new Error(`hook ${name} must be a function: got ${describe(hook)}`);
    }
  }
  checkNames(plugin);
}

/**
 * What is not a hook: in an object literal every further function is a mistake; a class has methods of its own, so
 * there only those that are nearly a hook are.
 */
function checkNames(plugin: object): void {
  const prototype = Object.getPrototypeOf(plugin);
  const literal = prototype === Object.prototype || prototype === null;
  const names = literal ? Object.keys(plugin) : [...Object.keys(plugin), ...Object.getOwnPropertyNames(prototype)];
  for (const name of names) {
    if (name === "constructor" || Object.hasOwn(hooks, name)) continue;
    if (typeof Reflect.get(plugin, name) !== "function") continue;
    const nearest = nearestName(name, hookNames);
    if (nearest !== undefined) throw new Error(`unknown hook ${name}: did you mean ${toCamelCase(nearest)}?`);
    if (literal) throw new Error(`unknown hook ${name}: known are ${hookNames.join(", ")}`);
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  return `${/^[aeiou]/.test(typeof value) ? "an" : "a"} ${typeof value}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
