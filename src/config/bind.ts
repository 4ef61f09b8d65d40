/** What `bind` says. */
export interface Bind {
  /** Host name or address, IPv6 without its brackets; empty for a unix socket. */
  readonly hostname: string;
  /** `undefined`: the default of the listener's type. 0: any free one. */
  readonly port?: number;
  /** Path of a unix socket as it stands there; `undefined`: it is an address. */
  readonly socketPath?: string;
}

/** The address that stands for all IPv4 interfaces. */
export const ALL_INTERFACES = "0.0.0.0";

const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/;
const IPV6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[\w.-]+)?$/;

/** A `bind` that cannot be read; the message says why. */
export class BindError extends Error {
  override readonly name = "BindError";
}

/**
 * Reads `host:port`, `:port`, `port`, `host`, `[v6]:port`, `[v6]` or `unix:path`. No host means all IPv4 interfaces.
 *
 * @throws {BindError} if it is none of these, or the port is not 0 to 65535
 */
export function parseBind(bind: string | number): Bind {
  if (typeof bind === "number") return { hostname: ALL_INTERFACES, port: parsePort(bind) };
  const text = bind.trim();
  if (text === "") return { hostname: ALL_INTERFACES };
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return { hostname: ALL_INTERFACES, port: parsePort(text) };
  if (text.startsWith("[")) return parseBracketed(text);
  if (text.startsWith("unix:") && !text.startsWith("unix://")) return parseSocket(text.slice("unix:".length));
  if (text.includes("://")) throw new BindError(`must be host:port, not a URL: got ${JSON.stringify(bind)}`);
  const [host = "", port, ...more] = text.split(":");
  if (more.length > 0) {
    throw new BindError(`an IPv6 address must stand in brackets, such as "[::1]:1883": got ${JSON.stringify(bind)}`);
  }
  const hostname = host === "" ? ALL_INTERFACES : parseHost(host);
  return port === undefined ? { hostname } : { hostname, port: parsePort(port) };
}

function parseSocket(path: string): Bind {
  // Some systems take what follows a NUL for nothing.
  if (path !== "" && !path.includes("\0")) return { hostname: "", socketPath: path };
  throw new BindError(
    `a unix socket needs a path, such as unix:/run/broker.sock: got ${JSON.stringify(`unix:${path}`)}`,
  );
}

function parseBracketed(text: string): Bind {
  const match = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  const hostname = match?.[1] ?? "";
  if (match === null || !IPV6.test(hostname) || !isIpv6(hostname)) {
    throw new BindError(`must be an IPv6 address in brackets and a port, such as "[::1]:1883": got "${text}"`);
  }
  return match[2] === undefined ? { hostname } : { hostname, port: parsePort(match[2]) };
}

/** The URL parser knows IPv6; a zone (`%eth0`) is none of its business. */
function isIpv6(address: string): boolean {
  return URL.canParse(`http://[${address.replace(/%.*$/, "")}]/`);
}

function parseHost(host: string): string {
  const numeric = /^[\d.]+$/.test(host);
  const octets = host.split(".");
  const ipv4 = octets.length === 4 && octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255);
  if (numeric ? ipv4 : HOST_NAME.test(host)) return host;
  throw new BindError(`host must be a name or an address: got ${JSON.stringify(host)}`);
}

function parsePort(port: string | number): number {
  const number = typeof port === "number" ? port : /^\d+$/.test(port.trim()) ? Number(port) : NaN;
  if (!Number.isInteger(number) || number < 0 || number > 65535) {
    throw new BindError(`port must be 0 to 65535: got ${typeof port === "number" || port !== "" ? port : '""'}`);
  }
  return number;
}
