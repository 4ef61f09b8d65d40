/** What a plugin can do with the broker beside its hooks: publish and be told what became of it, and read what is retained. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { PluginContext } from "../../src/hooks/plugin.ts";
import { TopicError } from "../../src/packet/topic.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

/** A broker, and the context of a plugin in it. */
async function start(): Promise<{ broker: TestBroker; context: PluginContext }> {
  const given = Promise.withResolvers<PluginContext>();
  const broker = await startBroker({
    plugins: [hooks((context) => {
      given.resolve(context);
      return {};
    })],
  });
  return { broker, context: await given.promise };
}

Deno.test("A plugin's publish tells how many subscribers a message was routed to, and is on its way at once", async () => {
  const { broker, context } = await start();
  await using _ = broker;
  const client = await broker.connect();
  await client.subscribe("a", 1);
  const first = context.publish("a", "1", { qos: 1 });
  context.publish("a", "2", { qos: 1 });
  assertEquals(await first, { subscribers: 1 });
  await client.takeMessage({ payload: "1" });
  await client.takeMessage({ payload: "2" });
  assertEquals(await context.publish("b", ""), { subscribers: 0 });
});

Deno.test("What a plugin publishes wrongly is rejected, and logged if the plugin does not wait for it", async () => {
  const { broker, context } = await start();
  await using _ = broker;
  await assertRejects(() => context.publish("a/#", ""), TopicError, "wildcard");
  context.publish("b/+", "");
  await broker.log.line(/^error: \.\/hooks_plugin\.ts: topic name must not contain a wildcard: got "b\/\+"$/);
});

Deno.test("A plugin reads the retained messages that a filter matches one by one, while others come and go", async () => {
  const { broker, context } = await start();
  await using _ = broker;
  for (const name of ["a/1", "a/2", "b", "$SYS/x"]) await context.publish(name, name, { retain: true });
  await context.publish("a/3", "short", { retain: true, properties: { messageExpiryIntervalSeconds: 1 } });
  broker.clock.advance(1100);
  const names = (messages: Iterable<{ readonly topicName: string }>) => Array.from(messages, (m) => m.topicName).sort();
  assertEquals(names(context.retained()), ["$SYS/x", "a/1", "a/2", "b"]);
  assertEquals(names(context.retained("a/+")), ["a/1", "a/2"]);
  assertEquals(names(context.retained("b")), ["b"]);
  assertEquals(names(context.retained("#")), ["a/1", "a/2", "b"]);
  assertEquals(names(context.retained("none")), []);
  const seen: string[] = [];
  for (const { topicName } of context.retained("a/+")) {
    seen.push(topicName);
    await context.publish(topicName === "a/1" ? "a/2" : "a/1", "", { retain: true });
  }
  assertEquals(seen.length, 1);
  assertThrows(() => context.retained("a/#/b"), TopicError);
});
