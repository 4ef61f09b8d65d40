/** The hooks that are told what happens: what they throw is logged and changes nothing. */
import type { Logger } from "../logger.ts";
import { isPromise, threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";
import { type ObservingHook, observingHooks } from "./observing_hooks.ts";
import type { Plugin } from "./plugin.ts";

/** The observing hooks of all plugins as one; a hook that no plugin has is `undefined`. */
export type Observers = Readonly<Pick<Plugin, ObservingHook>>;

type ArgumentsOf<Hook extends ObservingHook> = Parameters<NonNullable<Plugin[Hook]>>;

/** Joins the observing hooks of these plugins. None of the functions throws. */
export function joinObservers(plugins: readonly LoadedPlugin[], logger: Logger): Observers {
  function join<Hook extends ObservingHook>(hook: Hook): ((...given: ArgumentsOf<Hook>) => void) | undefined {
    const observers = plugins.filter(({ plugin }) => plugin[hook] !== undefined);
    if (observers.length === 0) return undefined;
    return (...given) => {
      for (const observer of observers) tell(observer, hook, logger, given);
    };
  }
  const names = Object.keys(observingHooks) as ObservingHook[];
  return Object.fromEntries(names.map((name) => [name, join(name)]));
}

function tell<Hook extends ObservingHook>(
  observer: LoadedPlugin,
  hook: Hook,
  logger: Logger,
  given: ArgumentsOf<Hook>,
): void {
  const fail = (error: unknown) => logger.error(threw(observer, hook, error));
  try {
    // A hook may be a method, and change what the plugin has for hooks.
    const result: unknown = Reflect.apply(observer.plugin[hook] ?? (() => {}), observer.plugin, given);
    if (isPromise(result)) result.then(undefined, fail);
  } catch (error) {
    fail(error);
  }
}
