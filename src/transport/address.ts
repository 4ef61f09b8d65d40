/** Network addresses as text. */

/**
 * Joins host and port as people write them.
 *
 * @returns `host:port`, with brackets around an IPv6 host: `[::1]:1883`
 */
export function formatAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Tells whether only this machine can reach `hostname`: 127.0.0.0/8, `::1`, `::ffff:127.…` or `localhost`. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  return host === "localhost" || host === "::1" || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host);
}
