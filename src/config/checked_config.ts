/** The configuration's shape for those who let the compiler check the options of plugins that stand in it. */
import type { BrokerConfig } from "./config.ts";
import type { AuthConfig, TopicCheckConfig } from "./permission_config.ts";
import type { PluginInPlace } from "./plugin_config.ts";

/**
 * {@linkcode BrokerConfig} as the constructor of a broker takes it: in a pair `[plugin, options]` the options have to be
 * those of the plugin. The compiler infers the type parameters, one for each list of plugins: for each place in the list
 * the plugin of a pair, `unknown` for all else. `never`: nothing is known of the list, and its pairs are not checked.
 *
 * @category Config
 *
 * @example A function of your own that hands a config on
 * ```ts
 * import { Broker, type CheckedConfig } from "@amqtt/broker";
 *
 * function localBroker<Plugins extends readonly unknown[] = never>(config: CheckedConfig<Plugins>): Broker {
 *   return new Broker({ ...config, listeners: { tcp: { bind: "127.0.0.1:0" } } });
 * }
 * await using broker = localBroker({ plugins: [[(_options: { readonly greeting: string }) => ({}), { greeting: "hi" }]] });
 * await broker.start();
 * ```
 */
export interface CheckedConfig<
  Plugins extends readonly unknown[] = never,
  SignInPlugins extends readonly unknown[] = never,
  TopicPlugins extends readonly unknown[] = never,
> extends Omit<BrokerConfig, "plugins" | "auth" | "topicCheck"> {
  /** As {@linkcode BrokerConfig.plugins}. */
  readonly plugins?: CheckedPlugins<Plugins>;
  /** As {@linkcode BrokerConfig.auth}. */
  readonly auth?: CheckedAuth<SignInPlugins>;
  /** As {@linkcode BrokerConfig.topicCheck}. */
  readonly topicCheck?: CheckedTopicCheck<TopicPlugins>;
}

/** {@linkcode AuthConfig} in a {@linkcode CheckedConfig}. */
export interface CheckedAuth<Plugins extends readonly unknown[]> extends Omit<AuthConfig, "plugins"> {
  /** As {@linkcode AuthConfig.plugins}. */
  readonly plugins?: CheckedPlugins<Plugins>;
}

/** {@linkcode TopicCheckConfig} in a {@linkcode CheckedConfig}. */
export interface CheckedTopicCheck<Plugins extends readonly unknown[]> extends Omit<TopicCheckConfig, "plugins"> {
  /** As {@linkcode TopicCheckConfig.plugins}. */
  readonly plugins?: CheckedPlugins<Plugins>;
}

/**
 * {@linkcode PluginList} in a {@linkcode CheckedConfig}.
 *
 * Whoever changes it: what is writable stands beside what is read-only, since the compiler points at the wrong option in a
 * pair only if it finds the very kind of list and pair that it has made of the literal.
 */
export type CheckedPlugins<Plugins extends readonly unknown[]> =
  | { [Place in keyof Plugins]: CheckedPlugin<Plugins[Place]> }
  | { readonly [Place in keyof Plugins]: CheckedPlugin<Plugins[Place]> }
  | ([Plugins] extends [never] ? readonly CheckedPlugin<PluginInPlace>[] : never)
  | Readonly<Record<string, AnyOptions>>;

/**
 * What stands in one place of a {@linkcode PluginList}: `Plugin` and its options, or anything without options to check.
 * `string & {}` is any string; with a plain `string` the compiler would point at the pair, not at the option in it.
 */
export type CheckedPlugin<Plugin> =
  | (string & NonNullable<unknown>)
  | Readonly<Record<string, AnyOptions>>
  | PluginInPlace
  | [plugin: Plugin & PluginInPlace, options: OptionsOf<Plugin>]
  | readonly [plugin: Plugin & PluginInPlace, options: OptionsOf<Plugin>];

/**
 * The options that a plugin takes: of a `DefinedPlugin` those of its schema, and none if none will do; of another function
 * its first parameter.
 */
export type OptionsOf<Plugin> = [Plugin] extends [never] ? AnyOptions
  : Plugin extends { with(options: infer Options): unknown } ?
      | Options
      | ([Options] extends [undefined] ? Readonly<Record<string, never>>
        : Record<never, never> extends Options ? undefined
        : never)
  : Plugin extends (options: infer Options, ...others: never) => unknown
    ? [Options] extends [never] ? AnyOptions : Options
  : AnyOptions;

/** Whatever there is: the same as `unknown`, but beside it an editor still offers the options that are known. */
export type AnyOptions = NonNullable<unknown> | null | undefined;
