import type { ResolvedConfig, ResolvedLimits, ResolvedListener } from "../config/config.ts";
import { toHyphens } from "../config/spelling.ts";

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
    ...changedKeys(running, now, ["maxSessions", "maxShareGroups", "maxRetained", "maxRetainedBytes", "maxTotalBytes"]),
    ...changedKeys(running.limits, now.limits),
    ...changedListeners(running, now),
    ...differ(running.persistence, now.persistence) ? ["persistence"] : [],
    ...changedPlugins(running, now, reloaded),
    ...changedKeys(running.log, now.log, ["packets", "excludeSys"]).map((key) => `log.${key}`),
  ];
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
const partsOfBind: readonly string[] = ["hostname", "port", "socket-path", "socket-mode"];

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

function changedPlugins(running: ResolvedConfig, now: ResolvedConfig, reloaded: readonly string[]): string[] {
  const names = ({ plugins }: ResolvedConfig) => plugins.map(({ specifier }) => specifier);
  // Anonymous clients and topics are dealt with anew by a restart only.
  if (differ(names(running), names(now))) return ["plugins"];
  const options = running.plugins.flatMap((entry, index) =>
    !reloaded.includes(entry.specifier) && differ(entry.options, now.plugins[index]?.options) ? [entry.place] : []
  );
  const sections = [
    ...running.anonymous === now.anonymous ? [] : ["auth"],
    ...running.topicCheck === now.topicCheck ? [] : ["topic-check"],
  ];
  return [...sections, ...options];
}

function changedKeys<T extends object>(
  old: T,
  now: T,
  keys = Object.keys({ ...old, ...now }) as (keyof T)[],
): string[] {
  return keys.filter((key) => differ(old[key], now[key])).map((key) => toHyphens(String(key)));
}

/** Configs are plain data. */
function differ(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}
