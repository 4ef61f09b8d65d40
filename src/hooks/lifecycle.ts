/** The hooks around the broker's start, reload and shutdown: one plugin after the other, in the config's order. */
import type { Logger } from "../logger.ts";
import { threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";

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
   * @returns the specifiers of those that have taken them over
   * @throws {RangeError} if there are more or fewer options than plugins
   */
  reload(options: readonly unknown[]): Promise<string[]>;
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
): Promise<string[]> {
  if (options.length !== plugins.length) {
    throw new RangeError(`cannot reload plugins: expected options for ${plugins.length}: got ${options.length}`);
  }
  const taken: string[] = [];
  for (const [index, loaded] of plugins.entries()) {
    try {
      if (!loaded.plugin.reload) continue;
      await loaded.plugin.reload(options[index]);
      taken.push(loaded.specifier);
    } catch (error) {
      logger.warn(`${threw(loaded, "reload", error)} (its old options stay)`);
    }
  }
  return taken;
}
