/** The files that a config names: `--check` looks whether they are there. */
import { isAbsolute, resolve } from "node:path";
import type { ResolvedConfig } from "../config/config.ts";
import { formatKeyPath } from "../config/key_path.ts";
import { toHyphens } from "../config/spelling.ts";
import { host } from "../runtime/host.ts";

/** Keys of a listener that name a file or folder. */
export const LISTENER_FILES = ["certfile", "keyfile", "keyfilePassphraseFile", "cafile", "capath", "crlfile"] as const;
const LOG_FILES = ["passwordFile", "tokenFile", "credentialsFile", "cafile", "certfile", "keyfile"] as const;
const BRIDGE_FILES = ["passwordFile", "cafile", "certfile", "keyfile"] as const;
const CLUSTER_FILES = ["certfile", "keyfile", "cafile"] as const;

/** Something that the config names and that cannot be used. */
export interface Problem {
  /** Key path. */
  readonly place: string;
  readonly problem: string;
}

interface NamedFile {
  readonly place: string;
  readonly path: string;
  readonly folder: boolean;
}

/** What the config names and is not there, or is a folder in place of a file. */
export async function findMissing(config: ResolvedConfig): Promise<Problem[]> {
  const missing: Problem[] = [];
  for (const { place, path, folder } of namedFiles(config)) {
    const problem = await problemOf(path, folder);
    if (problem !== undefined) missing.push({ place, problem });
  }
  return missing;
}

function namedFiles(config: ResolvedConfig): NamedFile[] {
  const { listeners, bridges, cluster } = config;
  const log = cluster && { ...cluster.log.access, ...cluster.log.access.tls };
  return [
    ...listeners.flatMap(({ name, tls }) => filesOf(["listeners", name], LISTENER_FILES, tls)),
    ...bridges.flatMap(({ name, passwordFile, tls }) =>
      filesOf(["bridges", name], BRIDGE_FILES, { ...tls, passwordFile })
    ),
    ...filesOf(["cluster"], CLUSTER_FILES, cluster?.tls),
    ...filesOf(["cluster", "log"], LOG_FILES, log),
    ...namedByPlugins(config),
  ];
}

function filesOf<Key extends string>(
  section: readonly string[],
  keys: readonly Key[],
  values: { readonly [key in Key]?: string } | undefined,
): NamedFile[] {
  const files: NamedFile[] = [];
  for (const key of keys) {
    const path = values?.[key];
    // A file with both is told of once.
    const isTold = key === "keyfile" && files.some((file) => file.path === path);
    if (path === undefined || isTold) continue;
    files.push({ place: formatKeyPath([...section, toHyphens(key)]), path, folder: key === "capath" });
  }
  return files;
}

function namedByPlugins({ plugins, persistence, baseDirectory }: ResolvedConfig): NamedFile[] {
  const files: NamedFile[] = [];
  for (const { specifier, options, place } of plugins) {
    if (specifier === "auth.file") {
      files.push({ place, path: (options as { readonly passwordFile: string }).passwordFile, folder: false });
    } else files.push(...namedModule(place, specifier, baseDirectory));
  }
  if (persistence.type === "module") {
    files.push(...namedModule("persistence.type", persistence.specifier, baseDirectory));
  }
  return files;
}

/** The file of a module, if it is named by its path. */
function namedModule(place: string, specifier: string, baseDirectory: string): NamedFile[] {
  const isPath = specifier.startsWith(".") || isAbsolute(specifier);
  return isPath ? [{ place, path: resolve(baseDirectory, specifier), folder: false }] : [];
}

async function problemOf(path: string, folder: boolean): Promise<string | undefined> {
  try {
    const { isDirectory } = await host.stat(path);
    if (isDirectory === folder) return undefined;
    return `${path} must be a ${folder ? "folder" : "file"}: got a ${folder ? "file" : "folder"}`;
  } catch (error) {
    if (error instanceof host.errors.NotFound) return `${path} is not there`;
    return `Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
