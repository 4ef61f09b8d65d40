/** Options of plugins, checked by each of the libraries that the manual names. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { Broker } from "../../src/broker/broker.ts";
import { type DefinedPlugin, definePlugin } from "../../src/hooks/define_plugin.ts";
import type { StandardSchema } from "../../src/hooks/standard_schema.ts";
import { pluginContext } from "../support/plugin_context.ts";
import { CollectingLogger } from "../support/test_broker.ts";

interface Given {
  readonly greeting?: string;
  readonly times?: number[];
}

interface Checked {
  readonly greeting: string;
  readonly times?: number[];
}

/** The same options by each library; that they fit here is a test of the types. */
const schemas: Readonly<Record<string, StandardSchema<Given, Checked>>> = {
  zod: z.object({ greeting: z.string().default("hello"), times: z.array(z.number()).optional() }),
  valibot: v.object({ greeting: v.optional(v.string(), "hello"), times: v.optional(v.array(v.number())) }),
  arktype: type({ greeting: "string = 'hello'", "times?": "number[]" }),
};

const seen: Checked[] = [];

function pluginOf(options: StandardSchema<Given, Checked>): DefinedPlugin<Given> {
  return definePlugin({
    name: "greeter",
    options,
    create: (checked) => (seen.push(checked), { reload: (checked) => void seen.push(checked) }),
  });
}

for (const [library, schema] of Object.entries(schemas)) {
  Deno.test(`options are checked by a schema of ${library}, at the start and at a reload`, async () => {
    const greeter = pluginOf(schema);
    const config = (given: Given) =>
      ({ listeners: { web: { type: "external" } }, plugins: [greeter.with(given)] }) as const;
    await using broker = new Broker(config({}), { logger: new CollectingLogger() });
    await broker.start();
    assertEquals(seen.splice(0), [{ greeting: "hello" }]);
    assertEquals((await broker.reload(config({ greeting: "hi", times: [1] }))).failed, []);
    assertEquals(seen.splice(0), [{ greeting: "hi", times: [1] }]);
    const { failed } = await broker.reload(config({ greeting: 5 as never }));
    assertMatch(failed[0]?.reason ?? "", /options\.greeting: /);
    assertEquals(seen, []);
  });

  Deno.test(`what a schema of ${library} refuses is told with its places`, async () => {
    const refused = pluginOf(schema)({ greeting: 5, times: [1, "2"] }, pluginContext());
    const { message } = await assertRejects(() => refused, Error);
    assertMatch(message, /^options\.greeting: .+; options\.times\[1\]: /);
  });
}

Deno.test("the types of the options are those of the schema, whichever library it is of", () => {
  const byValibot = definePlugin({ options: v.object({ greeting: v.string() }), create: () => ({}) });
  const byArktype = definePlugin({ options: type({ greeting: "string" }), create: () => ({}) });
  assertEquals(byValibot.with({ greeting: "hi" })[1], { greeting: "hi" });
  assertEquals(byArktype.with({ greeting: "hi" })[1], { greeting: "hi" });
  // @ts-expect-error: it is not of that type
  byValibot.with({ greeting: 5 });
  // @ts-expect-error: it is not of that type
  byArktype.with({ greeting: 5 });
});
