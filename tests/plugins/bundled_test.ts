import { assertEquals } from "@std/assert";
import { bundledPluginNames } from "../../src/config/plugin_names.ts";
import { bundledPlugins } from "../../src/plugins/bundled.ts";

Deno.test("every bundled plugin that the config knows is there, and no other", () => {
  assertEquals(Object.keys(bundledPlugins).sort(), [...bundledPluginNames].sort());
});

for (const [name, load] of Object.entries(bundledPlugins)) {
  Deno.test(`the bundled plugin ${name} has a factory as its default export`, async () => {
    assertEquals(typeof (await load()).default, "function");
  });
}
