/** The runtime: Deno. The package for Node has `node_host.ts` in place of this file. */
import type { Host, Thread, ThreadScope } from "./host_types.ts";

export type * from "./host_types.ts";

/** What the broker uses of the runtime. */
export const host: Host = Deno;

/** Starts a thread with the module at a URL. */
export function startThread(url: string, name: string): Thread {
  return new Worker(url, { type: "module", name });
}

/** What a module that a thread was started with hears and answers with; `undefined`: it runs elsewhere. */
export function threadScope(name: string): ThreadScope | undefined {
  const scope = globalThis as unknown as ThreadScope & { readonly name?: string };
  return scope.name === name ? scope : undefined;
}
