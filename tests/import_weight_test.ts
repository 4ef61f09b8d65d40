/** What a program loads that imports the broker, and starts one with a TCP listener: no more than it needs. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";

const root = new URL("..", import.meta.url);

/** Packages and modules of the runtime that every broker needs. */
const needed: readonly string[] = [
  // Reads the config, which the constructor does.
  "npm:zod",
  // What is logged goes there, unless the program hands in a logger.
  "npm:@logtape/logtape",
  "node:buffer",
  "node:crypto",
  "node:dns/promises",
  "node:net",
  "node:path",
  // broker_sys tells the load of the process.
  "node:process",
  "node:timers",
  "node:url",
  "node:util",
];

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: { readonly specifier: string };
    readonly isDynamic?: boolean;
  }[];
}

async function moduleGraph(entry: string): Promise<Map<string, Module>> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", fromFileUrl(new URL(entry, root))],
    cwd: fromFileUrl(root),
    stderr: "null",
  });
  const { modules } = JSON.parse(new TextDecoder().decode((await command.output()).stdout)) as { modules: Module[] };
  return new Map(modules.map((module) => [module.specifier, module]));
}

/** Everything that is loaded with the modules at once; without types. */
function loadedWith(entries: readonly string[], graph: ReadonlyMap<string, Module>): Set<string> {
  const loaded = new Set<string>();
  const visit = (specifier: string): void => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    for (const { code, isDynamic } of graph.get(specifier)?.dependencies ?? []) {
      if (code && !isDynamic) visit(code.specifier);
    }
  };
  entries.forEach(visit);
  return loaded;
}

/** Names of packages without versions and paths. */
function packagesAmong(specifiers: Iterable<string>): string[] {
  const foreign = [...specifiers].filter((specifier) => !specifier.startsWith("file:"));
  return foreign.map((specifier) => specifier.replace(/^npm:\/?(@[^/]+\/[^@/]+|[^@/]+).*$/, "npm:$1")).sort();
}

Deno.test("a program that starts a broker with a TCP listener loads no package that it does not need", async () => {
  const graph = await moduleGraph("mod.ts");
  // What a start loads beside: the plugins that run unless others are named.
  const started = [
    "mod.ts",
    ...["auth_anonymous", "broker_sys", "event_logger"].map((name) => `src/plugins/${name}.ts`),
  ];
  const loaded = loadedWith(started.map((path) => new URL(path, root).href), graph);
  assert(loaded.size > 100, `${loaded.size}`);
  assertEquals(packagesAmong(loaded), [...needed].sort());
  for (const room of ["store/sqlite/database.ts", "transport/tls/listener.ts", "transport/websocket/listener.ts"]) {
    const { href } = new URL(`src/${room}`, root);
    assert(graph.has(href) && !loaded.has(href), `${room} is loaded`);
  }
});

Deno.test("the graph of what is loaded tells what is loaded at once from types and from what is loaded later", () => {
  const dependency = (specifier: string, isDynamic = false) => ({ specifier, code: { specifier }, isDynamic });
  const graph = new Map<string, Module>([
    ["a", { specifier: "a", dependencies: [dependency("b"), dependency("later", true), { specifier: "type" }] }],
    ["b", { specifier: "b", dependencies: [dependency("npm:/@x/y@1.0.0/z.js"), dependency("a")] }],
  ]);
  const loaded = loadedWith(["a"], graph);
  assertEquals([...loaded], ["a", "b", "npm:/@x/y@1.0.0/z.js"]);
  assertEquals(packagesAmong(["npm:/@x/y@1.0.0/z.js", "npm:/zod@4.6.7", "node:fs", "file:///a"]), [
    "node:fs",
    "npm:@x/y",
    "npm:zod",
  ]);
});
