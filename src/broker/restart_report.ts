import type { ResolvedConfig, ResolvedLimits, ResolvedListener } from "../config/config.ts";
import { toHyphens } from "../config/spelling.ts";
import { capacityKeys } from "../config/table.ts";

/**
 * The keys that say something else than the config that the broker runs with, and that it does not take over.
 *
 * @param reloaded plugins that have taken over their options
 * @returns key paths, such as `listeners.mqtt.bind`
 */
export function needingRestart(
  running: ResolvedConfig,
  now: ResolvedConfig,
  reloaded: readonly string[],
): string[] {
  return [
    ...changedKeys(running, now, Object.keys(capacityKeys) as (keyof typeof capacityKeys)[]),
    ...changedKeys(running.limits, now.limits),
    ...changedListeners(running, now),
    ...changedPersistence(running.persistence, now.persistence),
    ...changedPlugins(running, now, reloaded),
    ...changedLog(running, now),
  ];
}

type Persistence = ResolvedConfig["persistence"];

/** Of one store the keys that have changed; another store is another section. */
function changedPersistence(old: Persistence, now: Persistence): string[] {
  if (old.type === "sqlite" && now.type === "sqlite") return changedKeys(old, now).map((key) => `persistence.${key}`);
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

function changedPlugins(running: ResolvedConfig, now: ResolvedConfig, reloaded: readonly string[]): string[] {
  const isTold = (specifier: string) => loggers.includes(specifier) && changedLog(running, now).length > 0;
  const [old, current] = [running, now].map(({ plugins }) => plugins.filter(({ specifier }) => !isTold(specifier)));
  const names = (plugins: ResolvedConfig["plugins"] = []) => plugins.map(({ specifier }) => specifier);
  // Anonymous clients and topics are dealt with anew by a restart only.
  if (differ(names(old), names(current))) return sectionsOfPlugins(old!, current!);
  const options = old!.flatMap((entry, index) =>
    !reloaded.includes(entry.specifier) && differ(entry.options, current![index]?.options) ? [entry.place] : []
  );
  const sections = [
    ...running.anonymous === now.anonymous ? [] : ["auth"],
    ...running.topicCheck === now.topicCheck ? [] : ["topic-check"],
  ];
  return [...sections, ...options];
}

/** Where the plugins stand that came or went; in `plugins`, if they only changed places. */
function sectionsOfPlugins(old: ResolvedConfig["plugins"], now: ResolvedConfig["plugins"]): string[] {
  const isIn = (list: typeof old, specifier: string) => list.some((entry) => entry.specifier === specifier);
  const others = [
    ...old.filter(({ specifier }) => !isIn(now, specifier)),
    ...now.filter(({ specifier }) => !isIn(old, specifier)),
  ];
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

/** Configs are plain data. */
function differ(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}
