/** Compares the specification's normative statements with the titles of the tests, both ways. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import clauses from "./clauses.json" with { type: "json" };

interface Clause {
  readonly id: string;
  /** The standard the number belongs to: the same number means something else in another version. */
  readonly version: string;
  readonly summary: string;
  /** Whether it binds a server. */
  readonly server: boolean;
  /** Why there can be no test. */
  readonly untestable?: string;
}

const list: readonly Clause[] = clauses;
const testsDirectory = fromFileUrl(new URL("../", import.meta.url));

/** What stands in a title: `[MQTT-3.1.2-24] 3.1.1`. */
const TAG = /\[(MQTT-\d+\.\d+\.\d+-\d+)\](?: (3\.1\.1|5\.0))?/g;

const keyOf = (clause: { id: string; version?: string }) => `[${clause.id}] ${clause.version ?? "without a version"}`;

async function* testFiles(directory: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) yield* testFiles(path);
    else if (entry.name.endsWith("_test.ts")) yield path;
  }
}

/** The tags in a source outside its comments: in the titles, and in the rows of tables that titles are made from. */
function tagsIn(source: string): string[] {
  const code = source.replace(/^\s*(\/\/|\/?\*).*$/gm, "");
  return [...code.matchAll(TAG)].map(([, id, version]) => keyOf({ id: id!, version }));
}

async function tagsOfAllTests(): Promise<Map<string, string>> {
  const tags = new Map<string, string>();
  for await (const path of testFiles(testsDirectory)) {
    for (const tag of tagsIn(await Deno.readTextFile(path))) tags.set(tag, path.slice(testsDirectory.length));
  }
  return tags;
}

Deno.test("Every clause is listed once, with a number, a version and a summary", () => {
  const keys = list.map(keyOf);
  assertEquals(keys.filter((key, index) => keys.indexOf(key) !== index), []);
  assertEquals(list.filter((clause) => !/^MQTT-\d+\.\d+\.\d+-\d+$/.test(clause.id) || clause.summary === ""), []);
  assertEquals(list.filter((clause) => clause.untestable !== undefined && !clause.server), []);
});

Deno.test("The list has the 141 normative statements of MQTT 3.1.1", () => {
  assertEquals(list.filter((clause) => clause.version === "3.1.1").length, 141);
});

Deno.test("Every clause that binds a server and can be tested is in a test's title", async () => {
  const tags = await tagsOfAllTests();
  const wanted = list.filter((clause) => clause.server && clause.untestable === undefined);
  assertEquals(wanted.map(keyOf).filter((key) => !tags.has(key)), []);
});

Deno.test("Every clause that a test's title names is in the list", async () => {
  const known = new Set(list.map(keyOf));
  const versions = new Set(list.map((clause) => clause.version));
  const strangers = [...await tagsOfAllTests()].filter(([tag]) =>
    !known.has(tag) && (tag.endsWith("without a version") || versions.has(tag.slice(tag.indexOf("] ") + 2)))
  );
  assertEquals(strangers, []);
});
