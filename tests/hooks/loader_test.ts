import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { loadPlugin, type LoadPluginOptions, PluginLoadError } from "../../src/hooks/loader.ts";
import { pluginContext } from "../support/plugin_context.ts";

/** Runs a test in a folder with these files. */
async function withFiles(
  files: Readonly<Record<string, string>>,
  body: (
    load: (specifier: string, more?: Partial<LoadPluginOptions>) => ReturnType<typeof loadPlugin>,
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "plugins with space " });
  try {
    await Deno.mkdir(join(folder, "sub"));
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, name), text);
    const load = (specifier: string, more: Partial<LoadPluginOptions> = {}) =>
      loadPlugin({ specifier, options: { level: 7 }, place: "plugins[0]" }, {
        baseDirectory: join(folder, "sub"),
        bundled: {},
        createContext: () => pluginContext(),
        ...more,
      });
    await body(load, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const plain = "export default () => ({ authenticate: () => 'allow' });";

Deno.test("a plugin is called with its options and a context made for it", () =>
  withFiles({}, async (load) => {
    const seen: unknown[] = [];
    const factory = (...given: unknown[]) => (seen.push(...given), {});
    const contexts: string[] = [];
    const context = pluginContext();
    const { specifier, plugin } = await load("mine", {
      bundled: { mine: () => Promise.resolve({ default: factory }) },
      createContext: (name) => (contexts.push(name), context),
    });
    assertEquals([specifier, plugin], ["mine", {}]);
    assert(seen[1] === context);
    assertEquals([seen[0], contexts], [{ level: 7 }, ["mine"]]);
  }));

Deno.test("a file is found relative to the base folder, by absolute path and as a file URL", () =>
  withFiles({ "up.ts": plain, "sub/here.js": plain }, async (load, folder) => {
    const specifiers = [
      "../up.ts",
      "./here.js",
      "./../up.ts",
      join(folder, "up.ts"),
      toFileUrl(join(folder, "up.ts")).href,
    ];
    for (const specifier of specifiers) {
      const { plugin } = await load(specifier);
      assertEquals(typeof plugin.authenticate, "function", specifier);
    }
  }));

Deno.test("TypeScript, imports of its own and a promise of hooks are fine in a plugin", () =>
  withFiles({
    "sub/x.ts":
      `import { reason } from "./y.ts"; export default async (options: unknown) => ({ beforeStart() { reason; } });`,
    "sub/y.ts": "export const reason: string = 'y';",
  }, async (load) => {
    assertEquals(typeof (await load("./x.ts")).plugin.beforeStart, "function");
  }));

Deno.test("URLs and bare specifiers are imported as they stand", () =>
  withFiles({}, async (load) => {
    const seen: string[] = [];
    const importModule = (specifier: string) => {
      seen.push(specifier);
      return Promise.resolve({ default: () => ({}) });
    };
    const specifiers = ["jsr:@a/b", "npm:c", "https://d.example/e.ts", "f/g", "@h/i", "data:text/javascript,1"];
    for (const specifier of specifiers) await load(specifier, { importModule });
    assertEquals(seen, specifiers);
  }));

Deno.test("a bundled name goes before everything else", () =>
  withFiles({}, async (load) => {
    const importModule = () => Promise.reject(new Error("not to be imported"));
    const bundled = { "auth.file": () => Promise.resolve({ default: () => ({}) }) };
    assertEquals((await load("auth.file", { bundled, importModule })).plugin, {});
    await assertRejects(() => load("constructor", { bundled, importModule }), PluginLoadError, "not to be imported");
  }));

const classPlugin = `class Mine {
  count = 0;
  helper = () => {};
  authenticate() { return "allow"; }
  countUp() { this.count++; }
}
export default () => new Mine();`;

Deno.test("a class may have methods and fields of its own", () =>
  withFiles({ "sub/x.js": classPlugin }, async (load) => {
    assertEquals(typeof (await load("./x.js")).plugin.authenticate, "function");
  }));

const refused: readonly (readonly [title: string, source: string, reason: string])[] = [
  ["a syntax error", "export default (", "SyntaxError"],
  ["a throw while it is loaded", "throw new Error('top level');", "top level"],
  [
    "no default export",
    "export const create = () => ({});",
    "its default export must be a function that returns hooks: there is none",
  ],
  [
    "a default export that is no function",
    "export default {};",
    "its default export must be a function that returns hooks: it is an object",
  ],
  ["options that it refuses", "export default () => { throw new Error('level must be 1'); };", "level must be 1"],
  ["options that it refuses later", "export default async () => { throw 'a text'; };", "a text"],
  [
    "nothing returned",
    "export default () => {};",
    "its default export must return an object with hooks: got undefined",
  ],
  ["null returned", "export default () => null;", "its default export must return an object with hooks: got null"],
  [
    "an array returned",
    "export default () => [];",
    "its default export must return an object with hooks: got an array",
  ],
  [
    "a hook that is no function",
    "export default () => ({ authenticate: true });",
    "hook authenticate must be a function: got a boolean",
  ],
  [
    "a misspelt hook",
    "export default () => ({ clientconected() {} });",
    "unknown hook clientconected: did you mean clientConnected?",
  ],
  [
    "a misspelt hook of a class",
    "export default () => new class { authentcate() {} };",
    "unknown hook authentcate: did you mean authenticate?",
  ],
  [
    "a hook that is not near to any",
    "export default () => ({ somethingElse() {} });",
    "unknown hook somethingElse: known are authenticate, beginAuthentication, authorizePublish,",
  ],
];

for (const [title, source, reason] of refused) {
  Deno.test(`a plugin with ${title} is refused with its place and the reason`, () =>
    withFiles({ "sub/x.js": source }, async (load) => {
      const error = await assertRejects(() => load("./x.js"), PluginLoadError);
      const start = 'plugins[0]: cannot load plugin "./x.js": ';
      assertEquals(error.message.slice(0, start.length), start);
      assertStringIncludes(error.message, reason);
    }));
}

Deno.test("a plugin that is not there is refused with its place and path", () =>
  withFiles({}, async (load, folder) => {
    const error = await assertRejects(() => load("./missing.ts"), PluginLoadError);
    assertStringIncludes(error.message, 'plugins[0]: cannot load plugin "./missing.ts": ');
    assertStringIncludes(error.message, toFileUrl(join(folder, "sub", "missing.ts")).href);
    await assertRejects(() => load("not-a-dependency"), PluginLoadError, 'cannot load plugin "not-a-dependency": ');
  }));

/** Imports as a compiled binary does: files are not there, `data:` URLs are. */
function importInBinary(specifier: string): Promise<unknown> {
  if (specifier.startsWith("data:")) return import(specifier);
  return Promise.reject(Object.assign(new TypeError("Module not found"), { code: "ERR_MODULE_NOT_FOUND" }));
}

const compiled = { standalone: true, importModule: importInBinary };

Deno.test("a compiled broker takes a plugin that is one JavaScript file", () =>
  withFiles({
    "sub/x.js": `// ümlaut %41 #\nimport process from "node:process";\n${plain}`,
    "sub/x.mjs": plain,
  }, async (load) => {
    assertEquals(typeof (await load("./x.js", compiled)).plugin.authenticate, "function");
    assertEquals(typeof (await load("./x.mjs", compiled)).plugin.authenticate, "function");
  }));

Deno.test("a compiled broker says what to do with a plugin that it cannot take", () =>
  withFiles({ "sub/x.ts": plain, "sub/y.js": `import "./z.js";\n${plain}`, "sub/z.js": "" }, async (load) => {
    const advice = 'embed it with "deno compile --include", or bundle it into one JavaScript file';
    for (const name of ["x.ts", "y.js"]) {
      const error = await assertRejects(() => load(`./${name}`, compiled), PluginLoadError, advice);
      assertStringIncludes(error.message, "a compiled broker cannot import ");
      assert(!error.message.includes("data:"), error.message);
    }
    await assertRejects(() => load("./missing.js", compiled), PluginLoadError, 'cannot load plugin "./missing.js": ');
  }));

Deno.test("a compiled broker does not run a plugin twice that fails by itself", () =>
  withFiles({ "sub/x.js": plain }, async (load) => {
    const importModule = (specifier: string) =>
      specifier.startsWith("data:") ? importInBinary(specifier) : Promise.reject(new Error("top level"));
    await assertRejects(() => load("./x.js", { standalone: true, importModule }), PluginLoadError, "top level");
  }));
