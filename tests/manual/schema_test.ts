/** What is made of the table of config keys and written down: the manual's tables and the schema for editors. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { parse } from "@std/yaml";
import { Ajv } from "ajv";
import { isQuantity, type KeyEntry, listedKeys } from "../../src/config/keys.ts";
import type { Key, Keys } from "../../src/config/key.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { toHyphens } from "../../src/config/spelling.ts";
import { limitKeys } from "../../src/config/limit_table.ts";
import { bundledPlugins } from "../../src/plugins/bundled.ts";
import { brokerSchema, schemaFile } from "./broker_schema.ts";
import { referenceTable, renewTables, sections } from "./config_reference.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

/** The README and the pages of `docs/`. */
async function manual(): Promise<string[]> {
  const files = [join(root, "README.md")];
  try {
    for await (const { name } of Deno.readDir(join(root, "docs"))) {
      if (name.endsWith(".md")) files.push(join(root, "docs", name));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return await Promise.all(files.map((file) => Deno.readTextFile(file)));
}

for (const section of sections) {
  Deno.test(`one page of the manual has the table of the keys of ${section} as deno task docs:config writes it`, async () => {
    const pages = (await manual()).filter((page) => page.includes(`${referenceTable(section)}\n\n`));
    assertEquals(pages.length, 1);
  });
}

Deno.test("a page with old tables of keys is renewed, and its other tables stay", () => {
  const other = "| Key | Value |\n| --- | --- |\n| `a` | b |\n";
  const old = (table: string) => table.split("\n").slice(0, 4).join("\n");
  const page = (tables: string[]) => `# Page\n\n${[other, ...tables.map((table) => `${table}\n`)].join("\ntext\n\n")}`;
  const tables = sections.map(referenceTable);
  assertEquals(renewTables(page(tables.map(old))), page(tables));
});

Deno.test("every key says in one line what it is for", () => {
  const all: Keys[] = [...Object.values(listedKeys), ...Object.values(bundledPlugins).map(({ options }) => options)];
  for (const [name, { doc }] of all.flatMap((keys) => Object.entries(keys))) assert(/^[^\n|]+$/.test(doc), name);
});

Deno.test("broker.schema.json is what deno task docs:schema writes", async () => {
  assertEquals(JSON.parse(await Deno.readTextFile(schemaFile)), JSON.parse(JSON.stringify(brokerSchema())));
});

const validate = new Ajv({ allErrors: true, strict: false }).compile(JSON.parse(JSON.stringify(brokerSchema())));

for (const name of ["acl.yaml", "broker.yaml", "container.yaml", "custom_plugin.yaml"]) {
  Deno.test(`examples/${name} names the schema for editors and fits it`, async () => {
    const text = await Deno.readTextFile(join(root, "examples", name));
    const [, path] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text) ?? [];
    assertEquals(path && join(root, "examples", path), schemaFile);
    assert(validate(parse(text)), JSON.stringify(validate.errors));
  });
}

/** A place where keys may stand: how it is called, its keys, and a config with an entry there. */
type Place = readonly [string, Keys, (entry: Readonly<Record<string, unknown>>) => unknown];

const inSection = (section: KeyEntry["section"]): Place => [
  section,
  listedKeys[section],
  (entry) => ({ [section]: entry }),
];

const places: readonly Place[] = [
  ["the top", listedKeys.broker, (entry) => entry],
  ["a listener", { ...listedKeys.listener, ...limitKeys }, (entry) => ({ listeners: { a: entry } })],
  inSection("auth"),
  inSection("topic-check"),
  inSection("log"),
  [
    "a bridge",
    listedKeys.bridge,
    (entry) => ({ bridges: { a: { address: "a", topics: [{ filter: "a" }], ...entry } } }),
  ],
  ["a bridge's topic", listedKeys["bridge-topic"], (entry) => ({
    bridges: { a: { address: "a", topics: [{ filter: "+", ...entry }] } },
  })],
  ["persistence", listedKeys.persistence, (entry) => ({ persistence: { type: "sqlite", ...entry } })],
  ...Object.entries(bundledPlugins).map(([name, { options: keys }]): Place => [
    `the options of ${name}`,
    keys,
    (entry) => ({ plugins: [{ [name]: entry }] }),
  ]),
];

// deno-fmt-ignore
const values: readonly unknown[] = [
  null, true, false, "on", "OFF", "No", 0, 1, 2, 0.5, -1, 70_000, 1e12, "", "x", "10", "1.5", " 10 MiB", "1kb", "7 d",
  "500 ms", "0660", "660", "/mqtt", "127.0.0.1:1883", "[::1]:1", "unix:/a", "./store.ts", "tcp", "ws", "external", "cn",
  "required", "drop-newest", "first", "aws-iot", "auto", "both", "keep", "$1", [{ filter: "a/#", direction: "in" }], "any-username", "memory", "sqlite", "os", "debug", "json", "headers", [], ["*"], ["a.example"],
  ["event_logger"], [{ "auth.file": { "password-file": "x" } }], {}, { a: null }, { a: ["b/#"] }, { a: {} }, { connections: "off" },
  { "plugins.mine": "debug" }, { enabled: "off" }, { level: "off" }, { type: "./mine.ts", path: 5, more: [1] },
];

/** Whether the broker takes a config. */
function isTaken(config: unknown): boolean {
  try {
    resolveConfig(config, { baseDirectory: root });
    return true;
  } catch {
    return false;
  }
}

/** Also the ends of a range, and what is just beyond them. */
function valuesFor(key: Key): readonly unknown[] {
  if (!isQuantity(key)) return values;
  const { minimum, maximum = Number.MAX_SAFE_INTEGER } = key.quantity;
  return [...values, minimum - 1, minimum, minimum + 1, maximum - 1, maximum, maximum + 1];
}

for (const [place, keys, config] of places) {
  Deno.test(`whatever the broker takes at ${place}, the schema for editors takes, too`, () => {
    let taken = 0;
    for (const [name, key] of Object.entries(keys)) {
      for (const value of valuesFor(key)) {
        for (const spelling of new Set([name, toHyphens(name), toHyphens(name).replaceAll("-", "_")])) {
          const written = config({ [spelling]: value });
          if (!isTaken(written)) continue;
          taken++;
          assert(validate(written), `${JSON.stringify(written)}: ${JSON.stringify(validate.errors)}`);
        }
      }
    }
    assert(taken >= Object.keys(keys).length, `only ${taken} configs were taken`);
  });

  Deno.test(`numbers out of range and unknown keys at ${place} are marked by the schema for editors`, () => {
    for (const [name, key] of Object.entries(keys)) {
      const { minimum = NaN, maximum = NaN } = isQuantity(key) ? key.quantity : {};
      for (const value of [minimum - 1, maximum + 1].filter((value) => !Number.isNaN(value))) {
        assertEquals(validate(config({ [toHyphens(name)]: value })), false, `${name}: ${value}`);
      }
    }
    assertEquals(validate(config({ "no-such-key": 1 })), false);
  });
}

Deno.test("a config may name a variable wherever a text, a number or a flag may stand", () => {
  const config = {
    listeners: { a: { bind: "${HOST}:1883", ssl: "${TLS:-off}", type: "${TYPE}", "socket-mode": "${MODE}" } },
    "max-inflight": "${INFLIGHT}",
    "queue-limit-bytes": "${MIB:-1} MiB",
    log: { level: "${LEVEL}", categories: { store: "${LEVEL}" } },
    persistence: { type: "${STORE}", path: "${FILE}" },
  };
  assert(validate(config), JSON.stringify(validate.errors));
});
