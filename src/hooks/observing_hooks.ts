import type { Plugin } from "./plugin.ts";

/** The hooks that observe clients, messages and packets. */
export const observingHooks = {
  clientConnected: true,
  clientDisconnected: true,
  clientSubscribed: true,
  clientUnsubscribed: true,
  messageReceived: true,
  messageRouted: true,
  messageRetained: true,
  messageQueued: true,
  messageDropped: true,
  denied: true,
  packetReceived: true,
  packetSent: true,
} as const satisfies Partial<Record<keyof Plugin, true>>;

/** The name of one of {@linkcode observingHooks}. */
export type ObservingHook = keyof typeof observingHooks;
