import { assertEquals } from "@std/assert";
import configuration from "../../deno.json" with { type: "json" };
import { bundledPlugins } from "../../src/plugins/bundled.ts";

for (const [name, { load }] of Object.entries(bundledPlugins)) {
  Deno.test(`the bundled plugin ${name} has a factory as its default export`, async () => {
    assertEquals(typeof (await load()).default, "function");
  });
}

Deno.test("the package exports every bundled plugin under its name, and nothing else but itself and the kit for tests", async () => {
  const exports = new Map(Object.entries(configuration.exports));
  assertEquals(exports.get("."), "./mod.ts");
  assertEquals(exports.get("./testing"), "./src/testing/testing.ts");
  exports.delete(".");
  exports.delete("./testing");
  const named = Object.entries(bundledPlugins).map(([name, { load }]) =>
    [`./plugins/${name.replaceAll(/[._]/g, "-")}`, load] as const
  );
  assertEquals([...exports.keys()].sort(), named.map(([path]) => path).sort());
  for (const [path, load] of named) {
    assertEquals(await import(new URL(`../../${exports.get(path)}`, import.meta.url).href), await load());
  }
});
