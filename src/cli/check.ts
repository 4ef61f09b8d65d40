import type { ResolvedConfig, ResolvedLimits } from "../config/config.ts";
import { ConfigError, formatPosition, type Position } from "../config/config_error.ts";
import { formatKeyPath } from "../config/key_path.ts";
import { defaultLimits, formatValue } from "../config/keys.ts";
import { loadConfigFile } from "../config/load.ts";
import { formatAddress as hostAndPort } from "../transport/address.ts";
import { resolveConfig } from "../config/resolve.ts";
import { toHyphens } from "../config/spelling.ts";
import { limitKeys } from "../config/limit_table.ts";
import { filterOf } from "../packet/topic_pattern.ts";
import { formatAddress as joinAddress } from "../transport/address.ts";
import { checkSqliteFile } from "../store/sqlite/load.ts";
import { formatAddress } from "./address.ts";
import { ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { findMissing, LISTENER_FILES, type Problem } from "./named_files.ts";
import type { CliServices } from "./services.ts";
import { host } from "../runtime/host.ts";

/**
 * Goes through a start on a config, looks whether its database can be opened, prints what would be started, and starts
 * nothing.
 *
 * @param file config file; `undefined`: the defaults
 * @returns the exit code
 */
export async function check(file: string | undefined, io: CliIo, services: CliServices): Promise<number> {
  try {
    const loaded = file === undefined ? defaults() : await loadConfigFile(file);
    const at = ({ place, problem }: Problem) => {
      const position = loaded.locate(place);
      return `${position === undefined ? "" : `${formatPosition(position)}: `}${place}: ${problem}`;
    };
    const database = await lookAtDatabase(loaded.resolved);
    const missing = await findMissing(loaded.resolved);
    const start = await services.checkStart(without(missing, loaded.resolved));
    const faults = [...missing, ...start.faults, ...database.faults];
    for (const fault of inOrder(faults, loaded.locate)) io.error(at(fault));
    if (faults.length > 0) return ExitCode.Usage;
    for (const line of describe(loaded.resolved)) io.out(line);
    const warnings = [...loaded.notes, ...loaded.warnings, ...start.warnings, ...database.warnings.map(at)];
    for (const warning of warnings) io.error(`warning: ${warning}`);
    return ExitCode.Success;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const line of error.message.split("\n")) io.error(line);
    return ExitCode.Usage;
  }
}

function defaults() {
  const resolved = resolveConfig({}, { baseDirectory: host.cwd() });
  return { resolved, notes: [], warnings: [], locate: (): Position | undefined => undefined };
}

/** What would be started, as lines. */
function describe(config: ResolvedConfig): string[] {
  return [
    "listeners:",
    ...config.listeners.map((listener) => {
      const address = formatAddress(listener.name, { ...listener, secure: listener.tls !== undefined });
      return `  ${address}${listener.maxConnections === 0 ? "" : `, at most ${listener.maxConnections} connections`}`;
    }),
    ...describeAdmin(config),
    "plugins:",
    ...config.plugins.map(({ specifier, place }) => `  ${specifier} (${place})`),
    `persistence: ${describePersistence(config)}`,
    ...describeBridges(config),
    ...describeLimits(config),
  ];
}

function describeAdmin({ admin: { binds } }: ResolvedConfig): string[] {
  const lines = binds.map(({ hostname, port, tls }) => `  http${tls ? "s" : ""}://${hostAndPort(hostname, port)}/`);
  return lines.length === 0 ? [] : ["admin:", ...lines];
}

/** What each bridge would subscribe to and publish, on both sides. */
function describeBridges({ bridges }: ResolvedConfig): string[] {
  if (bridges.length === 0) return [];
  return [
    "bridges:",
    ...bridges.flatMap(({ name, addresses, tls, version, topics }) => [
      `  ${name}: ${addresses.map(({ hostname, port }) => joinAddress(hostname, port)).join(", ")}${
        tls ? ", TLS" : ""
      }, MQTT ${version}`,
      ...topics.flatMap(({ direction, qos, local, remote }) => [
        ...direction === "in" ? [] : [`    publishes ${filterOf(local)} as ${filterOf(remote)} there, QoS ${qos}`],
        ...direction === "out"
          ? []
          : [`    subscribes to ${filterOf(remote)} there, as ${filterOf(local)} here, QoS ${qos}`],
      ]),
    ]),
  ];
}

function describePersistence({ persistence }: ResolvedConfig): string {
  if (persistence.type === "sqlite") return `sqlite (${persistence.path}, commit: ${persistence.commit})`;
  return persistence.type === "module" ? persistence.specifier : persistence.type;
}

/** Limits that differ from the defaults, and those of a listener that differ from the broker's. */
function describeLimits({ limits, listeners }: ResolvedConfig): string[] {
  const lines = differences(limits, defaultLimits).map((line) => `  ${line}`);
  for (const listener of listeners) {
    lines.push(...differences(listener.limits, limits).map((line) => `  ${line} (${listener.name})`));
  }
  return lines.length === 0 ? ["limits: as by default"] : ["limits:", ...lines];
}

function differences(limits: ResolvedLimits, from: ResolvedLimits): string[] {
  const keys = Object.keys(limits) as (keyof ResolvedLimits)[];
  const changed = keys.filter((key) => limits[key] !== from[key]);
  return changed.map((key) => `${toHyphens(key)}: ${formatValue(limitKeys[key], limits[key])}`);
}

/** What cannot be started anyhow is left out, so that one fault is told once. */
function without(missing: readonly Problem[], config: ResolvedConfig): ResolvedConfig {
  const isMissing = (place: string) => missing.some((problem) => problem.place === place);
  const below = (listener: string) =>
    LISTENER_FILES.some((key) => isMissing(formatKeyPath(["listeners", listener, toHyphens(key)])));
  const { listeners, plugins, persistence, cluster } = config;
  // The file of a database is looked at from outside.
  const keepsStore = persistence.type === "module" && !isMissing("persistence.type");
  return {
    ...config,
    listeners: listeners.filter(({ name }) => !below(name)),
    plugins: plugins.filter(({ place }) => !isMissing(place)),
    cluster: missing.some(({ place }) => place.startsWith("cluster.")) ? undefined : cluster,
    persistence: keepsStore ? persistence : { type: "memory" },
  };
}

/** As they stand in the file; what has no place there comes last. */
function inOrder(problems: readonly Problem[], locate: (place: string) => Position | undefined): Problem[] {
  const line = ({ place }: Problem) => locate(place)?.line ?? Infinity;
  return problems.toSorted((a, b) => line(a) === line(b) ? 0 : line(a) - line(b));
}

/** A database that is in use is no fault: the broker may be running that this config is meant for. */
async function lookAtDatabase(
  { persistence }: ResolvedConfig,
): Promise<{ faults: Problem[]; warnings: Problem[] }> {
  const finding = persistence.type === "sqlite" ? await checkSqliteFile(persistence.path) : undefined;
  if (finding === undefined) return { faults: [], warnings: [] };
  const problem = { place: "persistence.path", problem: finding.text };
  return finding.kind === "fault" ? { faults: [problem], warnings: [] } : { faults: [], warnings: [problem] };
}
