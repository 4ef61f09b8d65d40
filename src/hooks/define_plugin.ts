import { host } from "../runtime/host.ts";
import type { Plugin, PluginContext } from "./plugin.ts";
import { readBySchema, type StandardSchema } from "./standard_schema.ts";

/**
 * What {@linkcode definePlugin} makes a plugin of.
 *
 * @category Plugins
 */
export interface PluginDefinition<Input, Output> {
  /** By what the log and errors call it where it stands in the config itself. @default "plugin" */
  readonly name?: string;
  /**
   * Checks the options, at the start and at each reload, and makes of them what `create` gets. Where the config gives none,
   * it is asked for `{}`. `undefined`: the plugin takes no options.
   */
  readonly options?: StandardSchema<Input, Output>;
  /** Makes the hooks. */
  create(options: Output, context: PluginContext): DefinedHooks<Output> | Promise<DefinedHooks<Output>>;
}

/**
 * The hooks of a plugin whose options are checked before `reload` gets them.
 *
 * @category Plugins
 */
export interface DefinedHooks<Output> extends Omit<Plugin, "reload"> {
  /** As {@linkcode Plugin.reload}, with options that were checked. */
  reload?(options: Output): void | Promise<void>;
}

/**
 * A plugin to be put into a config, or exported by default from a module.
 *
 * @category Plugins
 */
export interface DefinedPlugin<Input> {
  /** Checks the options and makes the hooks; this is what a `PluginFactory` does. */
  (options: unknown, context: PluginContext): Promise<Plugin>;
  /** The plugin with options whose type is checked, for a list of plugins whose own type does not tell what it holds. */
  with(options: Input): readonly [plugin: DefinedPlugin<Input>, options: Input];
}

/**
 * Makes a plugin whose options are checked by a schema of any library that follows https://standardschema.dev.
 *
 * @category Plugins
 *
 * @example
 * ```ts
 * import { Broker, definePlugin } from "@amqtt/broker";
 * import { z } from "zod";
 *
 * const greeter = definePlugin({
 *   name: "greeter",
 *   options: z.object({ greeting: z.string().default("hello") }),
 *   create: ({ greeting }, context) => ({
 *     clientConnected: ({ clientIdentifier }) => void context.publish(`greetings/${clientIdentifier}`, greeting),
 *   }),
 * });
 *
 * await using broker = new Broker({
 *   listeners: { tcp: { bind: "127.0.0.1:0" } },
 *   plugins: [[greeter, { greeting: "hi" }]], // or greeter alone
 * });
 * await broker.start();
 * ```
 */
export function definePlugin<Input = undefined, Output = Input>(
  definition: PluginDefinition<Input, Output>,
): DefinedPlugin<Input> {
  const { options: schema, name = "plugin" } = definition;
  const check = async (options: unknown): Promise<Output> => {
    if (schema) return await readBySchema(schema, options ?? {}, "options");
    if (isEmpty(options)) return undefined as Output;
    throw new Error(`options must not be given, since it takes none: got ${host.inspect(options, { compact: true })}`);
  };
  const factory = async (options: unknown, context: PluginContext): Promise<Plugin> => {
    const hooks = await definition.create(await check(options), context);
    // What is no object is told of by whoever loads it.
    return typeof hooks?.reload === "function" ? withCheckedReload(hooks, check) : hooks as Plugin;
  };
  Object.defineProperty(factory, "name", { value: name });
  const defined: DefinedPlugin<Input> = Object.assign(factory, {
    with: (options: Input) => [defined, options] as const,
  });
  return defined;
}

function isEmpty(options: unknown): boolean {
  return options === undefined || options === null ||
    (typeof options === "object" && Object.keys(options).length === 0);
}

function withCheckedReload<Output>(
  hooks: DefinedHooks<Output>,
  check: (options: unknown) => Promise<Output>,
): Plugin {
  const take = hooks.reload?.bind(hooks);
  const reload = async (options: unknown) => await take?.(await check(options));
  // An instance of a class has its hooks from its prototype, so that a copy would lose them.
  const prototype = Object.getPrototypeOf(hooks);
  const literal = prototype === Object.prototype || prototype === null;
  return literal ? { ...hooks, reload } : Object.defineProperty(hooks, "reload", { value: reload }) as Plugin;
}
