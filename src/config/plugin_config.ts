/** The configuration's shape where it is about plugins. */

/**
 * Plugins by bundled name or import specifier, alone or with their options; in a program also the plugins themselves, alone
 * or in a pair with their options.
 *
 * @category Config
 */
export type PluginList =
  | readonly (string | Readonly<Record<string, unknown>> | PluginInPlace | PluginWithOptions)[]
  | Readonly<Record<string, unknown>>;

/** A plugin in the place of its name: what its module would export by default, a `PluginFactory`. */
export type PluginInPlace = (options: never, context: never) => object | Promise<object>;

/** A plugin in the place of its name, and its options. */
export type PluginWithOptions = readonly [plugin: PluginInPlace, options: unknown];

/** A plugin to load. */
export interface PluginEntry {
  /** Bundled name or import specifier as the config has it, aMQTT's spellings already translated. */
  readonly specifier: string;
  /** Of a bundled plugin checked, in camelCase and complete; of another as the config has them; `undefined`: none. */
  readonly options: unknown;
  /** Key path in the config, such as `auth.plugins[0]`. */
  readonly place: string;
  /** What makes it, if it stands in the config itself; `undefined`: it is loaded by its specifier. */
  readonly factory?: PluginInPlace;
}
