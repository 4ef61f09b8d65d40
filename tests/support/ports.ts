/** Ports for processes that are started by a test and tell nothing by themselves. */

/** Ports that nobody listened on just now, all different. */
export function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** One of {@linkcode freePorts}. */
export function freePort(): number {
  return freePorts(1)[0]!;
}

/** Resolves once somebody answers on the port. */
export async function listening(port: number): Promise<void> {
  for (;;) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch {
      await retryPause();
    }
  }
}

/** Between two looks at a process that tells nothing by itself. */
export function retryPause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
