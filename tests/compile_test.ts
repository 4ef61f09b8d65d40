import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import configuration from "../deno.json" with { type: "json" };
import { bundledPluginNames } from "../src/config/plugin_names.ts";

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
  const threads = ["src/plugins/password/sha_crypt_thread.ts", "src/store/sqlite_worker.ts"];
  const wanted = ["src/broker/broker.ts", ...plugins, ...threads];
  assertEquals(wanted.filter((path) => !modules.includes(path)), []);
});

Deno.test("the task compile builds the command line", () => {
  const words = configuration.tasks.compile.split(" ");
  assertEquals([words[0], words[1], words.at(-1)], ["deno", "compile", "cli.ts"]);
});

Deno.test("every export of the package is a module that loads", async () => {
  for (const [name, path] of Object.entries(configuration.exports)) {
    const module = await import(new URL(path, new URL("..", import.meta.url)).href);
    if (name.startsWith("./plugins/")) assertEquals(typeof module.default, "function", name);
    else assertEquals(typeof module.Broker, "function", name);
  }
});
