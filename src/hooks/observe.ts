/** The hooks that are told what happens: what they throw is logged and changes nothing. */
import type { Logger } from "../logger.ts";
import { isPromise, threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";
import type { Plugin } from "./plugin.ts";

/** The hooks that observe clients, messages and packets. */
export type ObservingHook =
  | "clientConnected"
  | "clientDisconnected"
  | "clientSubscribed"
  | "clientUnsubscribed"
  | "messageReceived"
  | "messageRouted"
  | "messageRetained"
  | "messageQueued"
  | "messageDropped"
  | "packetReceived"
  | "packetSent";

/** The observing hooks of all plugins as one; a hook that no plugin has is `undefined`. */
export type Observers = Readonly<Pick<Plugin, ObservingHook>>;

type ArgumentsOf<Hook extends ObservingHook> = Parameters<NonNullable<Plugin[Hook]>>;

/** Joins the observing hooks of these plugins. None of the functions throws. */
export function joinObservers(plugins: readonly LoadedPlugin[], logger: Logger): Observers {
  function join<Hook extends ObservingHook>(
    hook: Hook,
    call: (plugin: Plugin, ...given: ArgumentsOf<Hook>) => unknown,
  ): ((...given: ArgumentsOf<Hook>) => void) | undefined {
    const observers = plugins.filter(({ plugin }) => plugin[hook] !== undefined);
    if (observers.length === 0) return undefined;
    return (...given) => {
      for (const observer of observers) tell(observer, hook, logger, () => call(observer.plugin, ...given));
    };
  }
  return {
    clientConnected: join("clientConnected", (plugin, ...given) => plugin.clientConnected?.(...given)),
    clientDisconnected: join("clientDisconnected", (plugin, ...given) => plugin.clientDisconnected?.(...given)),
    clientSubscribed: join("clientSubscribed", (plugin, ...given) => plugin.clientSubscribed?.(...given)),
    clientUnsubscribed: join("clientUnsubscribed", (plugin, ...given) => plugin.clientUnsubscribed?.(...given)),
    messageReceived: join("messageReceived", (plugin, ...given) => plugin.messageReceived?.(...given)),
    messageRouted: join("messageRouted", (plugin, ...given) => plugin.messageRouted?.(...given)),
    messageRetained: join("messageRetained", (plugin, ...given) => plugin.messageRetained?.(...given)),
    messageQueued: join("messageQueued", (plugin, ...given) => plugin.messageQueued?.(...given)),
    messageDropped: join("messageDropped", (plugin, ...given) => plugin.messageDropped?.(...given)),
    packetReceived: join("packetReceived", (plugin, ...given) => plugin.packetReceived?.(...given)),
    packetSent: join("packetSent", (plugin, ...given) => plugin.packetSent?.(...given)),
  };
}

function tell(observer: LoadedPlugin, hook: ObservingHook, logger: Logger, call: () => unknown): void {
  const fail = (error: unknown) => logger.error(threw(observer, hook, error));
  try {
    const result = call();
    if (isPromise(result)) result.then(undefined, fail);
  } catch (error) {
    fail(error);
  }
}
