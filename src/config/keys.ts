/** What is made of the table of keys: defaults, ranges, and the list for the documentation. */
import { bridgeKeys, bridgeTopicKeys } from "./bridge_table.ts";
import type { ResolvedLimits } from "./config.ts";
import { defaultsOf, type Key, type Keys, mapKeys, quantitiesOf, type QuantityKey } from "./key.ts";
import { toHyphens } from "./spelling.ts";
import { limitKeys } from "./limit_table.ts";
import {
  adminKeys,
  authKeys,
  brokerKeys,
  clusterKeys,
  clusterLogKeys,
  listenerKeys,
  logKeys,
  persistenceKeys,
  topicCheckKeys,
} from "./table.ts";
import { formatBytes, formatSeconds } from "./units.ts";
import type { Quantity } from "./quantity.ts";

export type { Quantity } from "./quantity.ts";

/** Limits that are numbers, for the broker and for a listener. */
export const limitQuantities = quantitiesOf(limitKeys);

/** Numbers that only the broker as a whole has. */
export const brokerQuantities = quantitiesOf(brokerKeys);

/** Numbers that only a listener has. */
export const listenerQuantities = quantitiesOf(listenerKeys);

/** Numbers of the `auth` section. */
export const authQuantities = quantitiesOf(authKeys);

/** The limits of a connection where the config says nothing. */
export const defaultLimits: ResolvedLimits = defaultsOf(limitKeys);

/** What the broker as a whole has where the config says nothing. */
export const brokerDefaults = defaultsOf(brokerKeys);

/** What a listener has where the config says nothing. */
export const listenerDefaults = defaultsOf(listenerKeys);

/** The section `persistence` where the config says nothing; `path` and `commit` are those of `sqlite`. */
export const defaultPersistence = defaultsOf(persistenceKeys);

/** The section `cluster` where the config says nothing. */
export const defaultCluster = defaultsOf(clusterKeys);

/** The section `log` of `cluster` where the config says nothing. */
export const defaultClusterLog = defaultsOf(clusterLogKeys);

/** The section `log` where the config says nothing. */
export const defaultLog = defaultsOf(logKeys);

/** The section `admin` where the config says nothing. */
export const defaultAdmin = defaultsOf(adminKeys);

/** A key as the documentation lists it. */
export interface KeyEntry {
  /** Where it stands: at the top, in each of `listeners`, of `bridges` and of their `topics`, or in the section of this name; `cluster-log` is `log` in `cluster`. */
  readonly section:
    | "broker"
    | "listener"
    | "auth"
    | "topic-check"
    | "persistence"
    | "bridge"
    | "bridge-topic"
    | "cluster"
    | "cluster-log"
    | "log"
    | "admin";
  /** As in YAML. */
  readonly key: string;
  /** For people; empty: none. */
  readonly default: string;
  /** Empty: the value is not a quantity. */
  readonly unit: string;
}

/** The keys of each section. The limits may stand at the top and in a listener, and are listed at the top only. */
export const listedKeys: Readonly<Record<KeyEntry["section"], Keys>> = {
  broker: { ...brokerKeys, ...limitKeys },
  listener: listenerKeys,
  auth: authKeys,
  "topic-check": topicCheckKeys,
  persistence: persistenceKeys,
  bridge: bridgeKeys,
  "bridge-topic": bridgeTopicKeys,
  cluster: clusterKeys,
  "cluster-log": clusterLogKeys,
  log: logKeys,
  admin: adminKeys,
};

/** Every key, section by section. */
export const keyEntries: readonly KeyEntry[] = Object.entries(listedKeys).flatMap(([section, keys]) =>
  Object.values(mapKeys(keys, (key, name) => ({
    section: section as KeyEntry["section"],
    key: toHyphens(name),
    default: key.shown ?? formatValue(key, key.default),
    unit: isQuantity(key) ? key.quantity.unit : "",
  })))
);

/** Writes a key's value for people; `undefined` is none. */
export function formatValue(key: Key, value: unknown): string {
  if (isQuantity(key) && typeof value === "number") return formatQuantity(key.quantity, value);
  return String(value ?? "");
}

/** Writes a quantity for people, in a unit that suits it. */
export function formatQuantity(quantity: Quantity, value: number): string {
  if (quantity.unit === "bytes") return formatBytes(value);
  if (quantity.unit === "seconds") return formatSeconds(value);
  return value.toLocaleString("en-US");
}

/** Tells whether a key's value is a number. */
export function isQuantity(key: Key): key is QuantityKey {
  return Object.hasOwn(key, "quantity");
}
