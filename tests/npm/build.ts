/**
 * Makes the package for npm in the folder `npm/`: each file of the broker as JavaScript with its types, Node's side of
 * `src/runtime/` in the place of Deno's.
 *
 * `deno task npm [FOLDER]`
 */
import { dirname, fromFileUrl, join, relative } from "@std/path";
import ts from "typescript";
import configuration from "../../deno.json" with { type: "json" };

const root = fromFileUrl(new URL("../..", import.meta.url));

/** JSR's packages are not on npm by their own name. */
const replaced: Readonly<Record<string, string>> = {
  "@std/yaml": "deno-std/yaml/parse.js",
};
const DENO_STD = "1.4.0";

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};

async function* filesUnder(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* filesUnder(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

/** What a file imports where it has other names on npm. */
function withNpmNames(text: string): string {
  let result = text.replace(/(["'])((?:\.\.\/)+)deno\.json\1 with \{ type: "json" \}/g, '"$2version.js"');
  for (const [name, other] of Object.entries(replaced)) result = result.replaceAll(`"${name}"`, `"${other}"`);
  return result;
}

/** The JavaScript of a file. */
export function javaScriptOf(text: string, fileName: string): string {
  const { outputText } = ts.transpileModule(withNpmNames(text), { compilerOptions: options, fileName });
  return outputText;
}

/** The types of all files, by the path of what is written. */
function typesOf(files: readonly string[]): Map<string, string> {
  const types = new Map<string, string>();
  const program = ts.createProgram(files, {
    ...options,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
    types: [],
    declaration: true,
    emitDeclarationOnly: true,
    // They were checked by Deno, which knows the packages. What other programs see has its type written beside it.
    noCheck: true,
    rootDir: root,
  });
  program.emit(undefined, (path, text) => {
    types.set(
      relative(root, path).replaceAll("\\", "/"),
      text.replaceAll(/(from "|import\(")(\.[^"]+)\.ts"/g, '$1$2.js"'),
    );
  });
  return types;
}

/** A name of the package's exports, and where it leads. */
function exportOf([name, path]: [string, string]): [string, unknown] {
  const base = path.replace(/\.ts$/, "");
  return [name, { types: `${base}.d.ts`, default: `${base}.js` }];
}

function packageJson(): unknown {
  const dependencies = Object.entries(configuration.imports)
    .filter(([, target]) => target.startsWith("npm:"))
    .map(([name, target]) => [name, target.slice(target.lastIndexOf("@") + 1)]);
  return {
    name: configuration.name,
    version: configuration.version,
    description: "An MQTT 3.1, 3.1.1 and 5.0 broker",
    license: configuration.license,
    type: "module",
    engines: { node: ">=20.10" },
    exports: Object.fromEntries(Object.entries(configuration.exports).map(exportOf)),
    bin: { "amqtt-broker": "./bin.js" },
    dependencies: { ...Object.fromEntries(dependencies), "deno-std": DENO_STD },
  };
}

/** Writes the package into `folder`, which is emptied before. */
export async function buildPackage(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const write = async (path: string, text: string) => {
    const target = join(folder, path);
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.writeTextFile(target, text);
  };
  const sources = [join(root, "mod.ts")];
  for await (const file of filesUnder(join(root, "src"))) sources.push(file);
  for (const file of sources) {
    const path = relative(root, file).replaceAll("\\", "/");
    const base = path.replace(/\.ts$/, "");
    const text = await Deno.readTextFile(file);
    await write(
      `${base}.js`,
      path === "src/runtime/host.ts" ? 'export * from "./node/host.js";\n' : javaScriptOf(text, path),
    );
  }
  for (const [path, text] of typesOf(sources)) await write(path, text);
  await write("version.js", `export default { version: ${JSON.stringify(configuration.version)} };\n`);
  await write(
    "bin.js",
    '#!/usr/bin/env node\nimport process from "node:process";\nimport { main } from "./src/cli/main.js";\n\n' +
      "process.exit(await main(process.argv.slice(2)));\n",
  );
  await write("package.json", `${JSON.stringify(packageJson(), undefined, 2)}\n`);
  for (const file of ["README.md", "LICENSE", "CHANGELOG.md"]) {
    await Deno.copyFile(join(root, file), join(folder, file));
  }
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? join(root, "npm");
  await buildPackage(folder);
  console.log(`${folder} is ready: try it with "npm pack", publish it with "npm publish"`);
}
