import { assertEquals } from "@std/assert";
import { faults, resolved } from "./support.ts";

Deno.test("without a type, nothing outlives the process", () => {
  for (const persistence of [undefined, null, {}, { type: null }, { type: "memory" }, { path: null }]) {
    assertEquals(resolved({ persistence }).persistence, { type: "memory" });
  }
});

Deno.test("sqlite has a file beside the config and syncs to the disk unless said otherwise", () => {
  assertEquals(resolved({ persistence: { type: "sqlite" } }).persistence, {
    type: "sqlite",
    path: "/base/amqtt-broker.sqlite",
    commit: "disk",
  });
  assertEquals(resolved({ persistence: { type: "sqlite", path: "../data/b.db", commit: "os" } }).persistence, {
    type: "sqlite",
    path: "/data/b.db",
    commit: "os",
  });
});

Deno.test("another type is an import specifier, and all other keys are its options as they stand", () => {
  for (
    const type of ["./store.ts", "../a.js", "/x/a.js", "file:///a.js", "jsr:@a/b", "npm:a", "https://a.example/b.js"]
  ) {
    assertEquals(resolved({ persistence: { type } }).persistence, { type: "module", specifier: type, options: {} });
  }
  const options = { "key-prefix": "a", path: "./b", commit: 5, empty: null, nested: { "a-b": [1] } };
  const persistence = { ...options, type: "./store.ts" };
  assertEquals(resolved({ persistence }).persistence, { type: "module", specifier: "./store.ts", options });
  assertEquals(persistence, { ...options, type: "./store.ts" });
});

Deno.test("path and commit are refused without sqlite, which alone has them", () => {
  assertEquals(faults({ persistence: { path: "a", commit: "os" } }), [
    "persistence.path: is for type: sqlite only: got no type: add type: sqlite",
    "persistence.commit: is for type: sqlite only: got no type: add type: sqlite",
  ]);
  assertEquals(faults({ persistence: { type: "memory", commit: "disk" } }), [
    "persistence.commit: is for type: sqlite only: got type: memory",
  ]);
});

Deno.test("a type that is nothing known is refused, and what depends on it is not looked at", () => {
  for (const type of ["redis", "", "SQLite", 5, ["sqlite"]]) {
    assertEquals(faults({ persistence: { type, url: "x", path: 5 } }), [
      "persistence.type: must be memory, sqlite or an import specifier (./x.ts, file:, jsr:, npm:, https:): got " +
      JSON.stringify(type),
    ]);
  }
});

Deno.test("what is wrong with the other keys is said", () => {
  assertEquals(faults({ persistence: "sqlite" }), [
    'persistence: must be a mapping of keys to values: got "sqlite"',
  ]);
  assertEquals(faults({ persistence: { type: "sqlite", path: "", commit: "never", comit: 1 } }), [
    'persistence.path: must be the path of a file: got ""',
    'persistence.commit: must be disk or os: got "never"',
    "persistence.comit: unknown key: did you mean commit?",
  ]);
});
