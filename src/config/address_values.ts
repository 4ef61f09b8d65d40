/** Kinds of values that are addresses, or parts of some. Each says in one sentence what it expects and what it got. */
import { type Bind, BindError, parseBind } from "./bind.ts";
import { like, value } from "./kind.ts";
import { show } from "./report.ts";

/** `bind` of a listener. */
export const bind = value<Bind, string | number | null>({ type: ["string", "integer"] }, (input, complain) => {
  if (Array.isArray(input)) {
    complain({ message: `an address in brackets must be quoted, such as "[::1]:1883": got a list` });
    return undefined;
  }
  if (typeof input !== "string" && typeof input !== "number") {
    complain({ message: `must be host:port, :port, port, host, "[v6]:port" or unix:path: got ${show(input)}` });
    return undefined;
  }
  try {
    return parseBind(input);
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    complain({ message: error.message });
  }
});

/** Where a remote is: one address, or several. */
export const addresses = value<readonly Bind[], string | readonly string[]>({
  anyOf: [{ type: "string" }, { type: "array", items: { type: "string" }, minItems: 1 }],
}, (input, complain) => {
  const list: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (list.length === 0) complain({ message: "must have at least one address: got an empty list" });
  return list.map((one, index) =>
    readAddress(one, (message) => complain({ message, ...(Array.isArray(input) && { path: [index] }) }))
  );
});

function readAddress(input: unknown, complain: (message: string) => void): Bind {
  const nowhere: Bind = { hostname: "" };
  if (typeof input !== "string" || input === "" || /^:?\d+$/.test(input) || input.startsWith("unix:")) {
    complain(`must be host, host:port or "[v6]:port": got ${show(input)}`);
    return nowhere;
  }
  try {
    const found = parseBind(input);
    if (found.port === 0) complain(`port must be 1 to 65535: got ${show(input)}`);
    return found;
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    complain(error.message);
    return nowhere;
  }
}

/** Addresses of servers of NATS. */
export const natsServers = value<readonly string[]>(
  { type: "array", items: { type: "string" }, minItems: 1 },
  (input, complain) => {
    if (!Array.isArray(input) || input.length === 0) {
      complain({ message: `must be a list of servers, such as ["nats://10.0.0.1:4222"]: got ${show(input)}` });
      return undefined;
    }
    if (new Set(input.map((server) => String(server).startsWith("tls://"))).size > 1) {
      complain({ message: "must be all tls:// or all nats://: got both" });
    }
    input.forEach((server: unknown, index) => {
      if (typeof server === "string" && /^(nats|tls):\/\/[^\s/@]+$/.test(server)) return;
      if (typeof server === "string" && server.includes("@")) {
        // Not shown: there may be a password in it.
        const message =
          "must be a server such as nats://10.0.0.1:4222: got one with a user name, which username and password-file are for";
        return complain({ message, path: [index] });
      }
      complain({ message: `must be a server such as nats://10.0.0.1:4222: got ${show(server)}`, path: [index] });
    });
    return input as string[];
  },
);

/** Where browsers reach something, without query and fragment. */
export const httpUrl = value<string>(like("^https?://[^\\s?#]+$"), (input, complain) => {
  if (typeof input === "string" && /^https?:\/\/[^\s?#]+$/.test(input) && URL.canParse(input)) return input;
  complain({ message: `must be a URL such as https://broker.example.org/admin: got ${show(input)}` });
});

/** The path part of a URL. */
export const urlPath = value<string>(like("^/[^\\s?#]*$"), (input, complain) => {
  if (typeof input === "string" && /^\/[^\s?#]*$/.test(input)) return input;
  complain({ message: `must be a path that begins with "/", without "?" or "#": got ${show(input)}` });
});

/** Values of the Origin header (RFC 6454 §7). */
export const origins = value<readonly string[]>({ type: "array", items: { type: "string" } }, (input, complain) => {
  if (!Array.isArray(input)) {
    complain({ message: `must be a list of origins, such as ["https://example.org"]: got ${show(input)}` });
    return undefined;
  }
  input.forEach((origin: unknown, index) => {
    if (isOrigin(origin)) return;
    complain({
      message: `must be "*", "null" or an origin such as https://example.org: got ${show(origin)}`,
      path: [index],
    });
  });
  return input as string[];
});

function isOrigin(origin: unknown): boolean {
  if (origin === "*" || origin === "null") return true;
  return typeof origin === "string" && /^[a-z][a-z0-9+.-]*:\/\/[^/\s?#]+$/.test(origin) && URL.canParse(origin);
}

/** Names and addresses of hosts, without scheme and port. */
export const hosts = value<readonly string[]>({ type: "array", items: { type: "string" } }, (input, complain) => {
  if (!Array.isArray(input)) {
    complain({ message: `must be a list of host names, such as ["mqtt.example.org"]: got ${show(input)}` });
    return undefined;
  }
  input.forEach((host: unknown, index) => {
    if (isHost(host)) return;
    const message = `must be a host's name or address such as mqtt.example.org, without port: got ${show(host)}`;
    complain({ message, path: [index] });
  });
  return input as string[];
});

function isHost(host: unknown): boolean {
  if (typeof host !== "string" || !/^(\[[^\]]+\]|[^\s:/?#@\[\]]+)$/.test(host)) return false;
  return URL.canParse(`http://${host}`);
}
