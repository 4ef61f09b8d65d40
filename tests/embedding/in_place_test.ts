/** Plugins and stores that stand in the config themselves, and how the config of a program is checked. */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import { checkConfig } from "../../src/config/check.ts";
import type { BrokerConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import { definePlugin } from "../../src/hooks/define_plugin.ts";
import type { PluginContext } from "../../src/hooks/plugin.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { CollectingLogger, startBroker } from "../support/test_broker.ts";

/** A plugin that writes down what it is made with. */
function recorder() {
  const made: unknown[] = [];
  const reloaded: unknown[] = [];
  const plugin = (options: unknown, { specifier }: PluginContext) => {
    made.push([specifier, options]);
    return { authenticate: () => "allow" as const, reload: (options: unknown) => void reloaded.push(options) };
  };
  return { plugin, made, reloaded };
}

const unstarted = (config: BrokerConfig) => new Broker(config, { logger: new CollectingLogger() });

Deno.test("A plugin may stand in a list itself, alone or with options, beside others that are named", async () => {
  const { plugin, made } = recorder();
  const greeter = definePlugin({ name: "greeter", create: () => (made.push("greeter"), {}) });
  await using broker = await startBroker({
    auth: { plugins: [plugin] },
    plugins: [[plugin, { greeting: "hi" }], [greeter, undefined], "event_logger"],
  });
  assertEquals(made, [["plugin", undefined], ["plugin", { greeting: "hi" }], "greeter"]);
  await broker.connect({ username: "anybody" });
});

Deno.test("A plugin without a name is called plugin, and one that fails is told of with its place", async () => {
  const broker = unstarted({
    listeners: { tcp: { bind: "127.0.0.1:0" } },
    plugins: ["event_logger", () => {
      throw new Error("no database");
    }],
  });
  const error = await assertRejects(() => broker.start(), Error);
  assertEquals(error.message, 'plugins[1]: cannot load plugin "plugin": no database');
});

Deno.test("A plugin in place gets its new options at a reload, told from another of its name", async () => {
  const [one, two] = [recorder(), recorder()];
  const config = (greeting: string): BrokerConfig => ({
    listeners: { tcp: { bind: "127.0.0.1:0" } },
    plugins: [[one.plugin, { greeting }], [two.plugin, { other: greeting }]],
  });
  await using broker = unstarted(config("hi"));
  await broker.start();
  const { plugins } = config("bye") as { readonly plugins: unknown[] };
  await broker.reload({ ...config("bye"), plugins: plugins.toReversed() as BrokerConfig["plugins"] });
  assertEquals([one.reloaded, two.reloaded], [[{ greeting: "bye" }], [{ other: "bye" }]]);
});

Deno.test("A plugin in place that stands in two lists is one, and another of its name is another", async () => {
  const [one, two] = [recorder(), recorder()];
  const options = { greeting: "hi" };
  await using _ = await startBroker({
    auth: { plugins: [[one.plugin, options]] },
    plugins: [[one.plugin, { ...options }], [two.plugin, options]],
  });
  assertEquals([one.made, two.made], [[["plugin", options]], [["plugin", options]]]);
});

Deno.test("A reload tells that a plugin or a store in place is another one, whatever they hold", async () => {
  const [one, two] = [recorder().plugin, () => ({})];
  Object.defineProperty(two, "name", { value: one.name });
  const endless: { self?: unknown; size: bigint } = { size: 1n };
  endless.self = endless;
  const [store, other] = [new MemoryStore(), new MemoryStore()];
  const config = (plugin: typeof one | typeof two, kept: MemoryStore): BrokerConfig => ({
    listeners: { tcp: { bind: "127.0.0.1:0" } },
    plugins: [[plugin, { endless }]],
    persistence: { store: kept },
  });
  await using broker = unstarted(config(one, store));
  await broker.start();
  assertEquals((await broker.reload(config(one, store))).needsRestart, []);
  assertEquals((await broker.reload(config(one, other))).needsRestart, ["persistence"]);
  assertEquals((await broker.reload(config(two, store))).needsRestart, ["plugins"]);
});

Deno.test("What is neither a name nor a plugin is a fault of the config", () => {
  const { plugin } = recorder();
  for (const entry of [5, [plugin, 1, 2], [5, {}], []]) {
    assertThrows(() => unstarted({ plugins: [entry] as never }), ConfigError, "plugins[0]: must be a plugin's name");
  }
});

for (
  const [what, of] of [["a store", (store: MemoryStore) => store], [
    "what makes one",
    (store: MemoryStore) => () => store,
  ]] as const
) {
  Deno.test(`persistence.store takes ${what}, which is there again at the next start`, async () => {
    const config = { persistence: { store: of(new MemoryStore()) } };
    {
      await using broker = await startBroker(config);
      await broker.broker.publish("a", "kept", { retain: true, qos: 1 });
    }
    await using broker = await startBroker(config);
    assertEquals([...broker.broker.retained.keys()], ["a"]);
  });
}

Deno.test("What makes a store gets the other keys and a context, and must make a store", async () => {
  const seen: unknown[] = [];
  const store = (options: unknown, { baseDirectory }: { readonly baseDirectory: string }) => {
    seen.push(options, baseDirectory);
    return {} as MemoryStore;
  };
  const listeners = { tcp: { bind: "127.0.0.1:0" } };
  const broker = new Broker({ listeners, persistence: { store, url: "x" } }, {
    baseDirectory: "/srv",
    logger: new CollectingLogger(),
  });
  await assertRejects(() => broker.start(), Error, "persistence.store: cannot make the store: its store must have");
  assertEquals(seen, [{ url: "x" }, "/srv"]);
});

Deno.test("persistence.store is a store, stands in place of type, and is a module's own option beside one", () => {
  const store = new MemoryStore();
  const faultOf = (persistence: object) =>
    assertThrows(() => unstarted({ persistence } as BrokerConfig), ConfigError).message;
  assertStringIncludes(faultOf({ store: "./x.ts" }), "persistence.store: must be a store, or a function");
  assertStringIncludes(faultOf({ store: {} }), "persistence.store: must be a store, or a function");
  assertStringIncludes(faultOf({ type: "sqlite", store }), "persistence.store: stands in place of type");
  assert(unstarted({ persistence: { type: "./store.ts", store } }));
});

Deno.test("A key that is misspelt does not compile, nor does a store without a method", () => {
  // @ts-expect-error: the key is listeners
  assertThrows(() => new Broker({ listener: {} }), ConfigError, "did you mean listeners?");
  // @ts-expect-error: the key is bind
  assertThrows(() => new Broker({ listeners: { tcp: { bnid: "127.0.0.1:0" } } }), ConfigError, "did you mean bind?");
  // @ts-expect-error: the unit is MiB
  assertThrows(() => new Broker({ maxPacketSize: "1 MiBi" }), ConfigError, "maxPacketSize: must be");
  // @ts-expect-error: there is no deliveries
  assertThrows(() => new Broker({ persistence: { store: { open() {}, append() {}, close() {} } } }), ConfigError);
});

Deno.test("Sizes and times may be written with their units", async () => {
  await using broker = await startBroker({ maxPacketSize: "1 MiB", connectTimeout: "500ms", sysInterval: "1 h" });
  assertEquals((await (await broker.connect5()).connack).properties?.maximumPacketSizeBytes, 2 ** 20);
});

Deno.test("fromYaml takes keys as YAML files have them, and tells all faults", async () => {
  const listeners = { tcp: { bind: "127.0.0.1:0", "max-connections": 1 } };
  await using broker = Broker.fromYaml({ listeners, "sys-interval": "1 min" }, { logger: new CollectingLogger() });
  await broker.start();
  const error = assertThrows(() => Broker.fromYaml({ "max-inflight": 0, listener: {} }), ConfigError);
  assertEquals(error.faults.length, 2);
});

Deno.test("checkConfig returns a config that has no fault, and tells all faults of another", () => {
  const config = { "max-inflight": 5 };
  assert(checkConfig(config) === config);
  assertEquals(checkConfig(undefined), {});
  for (const config of ["text", { "max-inflight": 0 }, { plugins: 5 }]) {
    assertThrows(() => checkConfig(config), ConfigError);
  }
});
