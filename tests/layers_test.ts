/** The import table of src/: a file imports its own room and the rooms below it only. */
import { assert, assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join, relative } from "@std/path";

/** The rooms from the lowest layer up. Rooms of one layer do not import each other. */
const layers: readonly (readonly string[])[] = [
  ["error_text.ts", "histogram.ts", "logger.ts", "network.ts", "quote.ts", "receipt.ts", "work_budget.ts"],
  // What the machine and the runtime are to the rest.
  ["runtime"],
  ["log", "packet", "transport"],
  ["config", "message.ts"],
  ["topics"],
  // Above topics, since a session is one of the subscribers that topics speaks of.
  ["session", "store"],
  ["hooks", "persistence"],
  ["routing", "plugins"],
  ["connection"],
  ["cluster", "embedding", "metrics"],
  ["admin", "bridge"],
  ["broker"],
  ["cli", "testing"],
];

/** The bundled plugins get by with what a user's plugin has, so most of what lies below them is not for them. */
const openToPlugins: readonly string[] = [
  "hooks/plugin.ts",
  "logger.ts",
  "message.ts",
  "network.ts",
  "packet/packets.ts",
  "packet/reason_code.ts",
  "packet/topic.ts",
  "quote.ts",
  "runtime/host.ts",
];

/** The admin API sees the broker through what programs see it by, and not into its parts. */
const openToAdmin =
  /^(embedding|config|packet)\/\w+\.ts$|^hooks\/(plugin|observe)\.ts$|^transport\/(address|transport|tls\/transport_duplex)\.ts$|^runtime\/host\.ts$|^(logger|message|quote|error_text|network)\.ts$/;

/** What plugins and stores say of their options, and the list of plugins: all that the config knows of them. */
const describesOptions = /^((plugins|store)\/(\w+\/)?\w+_options|plugins\/bundled)\.ts$/;

/** What they say it with. */
const openToOptions: readonly string[] = ["config/key.ts", "config/values.ts", "config/topic_values.ts"];

/** The program's version is written down there and nowhere else. */
const readsDenoJson: readonly string[] = ["plugins", "metrics", "admin", "cli"];

/** Packages that one room keeps to itself. */
const ownedPackages: Readonly<Record<string, string>> = {
  "commander": "cli",
  "hash-wasm": "plugins",
  "@nats-io/jetstream": "log",
  "@nats-io/transport-node": "log",
  "hono": "admin",
  "js-yaml": "config",
};

const source = fromFileUrl(new URL("../src", import.meta.url));

function roomOf(path: string): string {
  return path.split("/")[0] ?? path;
}

function layerOf(room: string): number {
  return layers.findIndex((rooms) => rooms.includes(room));
}

/** Whether the file at `path` may import `specifier`; paths are relative to src/. */
function mayImport(path: string, specifier: string): boolean {
  const room = roomOf(path);
  if (!specifier.startsWith(".")) return (ownedPackages[specifier.replace(/^npm:/, "")] ?? room) === room;
  const target = join(dirname(path), specifier).replaceAll("\\", "/");
  if (target === "../deno.json") return readsDenoJson.includes(room);
  const targetRoom = roomOf(target);
  if (targetRoom === room) return true;
  if (room === "config" && describesOptions.test(target)) return true;
  if (describesOptions.test(path) && openToOptions.includes(target)) return true;
  if (room === "plugins") return openToPlugins.includes(target);
  if (room === "admin") return openToAdmin.test(target);
  return layerOf(targetRoom) >= 0 && layerOf(targetRoom) < layerOf(room);
}

function importsOf(text: string): string[] {
  return Array.from(text.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"'\n]+)["']/g), ([, specifier]) => specifier ?? "");
}

async function* filesUnder(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* filesUnder(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

Deno.test("each file under src/ imports its own room and lower layers only", async () => {
  const offences: string[] = [];
  let imports = 0;
  for await (const file of filesUnder(source)) {
    const path = relative(source, file).replaceAll("\\", "/");
    if (layerOf(roomOf(path)) < 0) offences.push(`${path} lies in a room that has no layer`);
    for (const specifier of importsOf(await Deno.readTextFile(file))) {
      imports++;
      if (!mayImport(path, specifier)) offences.push(`${path} imports ${specifier}`);
    }
  }
  assertEquals(offences.sort(), []);
  assert(imports > 100, `only ${imports} imports were found`);
});

Deno.test("whoever reads the list of bundled plugins loads none of them", async () => {
  const text = await Deno.readTextFile(join(source, "plugins", "bundled.ts"));
  const loaded = Array.from(text.matchAll(/^import (?!type\b)[^;]*? from "([^"]+)"/gm), ([, specifier]) => specifier!);
  assert(loaded.length > 0, text);
  const paths = loaded.map((specifier) => join("plugins", specifier).replaceAll("\\", "/"));
  assertEquals(paths.filter((path) => !describesOptions.test(path)), []);
});

Deno.test("what loads the client library of NATS is loaded on demand only", async () => {
  const offences: string[] = [];
  for await (const file of filesUnder(source)) {
    const path = relative(source, file).replaceAll("\\", "/");
    const text = await Deno.readTextFile(file);
    if (/^log\/nats_\w+\.ts$/.test(path)) continue;
    if (/^(import|export) [^;]*? from "[^"]*(nats_\w+\.ts|@nats-io\/[^"]*)"/m.test(text)) offences.push(path);
  }
  assertEquals(offences, []);
});

Deno.test("no file under src/ imports itself by way of others, types included", async () => {
  const imports = new Map<string, string[]>();
  for await (const file of filesUnder(source)) {
    const path = relative(source, file).replaceAll("\\", "/");
    const targets = importsOf(await Deno.readTextFile(file)).filter((specifier) => specifier.startsWith("."));
    imports.set(path, targets.map((specifier) => join(dirname(path), specifier).replaceAll("\\", "/")));
  }
  assertEquals(circlesIn(imports), []);
  assertEquals(circlesIn(new Map([["a", ["b"]], ["b", ["c", "d"]], ["c", ["a"]], ["d", []]])), ["a > b > c > a"]);
});

/** A way from each file on a circle back to it, one for each circle. */
function circlesIn(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path);
    if (at >= 0) circles.push([...way.slice(at), path].join(" > "));
    if (at >= 0 || done.has(path)) return;
    for (const target of imports.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return circles;
}

Deno.test("the import table tells right from wrong", () => {
  const right: [string, string][] = [
    ["hooks/chain.ts", "./plugin.ts"],
    ["hooks/chain.ts", "../packet/topic.ts"],
    ["transport/tcp.ts", "../logger.ts"],
    ["log/nats_log.ts", "@nats-io/jetstream"],
    ["plugins/password/store.ts", "../../hooks/plugin.ts"],
    ["plugins/password/store.ts", "../options.ts"],
    ["cli/main.ts", "../../deno.json"],
    ["cli/main.ts", "commander"],
    ["config/table.ts", "../plugins/auth_file_options.ts"],
    ["config/plugin_names.ts", "../plugins/bundled.ts"],
    ["plugins/bundled.ts", "../config/key.ts"],
    ["config/table.ts", "../store/sqlite/sqlite_options.ts"],
    ["plugins/auth_file_options.ts", "../config/key.ts"],
    ["session/session.ts", "node:buffer"],
    ["admin/routes/clients.ts", "../../embedding/inspection.ts"],
    ["admin/api.ts", "hono"],
  ];
  const wrong: [string, string][] = [
    ["packet/decode.ts", "../message.ts"],
    ["log/nats_log.ts", "../message.ts"],
    ["cluster/record.ts", "@nats-io/jetstream"],
    ["packet/decode.ts", "../transport/transport.ts"],
    ["topics/retained.ts", "../session/session.ts"],
    ["session/session.ts", "../store/store.ts"],
    ["hooks/chain.ts", "../broker/broker.ts"],
    ["plugins/topic_acl.ts", "../hooks/loader.ts"],
    ["plugins/topic_acl.ts", "../config/spelling.ts"],
    ["plugins/password/store.ts", "../../session/session.ts"],
    ["plugins/topic_acl.ts", "../config/key.ts"],
    ["plugins/auth_file_options.ts", "../config/resolve.ts"],
    ["config/table.ts", "../plugins/topic_acl.ts"],
    ["broker/broker.ts", "../../deno.json"],
    ["broker/broker.ts", "../nowhere/file.ts"],
    ["broker/broker.ts", "../../tests/support/fake_clock.ts"],
    ["routing/router.ts", "commander"],
    ["routing/wills.ts", "../connection/connection.ts"],
    ["connection/connection.ts", "../broker/admission.ts"],
    ["embedding/in_process.ts", "../broker/broker_parts.ts"],
    ["admin/api.ts", "../session/session.ts"],
    ["admin/routes/clients.ts", "../../connection/connected_clients.ts"],
    ["broker/administration.ts", "hono"],
  ];
  for (const [path, specifier] of right) assert(mayImport(path, specifier), `${path} may import ${specifier}`);
  for (const [path, specifier] of wrong) assert(!mayImport(path, specifier), `${path} must not import ${specifier}`);
  const text = `import "./a.ts";\nimport {\n  b,\n} from "../b.ts";\nexport * from './c.ts';\nawait import("./d.ts");`;
  assertEquals(importsOf(text), ["./a.ts", "../b.ts", "./c.ts", "./d.ts"]);
});
