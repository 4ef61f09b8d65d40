/** Schemas of the config's sections, in camelCase; every key is optional, and no other key is allowed. */
import { z } from "zod";
import { bridgeKeys, bridgeTopicKeys } from "./bridge_table.ts";
import { type Keys, mapKeys } from "./key.ts";
import { limitKeys } from "./limit_table.ts";
import {
  adminKeys,
  authKeys,
  brokerKeys,
  clusterKeys,
  clusterLogKeys,
  ignoredListenerKeys,
  listenerKeys,
  logKeys,
  persistenceKeys,
  topicCheckKeys,
} from "./table.ts";

type Schema<Table extends Keys> = z.ZodObject<
  { [Name in keyof Table]: z.ZodOptional<Table[Name]["schema"]> },
  z.core.$strict
>;

/** The schema of a section with these keys. */
export function schemaOf<Table extends Keys>(keys: Table): Schema<Table> {
  return z.strictObject(mapKeys(keys, ({ schema }) => schema.optional())) as unknown as Schema<Table>;
}

/** The top level. */
export const brokerSchema = schemaOf({ ...brokerKeys, ...limitKeys });

/** One of `listeners`. */
export const listenerSchema = schemaOf({ ...listenerKeys, ...ignoredListenerKeys, ...limitKeys });

/** `auth`. */
export const authSchema = schemaOf(authKeys);

/** `topic-check`. */
export const topicCheckSchema = schemaOf(topicCheckKeys);

/** `persistence`, unless its type is a module of the user's. */
export const persistenceSchema = schemaOf(persistenceKeys);

/** `cluster`. */
export const clusterSchema = schemaOf(clusterKeys);

/** `log` of `cluster`. */
export const clusterLogSchema = schemaOf(clusterLogKeys);

/** `log`. */
export const logSchema = schemaOf(logKeys);

/** `admin`. */
export const adminSchema = schemaOf(adminKeys);

/** One of `bridges`. */
export const bridgeSchema = schemaOf(bridgeKeys);

/** One of the `topics` of a bridge. */
export const bridgeTopicSchema = schemaOf(bridgeTopicKeys);

/** What the section of a bridge says. */
export type BridgeValues = z.output<typeof bridgeSchema>;

/** What one of its `topics` says. */
export type BridgeTopicValues = z.output<typeof bridgeTopicSchema>;

/** What the top level says. */
export type BrokerValues = z.output<typeof brokerSchema>;

/** What a listener's section says. */
export type ListenerValues = z.output<typeof listenerSchema>;

/** What the `auth` section says. */
export type AuthValues = z.output<typeof authSchema>;

/** What the `topic-check` section says. */
export type TopicCheckValues = z.output<typeof topicCheckSchema>;

/** What the `cluster` section says. */
export type ClusterValues = z.output<typeof clusterSchema>;

/** What `log` of `cluster` says. */
export type ClusterLogValues = z.output<typeof clusterLogSchema>;
