import { resolve } from "node:path";
import { resolveAdmin } from "./admin.ts";
import { resolveBridges } from "./bridges.ts";
import { resolveCluster } from "./cluster.ts";
import { ConfigError } from "./config_error.ts";
import type { ResolvedConfig } from "./config.ts";
import { defaultsOf, fill } from "./key.ts";
import { defaultLimits } from "./keys.ts";
import { resolveLog, withLog } from "./log.ts";
import { mergeLimits, resolveListeners } from "./listeners.ts";
import { resolvePersistence } from "./persistence.ts";
import { resolvePlugins } from "./plugins.ts";
import { Report } from "./report.ts";
import { brokerSchema } from "./schema.ts";
import { readSection } from "./section.ts";
import { capacityKeys } from "./limit_table.ts";
import { warnAboutSurprises } from "./surprises.ts";

/** What {@linkcode resolveConfig} has to know besides the config. */
export interface ResolveOptions {
  /** Folder that relative paths start from, absolute. */
  readonly baseDirectory: string;
}

const RESOLVED = Symbol("a config that is resolved already");

/** What {@linkcode resolveConfig}, and so a broker, takes for a config that whoever has read it has resolved already. */
export function alreadyResolved(config: ResolvedConfig): Readonly<Record<string, unknown>> {
  return { [RESOLVED]: config };
}

/**
 * Checks a config and fills in inheritance and defaults. Nothing is read from disk: whether files are there shows when
 * they are loaded.
 *
 * @param input a `BrokerConfig`, or an object parsed from YAML with hyphens or underscores in its keys; `undefined` or
 * `null` is a config without any key; or what {@linkcode alreadyResolved} makes, whose config is returned as it is
 * @throws {ConfigError} with every fault
 */
export function resolveConfig(input: unknown, options: ResolveOptions): ResolvedConfig {
  const done = (input as { readonly [RESOLVED]?: ResolvedConfig } | null | undefined)?.[RESOLVED];
  if (done !== undefined) return done;
  const report = new Report();
  const baseDirectory = resolve(options.baseDirectory);
  const broker = readSection(brokerSchema, input ?? {}, [], report);
  const { values } = broker;
  const limits = mergeLimits(defaultLimits, values);
  const listeners = resolveListeners(values.listeners, broker.pathOf("listeners"), limits, baseDirectory, report);
  const plugins = resolvePlugins(broker, baseDirectory, report);
  const bridges = resolveBridges(values.bridges, broker.pathOf("bridges"), baseDirectory, report);
  const log = resolveLog(broker, report);
  const persistence = resolvePersistence(broker, baseDirectory, report);
  const admin = resolveAdmin(broker, { baseDirectory, plugins: plugins.plugins, report });
  const cluster = resolveCluster(broker, persistence, baseDirectory, report);
  if (report.faults.length > 0) throw new ConfigError(report.faults);
  warnAboutSurprises(broker, { ...listeners, ...plugins }, report);
  return {
    baseDirectory,
    ...listeners,
    ...plugins,
    plugins: withLog(plugins.plugins, log),
    limits,
    ...fill(capacityKeys, values, defaultsOf(capacityKeys)),
    persistence,
    bridges,
    cluster,
    log,
    admin,
    warnings: report.warnings,
  };
}
