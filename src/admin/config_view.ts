import type { ConfigValueOrigin, ResolvedConfig } from "../config/config.ts";
import type { Keys } from "../config/key.ts";
import { formatValue, listedKeys } from "../config/keys.ts";
import { toCamelCase, toHyphens } from "../config/spelling.ts";

/** A key as it is in force. */
export interface ConfigEntry {
  readonly key: string;
  /** For people. */
  readonly value: string;
  /** For people; empty: none. */
  readonly default: string;
  readonly source: "config" | "default" | "environment";
  /** File and line that say it; `null`: none does, or a program. */
  readonly place: string | null;
  /** Environment variables that it was made with. */
  readonly variables: readonly string[];
}

/** Whatever is to stay between the operator and the config file; the paths of files that hold it may be told. */
const SECRET = /(passphrase|password|secret|token|cadata|key)$/i;
/** Options of others may hold secrets under any name. */
const BUNDLED: ReadonlySet<string> = new Set([
  "auth.anonymous",
  "auth.file",
  "topic_acl",
  "topic_taboo",
  "broker_sys",
  "event_logger",
  "packet_logger",
]);
const LONGEST_VALUE = 10_000;

/** Says where a value comes from: the places are looked at in turn. */
type Trace = (...paths: readonly (readonly string[])[]) => ConfigValueOrigin | undefined;

/** The config in force, key by key, without secrets. */
export function configEntries(config: ResolvedConfig): ConfigEntry[] {
  const { limits, log, admin, persistence, listeners, bridges, origin } = config;
  const trace: Trace = (...paths) => paths.map((path) => origin?.of(path)).find((found) => found !== undefined);
  const section = (name: "log" | "admin" | "persistence", values: object) =>
    entriesOf(`${name}.`, listedKeys[name], values, (key) => trace([name, key]));
  return [
    ...entriesOf("", listedKeys.broker, { ...limits, ...config }, (key) => trace([key])),
    ...section("log", log),
    ...section("admin", {
      ...admin,
      bind: admin.binds.map(({ hostname, port }) => `${hostname}:${port}`),
      metrics: { public: admin.metricsPublic },
    }),
    ...section("persistence", persistence),
    ...listeners.flatMap((listener) => listenerEntries(listener, trace)),
    ...bridges.flatMap((bridge) =>
      entriesOf(`bridges.${bridge.name}.`, listedKeys.bridge, bridge, (key) => trace(["bridges", bridge.name, key]))
    ),
    ...config.plugins.flatMap((entry) => pluginEntries(entry, trace)),
  ];
}

function listenerEntries(listener: ResolvedConfig["listeners"][number], trace: Trace): ConfigEntry[] {
  const { name, hostname, port, socketPath, tls, limits } = listener;
  const bind = socketPath === undefined ? `${hostname}:${port}` : `unix:${socketPath}`;
  const shown = { ...listener, ...tls, ssl: tls !== undefined, bind };
  const inherited = (key: string) => trace(["listeners", name, key], ["listeners", "default", key]);
  const own = entriesOf(`listeners.${name}.`, listedKeys.listener, shown, inherited);
  // Limits that hold for all stand at the top.
  const special = entriesOf(`listeners.${name}.`, listedKeys.broker, limits, inherited);
  return [...own, ...special.filter(({ place }) => place !== null)];
}

function pluginEntries({ specifier, place, options }: ResolvedConfig["plugins"][number], trace: Trace): ConfigEntry[] {
  const section = toCamelCase(/^[\w-]+/.exec(place)?.[0] ?? place);
  const origin = trace([section]);
  const given = entry({ key: place, value: specifier, otherwise: "", origin, isDefault: false });
  if (typeof options !== "object" || options === null) return [given];
  if (!BUNDLED.has(specifier)) {
    return [given, entry({ key: `${place} options`, value: "(hidden)", otherwise: "", origin, isDefault: false })];
  }
  return [
    given,
    ...Object.entries(options).filter(([, value]) => value !== undefined).map(([name, value]) =>
      entry({
        key: `${place} ${toHyphens(name)}`,
        value: SECRET.test(name) ? "(hidden)" : textOf(value),
        otherwise: "",
        origin: trace([section, name]),
        isDefault: false,
      })
    ),
  ];
}

function entriesOf(
  prefix: string,
  keys: Keys,
  values: object,
  originOf: (key: string) => ConfigValueOrigin | undefined,
): ConfigEntry[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const value: unknown = (values as Readonly<Record<string, unknown>>)[name];
    // Sections and listeners are told key by key.
    if (value === undefined || SECTIONS.has(name) && prefix === "") return [];
    const isSecret = SECRET.test(name);
    const shown = typeof value === "object" && value !== null ? textOf(value) : formatValue(key, value);
    return [entry({
      key: `${prefix}${toHyphens(name)}`,
      value: isSecret ? "(hidden)" : shown,
      otherwise: key.shown ?? formatValue(key, key.default),
      origin: originOf(name),
      isDefault: value === key.default,
    })];
  });
}

const SECTIONS: ReadonlySet<string> = new Set([
  "listeners",
  "auth",
  "topicCheck",
  "plugins",
  "persistence",
  "log",
  "admin",
]);

function entry({ key, value, otherwise, origin, isDefault }: {
  readonly key: string;
  readonly value: string;
  readonly otherwise: string;
  readonly origin: ConfigValueOrigin | undefined;
  readonly isDefault: boolean;
}): ConfigEntry {
  const said = origin ? origin.variables.length > 0 ? "environment" as const : "config" as const : undefined;
  return {
    key,
    value,
    default: otherwise,
    source: said ?? (isDefault ? "default" : "config"),
    place: origin ? `${origin.file}:${origin.line}` : null,
    variables: origin?.variables ?? [],
  };
}

/** A list or a map as JSON, in which what is called like a secret is hidden. */
function textOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const text = JSON.stringify(value, (key, inner) => SECRET.test(key) ? "(hidden)" : inner);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}
