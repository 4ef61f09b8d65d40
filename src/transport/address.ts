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

/**
 * What one party has for itself: an IPv4 address, or the first 64 bits of an IPv6 address, since whoever has one has all of
 * those.
 *
 * @param hostname an IPv4 or IPv6 address; `undefined`: none
 */
export function networkOf(hostname: string): string;
export function networkOf(hostname: string | undefined): string | undefined;
export function networkOf(hostname: string | undefined): string | undefined {
  if (hostname === undefined) return undefined;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(hostname)?.[1];
  if (mapped !== undefined || !hostname.includes(":")) return mapped ?? hostname;
  const [head = "", tail] = hostname.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...new Array<string>(zeros).fill("0"), ...after];
  return groups.slice(0, 4).map((group) => (parseInt(group, 16) || 0).toString(16)).join(":");
}
