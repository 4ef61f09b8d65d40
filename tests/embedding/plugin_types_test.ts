/**
 * What the compiler makes of plugins in a config: `@ts-expect-error` stands right above the option that it has to point at,
 * and all else has to compile.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  Broker,
  type BrokerConfig,
  type BrokerConstructor,
  type CheckedConfig,
  definePlugin,
  type OptionsOf,
  type Plugin,
  type PluginContext,
  type PluginList,
  PluginLoadError,
} from "@amqtt/broker";
import { startTestBroker } from "@amqtt/broker/testing";
import { z } from "zod";

/** Compiles only if both types are the same. */
type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends (<T>() => T extends Other ? 1 : 2) ? true : never;
/** Holds the compiler to `Same`. */
function same<_ extends true>(): void {}

const greeter = definePlugin({
  name: "greeter",
  options: z.object({ greeting: z.string(), tone: z.enum(["loud", "soft"]).optional() }),
  create: () => ({}),
});
const counter = definePlugin({ options: z.object({ n: z.number().default(1) }), create: () => ({ reload() {} }) });
const bare = definePlugin({ create: () => ({}) });
const plain = (_options: { readonly greeting?: string } | undefined, _context: PluginContext): Plugin => ({});
const doorkeeper = () => ({ authenticate: () => "allow" as const });

const listeners = { web: { type: "external" } } as const;
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const sometimes = (): boolean => listeners.web.type === "external";

Deno.test("a wrong, misspelt or missing option of a plugin in a pair does not compile", () => {
  new Broker({
    plugins: [
      "event_logger",
      [counter, { n: 1 }],
      [greeter, {
        // @ts-expect-error: it is not of that type
        greeting: 5,
      }],
    ],
  });
  new Broker({
    plugins: [[greeter, {
      greeting: "hi",
      // @ts-expect-error: it is spelt tone
      tune: "loud",
    }]],
  });
  new Broker({
    plugins: [[greeter, {
      greeting: "hi",
      // @ts-expect-error: it is none of the two
      tone: "shrill",
    }]],
  });
  // @ts-expect-error: there is no greeting
  new Broker({ plugins: [[greeter, {}]] });
  // @ts-expect-error: there is no greeting
  new Broker({ plugins: [[greeter, undefined]] });
  // @ts-expect-error: there is no greeting
  new Broker({ plugins: [[greeter, { tone: "soft" } as const]] });
  // @ts-expect-error: it takes no options
  new Broker({ plugins: [[bare, { greeting: "hi" }]] });
});

Deno.test("so it is for a plugin that is a function, or made in the list", () => {
  new Broker({
    plugins: [[plain, {
      // @ts-expect-error: it is spelt greeting
      greetign: "hi",
    }]],
  });
  new Broker({
    plugins: [[(_options: { readonly n: number }) => ({}), {
      // @ts-expect-error: it is not of that type
      n: "1",
    }]],
  });
  new Broker({
    plugins: [[definePlugin({ options: z.object({ n: z.number() }), create: () => ({}) }), {
      // @ts-expect-error: it is not of that type
      n: "1",
    }]],
  });
});

Deno.test("so it is for each list, with reload() and startTestBroker()", async () => {
  new Broker({
    plugins: [[counter, { n: 1 }]],
    auth: {
      plugins: [doorkeeper, [greeter, {
        // @ts-expect-error: it is not of that type
        greeting: 5,
      }]],
    },
  });
  new Broker({
    topicCheck: {
      enabled: true,
      plugins: ["topic_acl", [greeter, {
        // @ts-expect-error: it is not of that type
        greeting: 5,
      }]],
    },
  });
  await using broker = await startTestBroker({
    plugins: [[counter, {
      n: 1,
      // @ts-expect-error: there is no such option
      m: 2,
    }]],
  });
  const { failed } = await broker.reload({
    plugins: [[counter, {
      // @ts-expect-error: it is not of that type
      n: "1",
    }]],
  });
  assertEquals(failed.map(({ place }) => place), ["plugins[0]"]);
});

Deno.test("what stands beside plugins is told of as before", () => {
  const make = () => [
    // @ts-expect-error: it is neither a name nor a plugin
    new Broker({ plugins: [5] }),
    // @ts-expect-error: it is spelt plugins
    new Broker({ plugin: [] }),
    // @ts-expect-error: it is spelt allowAnonymous
    new Broker({ auth: { allowAnonimous: true, plugins: [doorkeeper] } }),
    // @ts-expect-error: it is spelt bind
    new Broker({ listeners: { tcp: { bnid: ":1883" } }, plugins: [[counter, { n: 1 }]] }),
  ];
  assert(make);
});

Deno.test("what a list of plugins may hold compiles", () => {
  const other = { greeting: "hi", more: 1 };
  const pair = [greeter, { greeting: "hi" }] as const;
  const parsed: Record<string, unknown> = {};
  const unchecked: unknown = other;
  const names = ["event_logger", "packet_logger"];
  const brokers = [
    new Broker(),
    new Broker({}),
    new Broker({ plugins: [] }),
    new Broker({ plugins: ["event_logger", { broker_sys: {} }] }),
    new Broker({ plugins: { event_logger: {}, "./greeter.ts": { greeting: "hi" } } }),
    new Broker({ plugins: parsed }),
    new Broker({ plugins: [greeter, counter, bare, plain, doorkeeper, () => ({}), () => Promise.resolve({})] }),
    new Broker({
      plugins: [greeter.with({ greeting: "hi" }), [greeter, { greeting: "hi", tone: "loud" }], "event_logger"],
    }),
    new Broker({ plugins: [[counter, {}], [counter, undefined], [bare, {}], [bare, undefined], [plain, undefined]] }),
    new Broker({ plugins: [[greeter, other], pair, [doorkeeper, { any: 1 }], [counter, JSON.parse("{}")]] }),
    new Broker({ plugins: [[greeter as unknown as typeof plain, unchecked as never], [counter as never, 1]] }),
    new Broker({ plugins: [(_options, { logger }: PluginContext) => (logger.info("made"), {})] }),
    new Broker({ plugins: names }),
    new Broker({ plugins: [...names, [counter, { n: 1 }]] }),
    new Broker({ plugins: [sometimes() ? [counter, { n: 1 }] : "event_logger", sometimes() ? counter : greeter] }),
    new Broker({ plugins: [...(sometimes() ? [pair] : []), "event_logger"] }),
    new Broker({ plugins: sometimes() ? [[counter, { n: 1 }]] : [greeter] }),
    new Broker({ plugins: sometimes() ? [[counter, { n: 1 }]] : { event_logger: {} } }),
    new Broker({ auth: { plugins: [[counter, { n: 1 }], doorkeeper] }, topicCheck: { plugins: [[bare, {}]] } }),
  ];
  assert(brokers.every((broker) => broker instanceof Broker));
});

Deno.test("a config whose type does not tell its plugins compiles, and is checked at the start", async () => {
  const config: BrokerConfig = { listeners, plugins: [[greeter, { greeting: 5 }]] };
  const list: PluginList = [[greeter, { greeting: 5 }]];
  const generic = <Config extends BrokerConfig>(given: Config) => new Broker(given, { logger });
  const handedOn = <Plugins extends readonly unknown[]>(given: CheckedConfig<Plugins>) =>
    new Broker({ ...given, listeners }, { logger });
  for (
    const broker of [
      new Broker(config, { logger }),
      new Broker({ ...config, maxInflight: 5 }, { logger }),
      new Broker({ ...config, auth: { ...config.auth, allowAnonymous: true } }, { logger }),
      new Broker({ listeners, plugins: list }, { logger }),
      generic(config),
      handedOn({ plugins: list }),
    ]
  ) {
    const { message } = await assertRejects(() => broker.start(), PluginLoadError);
    assert(message.includes("options.greeting"), message);
  }
  handedOn({
    plugins: [[greeter, {
      // @ts-expect-error: it is not of that type
      greeting: 5,
    }]],
  });
});

Deno.test("Broker is one type, whatever its plugins, and a class to extend", () => {
  class Named extends Broker {
    constructor(readonly name: string, config: BrokerConfig) {
      super({ ...config, listeners });
    }
  }
  class Bare extends Broker {}
  const takes = (broker: Broker) => broker;
  const named = takes(new Named("a", { plugins: [[counter, { n: 1 }]] }));
  const made = new Broker({ plugins: [[counter, { n: 1 }]] });
  same<Same<typeof made, Broker>>();
  same<Same<InstanceType<typeof Broker>, Broker>>();
  same<Same<typeof Broker, BrokerConstructor>>();
  assert(named instanceof Named && named instanceof Broker && takes(made) instanceof Broker);
  assert(new Bare({ plugins: ["event_logger", counter.with({ n: 1 })] }) instanceof Bare);
  const something: unknown = made;
  if (something instanceof Broker) same<Same<typeof something, Broker>>();
  assertEquals([named.name, made.constructor.name, Broker.name], ["a", "Broker", "Broker"]);
});

Deno.test("OptionsOf tells a plugin's options", () => {
  same<Same<OptionsOf<typeof plain>, { readonly greeting?: string } | undefined>>();
  same<Same<OptionsOf<typeof greeter>, { greeting: string; tone?: "loud" | "soft" | undefined }>>();
  same<Same<OptionsOf<typeof counter>, { n?: number | undefined } | undefined>>();
});
