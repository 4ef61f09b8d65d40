import type { ResolvedConfig } from "../config/config.ts";
import type { Keys } from "../config/key.ts";
import { formatValue, listedKeys } from "../config/keys.ts";
import { toHyphens } from "../config/spelling.ts";

/** A key as it is in force. */
export interface ConfigEntry {
  readonly key: string;
  /** For people. */
  readonly value: string;
  /** For people; empty: none. */
  readonly default: string;
  readonly source: "config" | "default";
}

/** Whatever is to stay between the operator and the config file. */
const SECRET = /passphrase|password|secret|token|cadata/i;

/** The config in force, key by key, without secrets. */
export function configEntries(config: ResolvedConfig): ConfigEntry[] {
  const { limits, log, admin, persistence, listeners } = config;
  return [
    ...entriesOf("", listedKeys.broker, { ...limits, ...config }),
    ...entriesOf("log.", listedKeys.log, log),
    ...entriesOf("admin.", listedKeys.admin, admin),
    ...entriesOf("persistence.", listedKeys.persistence, persistence),
    ...listeners.flatMap((listener) => {
      const { name, hostname, port, socketPath, tls } = listener;
      const bind = socketPath === undefined ? `${hostname}:${port}` : `unix:${socketPath}`;
      const shown = { ...listener, ...tls, ssl: tls !== undefined, bind };
      return entriesOf(`listeners.${name}.`, listedKeys.listener, shown);
    }),
    ...config.plugins.map(({ specifier, place }) => ({
      key: place,
      value: specifier,
      default: "",
      source: "config" as const,
    })),
  ];
}

function entriesOf(prefix: string, keys: Keys, values: object): ConfigEntry[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const value: unknown = (values as Readonly<Record<string, unknown>>)[name];
    if (value === undefined || (typeof value === "object" && value !== null)) return [];
    const shown = SECRET.test(name) ? "(hidden)" : formatValue(key, value);
    const otherwise = key.shown ?? formatValue(key, key.default);
    const source = value === key.default ? "default" as const : "config" as const;
    return [{ key: `${prefix}${toHyphens(name)}`, value: shown, default: otherwise, source }];
  });
}
