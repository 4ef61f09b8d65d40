import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import configuration from "../deno.json" with { type: "json" };
import dashboardConfiguration from "../dashboard/deno.json" with { type: "json" };
import testConfiguration from "./deno.json" with { type: "json" };
import { bundledPluginNames } from "../src/plugins/bundled.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** Modules that `deno compile` embeds, as paths below the checkout; others are left out. */
async function embeddedModules(entryPoint: string): Promise<string[]> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entryPoint],
    cwd: root,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { readonly modules: { specifier: string }[] };
  const base = new URL("..", import.meta.url).href;
  return modules.map(({ specifier }) => specifier).filter((specifier) => specifier.startsWith(base))
    .map((specifier) => specifier.slice(base.length));
}

Deno.test("a compiled binary holds the broker, every bundled plugin and the threads", async () => {
  const modules = await embeddedModules("cli.ts");
  const plugins = bundledPluginNames.map((name) => `src/plugins/${name.replace(".", "_")}.ts`);
  const threads = ["src/plugins/password/sha_crypt_thread.ts", "src/store/sqlite/worker.ts"];
  const wanted = ["src/broker/broker.ts", "src/admin/dashboard_files.ts", ...plugins, ...threads];
  assertEquals(wanted.filter((path) => !modules.includes(path)), []);
});

/**
 * What the task `compile` really embeds, as paths. With `deno` itself in place of the runtime that is otherwise downloaded
 * the result does not run, but its contents are the same.
 */
async function embeddedFiles(): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    const args = configuration.tasks.compile.split(" ").slice(1).map((word, index, words) =>
      words[index - 1] === "--output" ? `${folder}/${word}` : word
    );
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: [args[0]!, "--no-check", ...args.slice(1)],
      cwd: root,
      env: { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert(success, text);
    return pathsOf(text);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The modules that threads begin with: nothing imports them. */
async function workers(): Promise<string[]> {
  const found: string[] = [];
  for (const room of ["plugins/password", "store/sqlite"]) {
    for await (const { name } of Deno.readDir(`${root}src/${room}`)) {
      if (/(^|_)(worker|thread)\.ts$/.test(name)) found.push(`src/${room}/${name}`);
    }
  }
  assert(found.length >= 2, found.join());
  return found;
}

/** The paths of a tree whose branches are drawn in two columns each: `│ ├─┬ src (2MB)`. */
function pathsOf(tree: string): string[] {
  const above: string[] = [];
  return [...tree.matchAll(/^((?:[│ ] )*)[├└]─[┬─] (.+?) \(.*\)$|^((?:[│ ] )*)[├└]── (.+?) \(.*\)$/gm)].map((match) => {
    const depth = (match[1] ?? match[3])!.length / 2;
    above.splice(depth, Infinity, (match[2] ?? match[4])!);
    return above.join("/");
  });
}

Deno.test("a compiled binary embeds the broker with its threads, its packages, and no dependency of the tests", async () => {
  const files = await embeddedFiles();
  // A folder of many files is listed as one; that the threads are among what is embedded of it is tested above.
  const isWithin = (path: string, part: string) => path.endsWith("/*") && part.startsWith(path.slice(0, -1));
  const holds = (part: string) => files.some((path) => `/${path}/`.includes(`/${part}/`) || isWithin(path, part));
  for (const part of ["cli.ts", "src/broker/broker.ts", "src/plugins", ...await workers()]) {
    assert(holds(part), `${part} is not embedded in\n${files.join("\n")}`);
  }
  for (const name of ["@logtape/logtape", "commander", "zod"]) assert(holds(name), `${name} is missing`);
  assert(!holds("mqtt-packet"), "the packets are read without a package");
  const others = { ...testConfiguration.imports, ...dashboardConfiguration.imports };
  for (const name of Object.keys(others).filter((name) => !name.startsWith("@std/"))) {
    assert(!holds(name), `${name} is embedded`);
  }
  assert(!holds("tests") && !holds("examples"), files.join("\n"));
});

Deno.test("the task compile builds the command line", () => {
  const words = configuration.tasks.compile.split(" ");
  assertEquals([words[0], words[1], words.at(-1)], ["deno", "compile", "cli.ts"]);
});

Deno.test("every export of the package is a module that loads", async () => {
  for (const [name, path] of Object.entries(configuration.exports)) {
    const module = await import(new URL(path, new URL("..", import.meta.url)).href);
    if (name.startsWith("./plugins/")) assertEquals(typeof module.default, "function", name);
    else assertEquals(typeof (name === "./testing" ? module.startTestBroker : module.Broker), "function", name);
  }
});
