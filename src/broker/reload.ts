/** What a running broker takes over without a restart. */
import type { ResolvedConfig } from "../config/config.ts";
import { isSamePlugin } from "../config/plugin_list.ts";
import type { HookChain } from "../hooks/chain.ts";
import type { Administration } from "./administration.ts";
import type { Listeners } from "./listeners.ts";
import { needingRestart } from "./restart_report.ts";

/**
 * What has come of a reload.
 *
 * @category Broker
 */
export interface ReloadReport {
  /** Names of the listeners whose certificates were read. */
  readonly certificates: readonly string[];
  /** Specifiers of the plugins that have taken over their options, and read their files. */
  readonly plugins: readonly string[];
  /**
   * Keys that say something else than what the broker runs with, and that hold after a restart only, such as
   * `listeners.mqtt.bind`. Empty without a new config.
   */
  readonly needsRestart: readonly string[];
  /** What could not be read; the old stays in use. */
  readonly failed: readonly ReloadFailure[];
}

/**
 * What could not be read again.
 *
 * @category Broker
 */
export interface ReloadFailure {
  /** Key path in the config, such as `listeners.mqtt` for its certificates, or `auth.plugins[0]` for a plugin. */
  readonly place: string;
  /** In words for people; in the log, too. */
  readonly reason: string;
}

/** What a reload finds if nothing runs. */
export const nothingReloaded: ReloadReport = Object.freeze({
  certificates: [],
  plugins: [],
  needsRestart: [],
  failed: [],
});

/** Who takes something over. */
export interface ReloadParts {
  readonly sockets: readonly Listeners[];
  readonly hooks: HookChain;
  readonly administration: Pick<Administration, "takeUsers">;
}

/**
 * Reads certificates again, and hands the plugins their options.
 *
 * @param running what the broker was started with
 * @param now what the config says now; `undefined`: as it was
 */
export async function reload(
  running: ResolvedConfig,
  now: ResolvedConfig | undefined,
  { sockets, hooks, administration }: ReloadParts,
): Promise<ReloadReport> {
  const certificates = (await Promise.all(sockets.map((listeners) => listeners.reload()))).flat();
  const plugins = await hooks.reload(optionsOf(running, now));
  const hasTakenUsers = now === undefined || administration.takeUsers(now.admin.users);
  const reloaded = plugins.filter(({ fault }) => fault === undefined).map(({ specifier }) => specifier);
  return {
    certificates: certificates.filter(({ fault }) => fault === undefined).map(({ listener }) => listener),
    plugins: reloaded,
    needsRestart: [
      ...now ? needingRestart(running, now, plugins.map(({ index }) => running.plugins[index]!)) : [],
      ...hasTakenUsers ? [] : ["admin.users"],
    ],
    failed: [
      ...certificates.flatMap(({ place, fault }) => failure(place, fault)),
      ...plugins.flatMap(({ index, fault }) => failure(running.plugins[index]!.place, fault)),
    ],
  };
}

function failure(place: string, reason: string | undefined): ReloadFailure[] {
  return reason === undefined ? [] : [{ place, reason }];
}

/** What each plugin that runs is given. */
function optionsOf(running: ResolvedConfig, now: ResolvedConfig | undefined): unknown[] {
  return running.plugins.map((entry) =>
    (now?.plugins.find((other) => isSamePlugin(other, entry) && other.place === entry.place) ??
      now?.plugins.find((other) => isSamePlugin(other, entry)) ?? entry).options
  );
}
