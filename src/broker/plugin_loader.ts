import type { PluginEntry } from "../config/config.ts";
import { type LoadedPlugin, loadPlugin } from "../hooks/loader.ts";
import { bundledPlugins } from "../plugins/bundled.ts";
import { pluginContext, type PluginPowers } from "../embedding/plugin_context.ts";

const bundled = Object.fromEntries(Object.entries(bundledPlugins).map(([name, { load }]) => [name, load]));

/** How the plugins of a broker are loaded: the bundled ones by name, others from `baseDirectory`. */
export function pluginLoader(
  baseDirectory: string,
  powers: PluginPowers,
): (entry: PluginEntry) => Promise<LoadedPlugin> {
  const createContext = (specifier: string) => pluginContext(specifier, powers);
  return (entry) => loadPlugin(entry, { baseDirectory, bundled, createContext });
}
