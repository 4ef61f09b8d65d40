/** The hooks around the broker's start, reload and shutdown: one plugin after the other, in the config's order. */
import type { Logger } from "../logger.ts";
import { errorText } from "../error_text.ts";
import { threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";

/** What has come of one plugin's reload. */
export interface PluginReload {
  /** Which plugin, counted from 0. */
  readonly index: number;
  readonly specifier: string;
  /** Why its old options stay; `undefined`: it has taken the new ones over. */
  readonly fault: string | undefined;
}

/** The lifecycle hooks of all plugins. */
export interface Lifecycle {
  /**
   * Before the first listener opens. The plugins after one that throws are not called.
   *
   * @throws {Error} if a plugin throws; the message names it
   */
  beforeStart(): Promise<void>;
  /** The listeners are open. What a plugin throws is logged. */
  afterStart(): Promise<void>;
  /** Clients are still connected. What a plugin throws is logged. */
  beforeShutdown(): Promise<void>;
  /** Everything is closed. What a plugin throws is logged. */
  afterShutdown(): Promise<void>;
  /**
   * Hands every plugin its new options. What a plugin throws is logged as a warning: it keeps the old ones.
   *
   * @param options one for each plugin, in the plugins' order
   * @returns what has come of it, in the plugins' order; those that cannot reload are left out
   * @throws {RangeError} if there are more or fewer options than plugins
   */
  reload(options: readonly unknown[]): Promise<PluginReload[]>;
}

/** Joins the lifecycle hooks of these plugins. */
export function joinLifecycle(plugins: readonly LoadedPlugin[], logger: Logger): Lifecycle {
  async function tellAll(hook: "afterStart" | "beforeShutdown" | "afterShutdown"): Promise<void> {
    for (const loaded of plugins) {
      try {
        await loaded.plugin[hook]?.();
      } catch (error) {
        logger.error(threw(loaded, hook, error));
      }
    }
  }
  return {
    beforeStart: () => beforeStart(plugins),
    afterStart: () => tellAll("afterStart"),
    beforeShutdown: () => tellAll("beforeShutdown"),
    afterShutdown: () => tellAll("afterShutdown"),
    reload: (options) => reload(plugins, options, logger),
  };
}

async function beforeStart(plugins: readonly LoadedPlugin[]): Promise<void> {
  for (const loaded of plugins) {
    try {
      await loaded.plugin.beforeStart?.();
    } catch (cause) {
      throw new Error(threw(loaded, "beforeStart", cause), { cause });
    }
  }
}

async function reload(
  plugins: readonly LoadedPlugin[],
  options: readonly unknown[],
  logger: Logger,
): Promise<PluginReload[]> {
  if (options.length !== plugins.length) {
    throw new RangeError(`cannot reload plugins: expected options for ${plugins.length}: got ${options.length}`);
  }
  const reloads: PluginReload[] = [];
  for (const [index, loaded] of plugins.entries()) {
    const { specifier, plugin } = loaded;
    if (!plugin.reload) continue;
    try {
      await plugin.reload(options[index]);
      reloads.push({ index, specifier, fault: undefined });
    } catch (error) {
      logger.warn(`${threw(loaded, "reload", error)} (its old options stay)`);
      reloads.push({ index, specifier, fault: errorText(error) });
    }
  }
  return reloads;
}
