/** What the manual lists, and what the code has: neither may forget anything of the other. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Broker } from "../../mod.ts";
import { noRefusals } from "../../src/routing/refusals.ts";
import { readManual, root } from "./manual.ts";

const manual = await readManual();

function pageAt(path: string): string {
  return manual.find((page) => page.path === path)!.text;
}

function source(path: string): Promise<string> {
  return Deno.readTextFile(join(root, path));
}

/** Words in backquotes that stand in tables. */
function codeInTables(page: string): readonly string[] {
  const rows = page.split("\n").filter((line) => line.startsWith("|"));
  return rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, code]) => code!));
}

/** Names of the members of an interface. */
function membersOf(text: string, name: string): readonly string[] {
  const body = new RegExp(`^export interface ${name} \\{\\n([^]*?)^\\}`, "m").exec(text)![1]!;
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[(:]/gm)].map(([, member]) => member!);
}

/** Names that are not in the page, neither alone nor with arguments. */
function missing(names: Iterable<string>, page: string): readonly string[] {
  const known = new Set(codeInTables(page).map((code) => code.replace(/\(.*$/, "")));
  return [...names].filter((name) => !known.has(name));
}

Deno.test("the page about plugins names every hook and everything that a plugin's context can do", async () => {
  const text = await source("src/hooks/plugin.ts");
  const hooks = membersOf(text, "Plugin");
  const context = membersOf(text, "PluginContext").filter((member) => member !== "specifier");
  assert(hooks.length > 20 && context.length > 8, `${hooks.length}, ${context.length}`);
  assertEquals(missing([...hooks, ...context], pageAt("docs/plugins.md")), []);
});

Deno.test("the page about embedding names everything that a program can do with a broker", () => {
  const members = Object.getOwnPropertyNames(Broker.prototype).filter((name) => name !== "constructor");
  assert(members.length > 10, `${members.length}`);
  assertEquals(missing(members, pageAt("docs/embedding.md")), []);
});

Deno.test("the map names every room, in its table and in its picture", async () => {
  const rooms: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(root, "src"))) if (isDirectory) rooms.push(name);
  const map = pageAt("docs/architecture.md");
  assertEquals(missing(rooms.map((room) => `src/${room}/`), map), []);
  const picture = /^```mermaid\n([^]*?)^```$/m.exec(map)![1]!;
  assertEquals(rooms.filter((room) => !new RegExp(`\\b${room}\\b`).test(picture)), []);
});

Deno.test("the page about operating names every kind of refusal that is counted", () => {
  assertEquals(missing(Object.keys(noRefusals()), pageAt("docs/operating.md")), []);
});

Deno.test("the page about troubles names every reason for which a message is given up", async () => {
  const union = /^export type DropReason =\n([^;]+);/m.exec(await source("src/message.ts"))![1]!;
  const reasons = [...union.matchAll(/"([\w-]+)"/g)].map(([, reason]) => reason!);
  assert(reasons.length > 5, `${reasons.length}`);
  assertEquals(missing(reasons, pageAt("docs/troubleshooting.md")), []);
});

Deno.test("what the log says according to the page about troubles is said somewhere in the code", async () => {
  const code: string[] = [];
  for await (const text of sourcesUnder(join(root, "src"))) code.push(text);
  const all = code.join("\n");
  const lines = pageAt("docs/troubleshooting.md").split("\n").filter((line) => /^\| `[^`]* [^`]*`/.test(line));
  assert(lines.length > 15, `${lines.length}`);
  const unsaid = lines.flatMap((line) => partsOf(/^\| `([^`]*)`/.exec(line)![1]!)).filter((part) =>
    !all.includes(part)
  );
  assertEquals(unsaid, []);
});

/** What stands between the parts that differ each time. */
function partsOf(text: string): readonly string[] {
  const parts = text.split(/…|user "x"|"x"|broker\.yaml\S* \S+/).map((part) => part.replace(/^[ :]+|[ :]+$/g, ""));
  return parts.filter((part) => part.includes(" "));
}

async function* sourcesUnder(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sourcesUnder(join(folder, name));
    else if (name.endsWith(".ts")) yield await Deno.readTextFile(join(folder, name));
  }
}
