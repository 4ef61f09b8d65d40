/** A plugin whose hooks a test hands over as options; see `hooks()` in test_broker.ts. */
import type { Plugin, PluginContext } from "../../src/hooks/plugin.ts";

/** The hooks, or what makes them of the plugin's context. */
export type Hooks = Plugin | ((context: PluginContext) => Plugin);

export default function create(options: unknown, context: PluginContext): Plugin {
  const { hooks } = options as { readonly hooks: Hooks };
  return typeof hooks === "function" ? hooks(context) : hooks;
}
