/** Plugins made with definePlugin: options are checked by a schema of any library, at the start and at each reload. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { definePlugin } from "../../src/hooks/define_plugin.ts";
import type { Plugin } from "../../src/hooks/plugin.ts";
import type { StandardSchema } from "../../src/hooks/standard_schema.ts";
import { pluginContext } from "../support/plugin_context.ts";

const seen: unknown[] = [];
const greeter = definePlugin({
  name: "greeter",
  options: z.object({ greeting: z.string().default("hello"), times: z.array(z.number()).optional() }),
  create: ({ greeting }, context) => ({
    clientConnected: () => void context.publish("greeting", greeting.toUpperCase()),
    reload: (options) => void seen.push(options.greeting),
  }),
});

Deno.test("create gets what the schema makes of the options, and of no options what it makes of {}", async () => {
  for (const [options, expected] of [[{ greeting: "hi" }, "HI"], [undefined, "HELLO"], [null, "HELLO"]] as const) {
    const context = pluginContext();
    const plugin = await greeter(options, context);
    plugin.clientConnected?.({} as never);
    assertEquals(context.published.map(({ payload }) => payload), [expected]);
  }
});

Deno.test("options that the schema refuses are told with their places, all of them", async () => {
  const error = await assertRejects(() => greeter({ greeting: 5, times: [1, "2"] }, pluginContext()), Error);
  const [first, second] = error.message.split("; ");
  assert(first?.startsWith("options.greeting: "), error.message);
  assert(second?.startsWith("options.times[1]: "), error.message);
});

Deno.test("reload gets options that were checked, and refuses others", async () => {
  const plugin = await greeter({}, pluginContext());
  await plugin.reload?.({});
  assertEquals(seen, ["hello"]);
  await assertRejects(async () => await plugin.reload?.({ greeting: 5 }), Error, "options.greeting");
  assertEquals(seen, ["hello"]);
});

Deno.test("the hooks may be an instance of a class", async () => {
  class Hooks {
    readonly #reloaded: unknown[] = [];
    authenticate(): "allow" {
      return "allow";
    }
    reload(options: { readonly a: number }): void {
      this.#reloaded.push(options.a);
    }
    get reloaded(): readonly unknown[] {
      return this.#reloaded;
    }
  }
  const defined = definePlugin({ options: z.object({ a: z.coerce.number() }), create: () => new Hooks() });
  const plugin = await defined({ a: 1 }, pluginContext()) as Plugin & Hooks;
  assertEquals(plugin.authenticate(), "allow");
  await (plugin as Plugin).reload?.({ a: "2" });
  assertEquals(plugin.reloaded, [2]);
});

Deno.test("a schema may be anybody's, and take its time", async () => {
  const schema: StandardSchema<string, number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) =>
        Promise.resolve(
          typeof value === "string"
            ? { value: value.length }
            : { issues: [{ message: "must be text" }, { message: "no", path: [{ key: "a" }, 0] }] },
        ),
    },
  };
  const lengths: number[] = [];
  const defined = definePlugin({ options: schema, create: (length) => (lengths.push(length), {}) });
  await defined("four", pluginContext());
  assertEquals(lengths, [4]);
  await assertRejects(() => defined(5, pluginContext()), Error, "options: must be text; options.a[0]: no");
});

Deno.test("a plugin without a schema takes no options", async () => {
  const defined = definePlugin({ create: (options) => (assertEquals(options, undefined), {}) });
  await defined(undefined, pluginContext());
  await defined({}, pluginContext());
  await assertRejects(() => defined({ a: 1 }, pluginContext()), Error, "it takes none: got { a: 1 }");
});

Deno.test("with() checks the type of the options", () => {
  assertEquals(greeter.with({ greeting: "hi" }), [greeter, { greeting: "hi" }]);
  // @ts-expect-error: it is not of that type
  greeter.with({ greeting: 5 });
  // @ts-expect-error: there is no such option
  greeter.with({ greetign: "hi" });
});
