/** What a program calls, as it is written by those who call it: names, options, types. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type ApplicationMessage,
  Broker,
  type BrokerConfig,
  type BrokerEvent,
  checkConfig,
  type ClientSnapshot,
  ConfigError,
  definePlugin,
  type Payload,
  type Plugin,
  type PluginContext,
  type PublishOptions,
  type PublishResult,
  type ReceivedMessage,
  type StandardSchema,
  type TopicFilter,
  type TopicName,
} from "@amqtt/broker";
import { connectTestClient, hashPassword, startTestBroker, testStore } from "@amqtt/broker/testing";
import { z } from "zod";
import { MemoryStore } from "../support/memory_store.ts";

/** Compiles only if both types are the same. */
type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends (<T>() => T extends Other ? 1 : 2) ? true : never;
/** Holds the compiler to `Same`. */
function same<_ extends true>(): void {}

const listeners = { web: { type: "external" } } as const;
const text = ({ payload }: { readonly payload: Uint8Array }) => new TextDecoder().decode(payload);
const logger = { debug() {}, info() {}, warn() {}, error() {} };

Deno.test("plugins and a store stand in the config itself", async () => {
  const made: unknown[] = [];
  const myPlugin = (options: { readonly greeting?: string } | undefined, _context: PluginContext): Plugin => {
    made.push(options?.greeting);
    return {};
  };
  const myStore = new MemoryStore();
  const environment = { logger };
  await using broker = new Broker({
    listeners,
    plugins: [myPlugin, [myPlugin, { greeting: "hi" }], "event_logger"],
    persistence: { store: myStore },
  }, environment);
  await broker.start();
  await broker.publish("a", "x", { qos: 1, retain: true });
  assertEquals([made, myStore.messages], [[undefined, "hi"], 1]);
});

Deno.test("the options of a defined plugin have the type that its schema makes", async () => {
  const schema = z.object({ greeting: z.string().default("hello") });
  const seen: string[] = [];
  const greeter = definePlugin({
    options: schema,
    create(options, context) {
      same<Same<typeof options, { greeting: string }>>();
      same<Same<typeof context, PluginContext>>();
      seen.push(options.greeting);
      return {};
    },
  });
  // Any library of Standard Schema.
  const own: StandardSchema<{ n?: number }, { n: number }> = {
    "~standard": { version: 1, vendor: "own", validate: (value) => ({ value: { n: 1, ...value as object } }) },
  };
  const counter = definePlugin({
    options: own,
    create: ({ n }) => (same<Same<typeof n, number>>(), seen.push(`${n}`), {}),
  });
  // @ts-expect-error: its type is that of the schema.
  assertEquals(greeter.with({ greeting: 5 })[0], greeter);
  await using broker = new Broker(
    { listeners, plugins: [greeter, greeter.with({ greeting: "hi" }), [counter, { n: 7 }]] },
    { logger },
  );
  await broker.start();
  assertEquals(seen, ["hello", "hi", "7"]);
});

Deno.test("the constructor takes camelCase alone, so that a misspelt key does not compile", () => {
  // @ts-expect-error: it is spelt maxPacketSize.
  assertThrows(() => new Broker({ listeners, maxPacketSise: 5 }), ConfigError);
  same<Same<ReturnType<typeof checkConfig>, BrokerConfig>>();
  const yaml: Record<string, unknown> = { listeners, "max-packet-size": "1 MiB" };
  assert(Broker.fromYaml(yaml) instanceof Broker && new Broker(checkConfig(yaml)) instanceof Broker);
  assert(new Broker({ listeners, maxPacketSize: "1 MiB", stallTimeout: "2 min" }) instanceof Broker);
  // @ts-expect-error: there is no such unit.
  assertThrows(() => new Broker({ listeners, maxPacketSize: "1 parsec" }), ConfigError);
});

Deno.test("start({ signal }) ends the broker when the signal is aborted", async () => {
  const stop = new AbortController();
  const { signal } = stop;
  const broker = new Broker({ listeners }, { logger });
  await broker.start({ signal });
  stop.abort();
  await broker.shutdown();
  await assertRejects(() => broker.publish("a", ""), Error, "shut down");
});

Deno.test("on(name, listener, { signal }) and events([names]) tell what happens, typed by name", async () => {
  await using broker = await startTestBroker();
  const stop = new AbortController();
  const { signal } = stop;
  const told: string[] = [];
  const listening: Disposable = broker.on("clientConnected", (client) => {
    same<Same<typeof client, ClientSnapshot>>();
    told.push(client.clientIdentifier);
  }, { signal });
  const events = broker.events(["clientDisconnected", "messageDropped"]);
  const client = await connectTestClient(broker, { clientIdentifier: "c" });
  await client.disconnect();
  for await (const event of events) {
    same<Same<typeof event, BrokerEvent<"clientDisconnected" | "messageDropped">>>();
    if (event.name === "messageDropped") continue;
    const [{ clientIdentifier, connectedAt }, { reasonCode }] = event.details;
    assertEquals([clientIdentifier, reasonCode], ["c", 0]);
    assert(connectedAt instanceof Date);
    break;
  }
  // @ts-expect-error: there is no such event.
  assertThrows(() => broker.on("clientConected", () => {}));
  stop.abort();
  listening[Symbol.dispose]();
  assertEquals(told, ["c"]);
});

Deno.test("subscribe(filter, options) is an async iterator that is disposed of, with dropped and replayed", async () => {
  await using broker = await startTestBroker();
  await broker.publish("rooms/1", "20", { retain: true });
  const { signal } = new AbortController();
  await using messages = broker.subscribe("rooms/+", {
    qos: 1,
    signal,
    retained: "send",
    limit: 2,
    onOverflow: "drop",
  });
  messages satisfies AsyncIterableIterator<ReceivedMessage> & AsyncDisposable;
  await broker.publish("rooms/1", "21");
  await broker.publish("rooms/1", "22");
  const dropped: number = messages.dropped;
  assertEquals(dropped, 1);
  for await (const { replayed, payload } of messages) {
    same<Same<typeof replayed, boolean>>();
    assertEquals([replayed, text({ payload })], [false, "21"]);
    break;
  }
  const quiet = broker.subscribe("rooms/+", { retained: "none", onOverflow: "throw", limit: 1 });
  assertEquals((await quiet.return()).done, true);
});

Deno.test("request and respond, within the program and with a client on the wire", async () => {
  await using broker = await startTestBroker();
  const { signal } = new AbortController();
  const handler = (request: ReceivedMessage) => `${text(request)}!`;
  broker.respond("rpc/add", handler, { signal }) satisfies Disposable;
  const body: Payload = "1";
  const reply = await broker.request("rpc/add", body, { signal });
  same<Same<typeof reply, ReceivedMessage>>();
  assertEquals(text(reply), "1!");
  await using client = await connectTestClient(broker, { protocolVersion: 5 });
  await client.subscribe("wire/#");
  const asked = broker.request("wire/add", new TextEncoder().encode("2"), { signal: AbortSignal.timeout(5000) });
  const { properties } = await client.next();
  await client.publish(properties!.responseTopic!, "3", {
    properties: { correlationData: properties!.correlationData },
  });
  assertEquals(text(await asked), "3");
});

Deno.test("publish resolves with { subscribers }, for the program and for plugins, and takes plain texts as topics", async () => {
  const results: PublishResult[] = [];
  const plugin = (_: unknown, context: PluginContext): Plugin => ({
    async clientSubscribed() {
      results.push(await context.publish("a", new Uint8Array([1]).buffer));
      assertEquals([...context.retained("r/#")].map(({ topicName }) => topicName as string), ["r/1"]);
    },
  });
  await using broker = await startTestBroker({ plugins: [plugin] });
  await broker.publish("r/1", "x", { retain: true });
  await using client = await connectTestClient(broker);
  await client.subscribe("a");
  await client.next();
  const topic: string = "a";
  const payload: BufferSource = new DataView(new ArrayBuffer(2));
  const options: PublishOptions = { qos: 1, retain: false };
  const { subscribers } = await broker.publish(topic, payload, options);
  same<Same<typeof subscribers, number>>();
  assertEquals([subscribers, results], [1, [{ subscribers: 1 }]]);
  // What comes out is branded, and still a text.
  const out = [...broker.retained.values()].map(({ topicName }) => topicName);
  same<Same<typeof out, TopicName[]>>();
  assertEquals(out satisfies string[] as string[], ["r/1"]);
});

Deno.test("upgrade(request, { listener, remote: info.remoteAddr }) takes what Deno.serve gives", async () => {
  await using broker = new Broker({ listeners, auth: { allowAnonymous: true } }, { logger });
  await broker.start();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request, info) => broker.upgrade(request, { listener: "web", remote: info.remoteAddr }),
  );
  const response = await fetch(`http://127.0.0.1:${server.addr.port}/`);
  await response.body?.cancel();
  assertEquals(response.status, 426);
});

Deno.test("mountpoint, the rewriting hooks, denied, attributes and the filters of a client have their types", async () => {
  const denials: unknown[] = [];
  const plugin: Plugin = {
    authenticate: ({ username }) => ({ decision: "allow", username: `${username}-1`, attributes: { plan: "free" } }),
    authorizePublish: ({ attributes }) => attributes?.plan === "free" ? "deny" : "allow",
    authorizeSubscribe: () => "allow",
    transformSubscription: (
      _client,
      topicFilter,
    ) => (same<Same<typeof topicFilter, TopicFilter>>(), `${topicFilter}/x`),
    transformDelivery: (
      _client,
      message,
    ) => (same<Same<typeof message, ApplicationMessage>>(), { ...message, payload: new Uint8Array([65]) }),
    denied: ({ action, client, topic, plugin, reasonCode }) =>
      void denials.push([action, client.username, client.attributes, topic, plugin, reasonCode]),
  };
  const deny = () => plugin;
  await using broker = await startTestBroker({
    listeners: { tenants: { type: "external", mountpoint: "tenants/%u/" } },
    auth: { plugins: [deny] },
    topicCheck: { enabled: true, plugins: [deny] },
  });
  await using client = await connectTestClient(broker, { username: "u", listener: "tenants", protocolVersion: 5 });
  await client.subscribe("a", { qos: 1 });
  assertEquals(broker.clients.map(({ topicFilters, mountpoint }) => [topicFilters as readonly string[], mountpoint]), [
    [["tenants/u-1/a/x"], "tenants/u-1/"],
  ]);
  await broker.publish("tenants/u-1/a/x", "B");
  assertEquals((await client.next()).text, "A");
  assertEquals(await client.publish("b", "", { qos: 1 }), 0x87);
  assertEquals(denials, [["publish", "u-1", { plan: "free" }, "tenants/u-1/b", "deny", 0x87]]);
});

Deno.test("the kit: startTestBroker, next, clock, connectTestClient, testStore, hashPassword", async () => {
  await using broker = await startTestBroker({ maxPacketSize: "1 MiB" });
  const url: string = broker.url;
  const heard = broker.next("a/#", 1000);
  await using client = await connectTestClient(broker);
  await client.publish("a/b", "x");
  assertEquals([text(await heard), /^mqtt:\/\/127\.0\.0\.1:\d+$/.test(url)], ["x", true]);
  broker.clock.advance(1000);
  const cases = testStore(() => ({ create: () => new MemoryStore(), async [Symbol.asyncDispose]() {} }));
  await cases.find(({ name }) => name === "a new store is empty")!.run();
  assert((await hashPassword("secret")).startsWith("$argon2id$"));
});
