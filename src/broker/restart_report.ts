import { isDeepStrictEqual } from "node:util";
import type { PluginEntry, ResolvedConfig, ResolvedLimits, ResolvedListener } from "../config/config.ts";
import { isSamePlugin } from "../config/plugin_list.ts";
import { toHyphens } from "../config/spelling.ts";
import { capacityKeys } from "../config/limit_table.ts";

/**
 * The keys that say something else than the config that the broker runs with, and that it does not take over.
 *
 * @param reloaded those of the running plugins that have taken over their options
 * @returns key paths, such as `listeners.mqtt.bind`
 */
export function needingRestart(
  running: ResolvedConfig,
  now: ResolvedConfig,
  reloaded: readonly PluginEntry[],
): string[] {
  return [
    ...changedKeys(running, now, Object.keys(capacityKeys) as (keyof typeof capacityKeys)[]),
    ...changedKeys(running.limits, now.limits),
    ...changedListeners(running, now),
    ...changedPersistence(running.persistence, now.persistence),
    ...differ(running.cluster, now.cluster) ? ["cluster"] : [],
    ...changedPlugins(running, now, reloaded),
    ...changedLog(running, now),
    ...changedBridges(running.bridges, now.bridges),
    // Its users are taken over.
    ...changedKeys(running.admin, { ...now.admin, users: running.admin.users }).map((key) =>
      `admin.${key === "binds" ? "bind" : key}`
    ),
  ];
}

type Persistence = ResolvedConfig["persistence"];

/** Of one store the keys that have changed; another store is another section. */
function changedPersistence(old: Persistence, now: Persistence): string[] {
  if (old.type === "sqlite" && now.type === "sqlite") return changedKeys(old, now).map((key) => `persistence.${key}`);
  // A store that a program has made is itself, whatever is in it.
  if (old.type === "in-place" && now.type === "in-place" && old.store !== now.store) return ["persistence"];
  return differ(old, now) ? ["persistence"] : [];
}

function changedListeners(running: ResolvedConfig, now: ResolvedConfig): string[] {
  const names = new Set([...running.listeners, ...now.listeners].map(({ name }) => name));
  return [...names].flatMap((name) => {
    const [old, current] = [running, now].map(({ listeners }) => listeners.find((one) => one.name === name));
    if (!old || !current) return [`listeners.${name}`];
    const keys = changedListener(old, current, { running: running.limits, now: now.limits });
    return keys.map((key) => `listeners.${name}.${key}`);
  });
}

function changedBridges(old: ResolvedConfig["bridges"], now: ResolvedConfig["bridges"]): string[] {
  const names = new Set([...old, ...now].map(({ name }) => name));
  const changed = [...names].filter((name) =>
    differ(old.find((one) => one.name === name), now.find((one) => one.name === name))
  );
  return changed.map((name) => `bridges.${name}`);
}

/** What `bind` is read into. */
const partsOfBind: readonly string[] = ["hostname", "port", "socket-path"];

function changedListener(
  old: ResolvedListener,
  current: ResolvedListener,
  top: { readonly running: ResolvedLimits; readonly now: ResolvedLimits },
): string[] {
  const { limits: oldLimits, tls: oldTls, ...oldRest } = old;
  const { limits, tls, ...rest } = current;
  // A limit that is inherited is told at the top.
  const inherits = (key: keyof ResolvedLimits) => oldLimits[key] === top.running[key] && limits[key] === top.now[key];
  const ownLimits = (Object.keys(limits) as (keyof ResolvedLimits)[]).filter((key) => !inherits(key));
  return [
    ...!oldTls !== !tls ? ["ssl"] : changedKeys(oldTls ?? {}, tls ?? {}),
    ...new Set(changedKeys(oldRest, rest).map((key) => partsOfBind.includes(key) ? "bind" : key)),
    ...changedKeys(oldLimits, limits, ownLimits),
  ];
}

/** Of `log` what plugins are made with. */
function changedLog(running: ResolvedConfig, now: ResolvedConfig): string[] {
  return changedKeys(running.log, now.log, ["packets", "excludeSys"]).map((key) => `log.${key}`);
}

/** Plugins that `log` has a say in. */
const loggers: readonly string[] = ["event_logger", "packet_logger"];

function changedPlugins(running: ResolvedConfig, now: ResolvedConfig, reloaded: readonly PluginEntry[]): string[] {
  const isTold = (specifier: string) => loggers.includes(specifier) && changedLog(running, now).length > 0;
  const untold = ({ plugins }: ResolvedConfig) => plugins.filter(({ specifier }) => !isTold(specifier));
  const [old, current] = [untold(running), untold(now)];
  // Anonymous clients and topics are dealt with anew by a restart only.
  if (old.length !== current.length || !old.every((entry, index) => isSamePlugin(entry, current[index]!))) {
    return sectionsOfPlugins(old, current);
  }
  const options = old.flatMap((entry, index) =>
    !reloaded.includes(entry) && differ(entry.options, current[index]?.options) ? [entry.place] : []
  );
  const sections = [
    ...running.anonymous === now.anonymous ? [] : ["auth"],
    ...running.topicCheck === now.topicCheck ? [] : ["topic-check"],
  ];
  return [...sections, ...options];
}

/** Where the plugins stand that came or went; in `plugins`, if they only changed places. */
function sectionsOfPlugins(old: ResolvedConfig["plugins"], now: ResolvedConfig["plugins"]): string[] {
  const isIn = (list: typeof old, entry: PluginEntry) => list.some((other) => isSamePlugin(entry, other));
  const others = [...old.filter((entry) => !isIn(now, entry)), ...now.filter((entry) => !isIn(old, entry))];
  if (others.length === 0) return ["plugins"];
  return [...new Set(others.map(({ place }) => /^[\w-]+/.exec(place)?.[0] ?? "plugins"))];
}

function changedKeys<T extends object>(
  old: T,
  now: T,
  keys: readonly (keyof T)[] = Object.keys({ ...old, ...now }) as (keyof T)[],
): string[] {
  return keys.filter((key) => differ(old[key], now[key])).map((key) => toHyphens(String(key)));
}

/** Options of a program's plugins may hold anything. */
function differ(a: unknown, b: unknown): boolean {
  return !isDeepStrictEqual(a, b);
}
