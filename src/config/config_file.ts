/** Reads a config file and finds the lines of what is in it; loaded by {@linkcode loadConfigFile} when there is one. */
import { dirname, resolve } from "node:path";
import { ConfigError, type ConfigFault, formatPosition, type Position } from "./config_error.ts";
import type { ResolvedConfig } from "./config.ts";
import { KeyLocator } from "./key_lines.ts";
import { type KeyPath, parseKeyPath } from "./key_path.ts";
import { configOrigin } from "./origin.ts";
import { show } from "./report.ts";
import { resolveConfig } from "./resolve.ts";
import { isMapping } from "./mapping.ts";
import { type Environment, expandVariables } from "./variables.ts";
import { parseYaml } from "./yaml_text.ts";
import { host } from "../runtime/host.ts";

/**
 * A config file that was read and found right.
 *
 * @category Config
 */
export interface LoadedConfig {
  /** Path as it was given. */
  readonly file: string;
  /** Folder of the file, absolute: relative paths start there. */
  readonly baseDirectory: string;
  /** As it stands in the file, with its variables replaced: what `new Broker()` takes. */
  readonly config: Readonly<Record<string, unknown>>;
  /** With inheritance and defaults. */
  readonly resolved: ResolvedConfig;
  /** What is to be said about the file as such, as `broker.yaml: text`. */
  readonly notes: readonly string[];
  /** `resolved.warnings` with their positions, as `broker.yaml:3:5: key.path: text`. */
  readonly warnings: readonly string[];
  /**
   * Where a key stands: its own place or the nearest key's above it; `undefined` if that was not found.
   *
   * @param path a key path, or a text that begins with one, such as a plugin's `place`
   */
  locate(path: KeyPath | string): Position | undefined;
}

/**
 * What {@linkcode loadConfigFile} takes besides the file.
 *
 * @category Config
 */
export interface LoadConfigOptions {
  /** Looks up what stands for `${NAME}` in a value; `undefined`: not set. @default the process's environment */
  readonly environment?: (name: string) => string | undefined;
}

/** What `loadConfigFile` does. */
export async function readConfigFile(file: string, options: LoadConfigOptions): Promise<LoadedConfig> {
  const text = await readText(file);
  const result = parseYaml(text, file);
  if ("fault" in result) throw new ConfigError([result.fault]);
  const locator = new KeyLocator(text);
  const document = withVariables(result.document, locator, file, options.environment ?? readEnvironment);
  if (document !== null && document !== undefined && !isMapping(document)) {
    const message = `must be a mapping of keys to values: got ${show(document)}`;
    throw new ConfigError([{ path: [], message, position: { file, line: 1, column: 1 } }]);
  }
  const config = document ?? {};
  const baseDirectory = dirname(resolve(file));
  const origin = configOrigin(result.document, locator, file);
  const resolved = { ...resolveLocated(config, baseDirectory, locator, file), origin };
  const locate = (path: KeyPath | string) =>
    withFile(file, locator.locate(typeof path === "string" ? parseKeyPath(path) : path, "value"));
  const notes = document === config ? [] : [`${file}: is empty: the defaults hold`];
  const warnings = resolved.warnings.map((warning) => {
    const position = locate(warning);
    return `${position === undefined ? file : formatPosition(position)}: ${warning}`;
  });
  return { file, baseDirectory, config, resolved, notes, warnings, locate };
}

function readEnvironment(name: string): string | undefined {
  return host.env.get(name);
}

/** What follows from a variable that is missing is no further fault. */
function withVariables(document: unknown, locator: KeyLocator, file: string, environment: Environment): unknown {
  const expanded = expandVariables(document, { environment, isPlain: (path) => locator.isPlain(path) });
  if (expanded.faults.length > 0) throw locatedError(expanded.faults, locator, file);
  return expanded.document;
}

async function readText(file: string): Promise<string> {
  const fail = (reason: string) =>
    new ConfigError([{ path: [], message: `Cannot read config file ${file}: ${reason}` }]);
  let bytes: Uint8Array;
  try {
    bytes = await host.readFile(file);
  } catch (error) {
    if (error instanceof host.errors.NotFound) throw fail("there is no such file");
    if (error instanceof host.errors.PermissionDenied) throw fail("permission denied");
    if (await isFolder(file)) throw fail("it is a folder");
    throw fail(error instanceof Error ? error.message : String(error));
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fail("it is not UTF-8 text");
  }
}

async function isFolder(file: string): Promise<boolean> {
  try {
    return (await host.stat(file)).isDirectory;
  } catch {
    return false;
  }
}

/** Resolves, and adds positions to the faults, in the order of the file. */
function resolveLocated(config: unknown, baseDirectory: string, locator: KeyLocator, file: string): ResolvedConfig {
  try {
    return resolveConfig(config, { baseDirectory });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw locatedError(error.faults, locator, file);
  }
}

function locatedError(faults: readonly ConfigFault[], locator: KeyLocator, file: string): ConfigError {
  const located = faults.map((fault): ConfigFault => {
    const position = withFile(file, locator.locate(fault.path, fault.at ?? "value"));
    return { ...fault, position: position ?? { file, line: 1, column: 1 } };
  });
  return new ConfigError(located.toSorted(byPosition));
}

function withFile(file: string, position: Omit<Position, "file"> | undefined): Position | undefined {
  return position && { file, ...position };
}

function byPosition({ position: a }: ConfigFault, { position: b }: ConfigFault): number {
  return (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);
}
