/**
 * Writes `broker.schema.json`, by which editors complete and check config files.
 *
 * ```
 * deno task docs:schema
 * ```
 */
import { fromFileUrl } from "@std/path";
import type { Key, Keys } from "../../src/config/key.ts";
import { isQuantity, listedKeys } from "../../src/config/keys.ts";
import { toHyphens } from "../../src/config/spelling.ts";
import { limitKeys } from "../../src/config/limit_table.ts";
import { ignoredListenerKeys } from "../../src/config/table.ts";
import type { JsonSchema } from "../../src/config/kind.ts";
import { bundledPlugins } from "../../src/plugins/bundled.ts";

/** The file that is written. */
export const schemaFile = fromFileUrl(new URL("../../broker.schema.json", import.meta.url));

/** The schema of a config file, as JSON. */
export function brokerSchema(): JsonSchema {
  const { persistence, ...sections } = listedKeys;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Config of @amqtt/broker",
    ...mapping(sections.broker, "#"),
    definitions: {
      auth: mapping(sections.auth, "#/definitions/auth"),
      "topic-check": mapping(sections["topic-check"], "#/definitions/topic-check"),
      cluster: mapping(sections.cluster, "#/definitions/cluster"),
      "cluster-log": mapping(sections["cluster-log"], "#/definitions/cluster-log"),
      log: mapping(sections.log, "#/definitions/log"),
      admin: mapping(sections.admin, "#/definitions/admin"),
      persistence: persistenceSection(persistence),
      listeners: { type: ["object", "null"], additionalProperties: { $ref: "#/definitions/listener" } },
      listener: listener(sections.listener),
      bridges: { type: ["object", "null"], additionalProperties: { $ref: "#/definitions/bridge" } },
      bridge: mapping(sections.bridge, "#/definitions/bridge"),
      "bridge-topic": mapping(sections["bridge-topic"], "#/definitions/bridge-topic"),
      plugins: pluginList(),
      options: Object.fromEntries(
        Object.entries(bundledPlugins).map((
          [name, { options }],
        ) => [name, mapping(options, `#/definitions/options/${name}`)]),
      ),
    },
  };
}

/** The limits are those of the top. */
function listener(own: Keys): JsonSchema {
  const { properties, ...rest } = mapping({ ...own, ...ignoredListenerKeys, ...limitKeys }, "#/definitions/listener");
  const limits = Object.keys(limitKeys).map(toHyphens).map((name) => [name, { $ref: `#/properties/${name}` }]);
  return { ...rest, properties: { ...properties as object, ...Object.fromEntries(limits) } };
}

/**
 * A mapping of these keys and no others; each may stand there in any of its spellings, or without a value.
 *
 * @param place where it stands itself
 */
function mapping(keys: Keys, place: string): JsonSchema {
  const entries = Object.entries(keys);
  const others = entries.map(([name]) => [name, toHyphens(name)] as const).filter(([name, hyphens]) =>
    name !== hyphens
  );
  return {
    type: ["object", "null"],
    properties: Object.fromEntries(entries.map(([name, key]) => [toHyphens(name), property(key)])),
    patternProperties: Object.fromEntries(
      others.map(([name, hyphens]) => [spellings(name), { $ref: `${place}/properties/${hyphens}` }]),
    ),
    additionalProperties: false,
  };
}

/** `maxRetained`: `max-retained` is a property, which is what an editor offers; the others are taken. */
function spellings(name: string): string {
  return `^${name.replace(/[A-Z]/g, (letter) => `(_${letter.toLowerCase()}|${letter})`)}$`;
}

function property(key: Key): JsonSchema {
  const { default: value } = key;
  const doc = key.doc.replace(/\[([^\]]+)\]\(#[^)]+\)/g, "$1");
  const description = isQuantity(key) ? `${key.quantity.unit}: ${doc}` : doc;
  return { description, ...(value !== undefined && { default: value }), ...valueOf(key) };
}

/** No value is as good as no key. */
function valueOf({ json }: Key): JsonSchema {
  if (Object.keys(json).length === 0 || json.$ref !== undefined) return json;
  return { anyOf: [...json.anyOf as readonly JsonSchema[] | undefined ?? [json], { type: "null" }] };
}

/** Every other type is a module, which knows itself what its options are. */
function persistenceSection(keys: Keys): JsonSchema {
  const { properties, ...rest } = mapping(keys, "#/definitions/persistence");
  const { type, ...options } = properties as Readonly<Record<string, JsonSchema>>;
  const any = { ...type, anyOf: [...type!.anyOf as readonly JsonSchema[], { type: "string" }] };
  return {
    type: rest.type,
    // What an editor offers; a module may take the same names for something else.
    properties: { type: any, ...Object.fromEntries(Object.keys(options).map((name) => [name, {}])) },
    if: { properties: { type } },
    then: { ...rest, properties },
  };
}

/** A list of names, alone or with options, or a mapping of names to options. */
function pluginList(): JsonSchema {
  const names = Object.keys(bundledPlugins);
  const properties = Object.fromEntries(names.map((name) => [name, { $ref: `#/definitions/options/${name}` }]));
  const withOptions = { type: "object", properties };
  const name = { anyOf: [{ enum: names }, { type: "string" }] };
  return {
    anyOf: [
      { type: "array", items: { anyOf: [name, { ...withOptions, minProperties: 1, maxProperties: 1 }] } },
      withOptions,
      { type: "null" },
    ],
  };
}

if (import.meta.main) await Deno.writeTextFile(schemaFile, `${JSON.stringify(brokerSchema())}\n`);
