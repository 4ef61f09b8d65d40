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
