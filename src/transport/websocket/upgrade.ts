/** Which HTTP requests become MQTT WebSockets (RFC 6455 §4.2, MQTT 5.0 §6). */
import { quote } from "../../quote.ts";
import { isLoopback } from "../address.ts";
import type { HandshakeRefusalKind } from "../refusal.ts";

/** Subprotocols by preference: the registered name, and the one that MQTT 3.1 clients use. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];

/** What a request must meet. */
export interface UpgradeRules {
  /** The path that is served; `undefined`: any. */
  readonly path?: string;
  /**
   * Values of the Origin header that are let in, `*` for any; in its place, what else would be: a page of the host that the
   * request was sent to, if that is an IP address, and on this machine a page of this machine. Requests without the header
   * always are.
   */
  readonly origins?: readonly string[];
  /**
   * Names and addresses of hosts whose pages are let in, besides. A page of any site can give its own name the listener's
   * address (DNS rebinding), so that the name which a request was sent to proves nothing.
   * @default none
   */
  readonly hosts?: readonly string[];
  /** The listener's place in the config, for the log. @default the keys alone */
  readonly place?: string;
}

/** The parts of a request that decide. */
export interface UpgradeRequest {
  readonly method: string;
  /** Path with query. */
  readonly target: string;
  readonly headers: Headers;
}

/** Why a request is refused. */
export interface UpgradeRefusal {
  readonly status: number;
  /** What the peer is told. */
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly kind: HandshakeRefusalKind;
  /** For the log, with the value that was found and the key that decides. */
  readonly reason: string;
}

/** A request is taken with a subprotocol, or refused. */
export type UpgradeVerdict = { readonly subprotocol: string } | UpgradeRefusal;

/** Decides about a request. */
export function judgeUpgrade(request: UpgradeRequest, rules: UpgradeRules): UpgradeVerdict {
  const { method, target, headers } = request;
  if (rules.path !== undefined && pathOf(target) !== rules.path) {
    const reason = `path must be ${quote(rules.path)}: got ${quote(pathOf(target))}`;
    return { status: 404, text: "MQTT is not served at this path.", kind: "path", reason };
  }
  if (method !== "GET") {
    const reason = `method must be GET: got ${quote(method)}`;
    const text = "A WebSocket begins with a GET request.";
    return { status: 405, text, headers: { Allow: "GET" }, kind: "http", reason };
  }
  if (!lists(headers, "upgrade", "websocket") || !lists(headers, "connection", "upgrade")) {
    const text = "This is an MQTT broker: connect with a WebSocket and the subprotocol mqtt.";
    const headers = { Upgrade: "websocket", Connection: "Upgrade" };
    return { status: 426, text, headers, kind: "http", reason: "a request that is none for a WebSocket" };
  }
  if (headers.get("sec-websocket-version") !== "13") {
    const text = "The WebSocket version must be 13.";
    const reason = `version must be 13: got ${quote(headers.get("sec-websocket-version") ?? "")}`;
    return { status: 426, text, headers: { "Sec-WebSocket-Version": "13" }, kind: "http", reason };
  }
  if (!/^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "")) {
    const text = "The header Sec-WebSocket-Key must be 16 bytes in base64.";
    return { status: 400, text, kind: "http", reason: "the header Sec-WebSocket-Key is not 16 bytes in base64" };
  }
  if (!mayComeFrom(headers, rules)) return foreignOrigin(headers, rules);
  const subprotocol = SUBPROTOCOLS.find((name) => lists(headers, "sec-websocket-protocol", name));
  if (!subprotocol) {
    const offered = quote(headers.get("sec-websocket-protocol") ?? "");
    const reason = `subprotocol must be ${SUBPROTOCOLS.join(" or ")}: got ${offered}`;
    const text = "The WebSocket must offer the subprotocol mqtt or mqttv3.1.";
    return { status: 400, text, kind: "subprotocol", reason };
  }
  return { subprotocol };
}

function pathOf(target: string): string {
  const path = target.startsWith("/") ? target : target.replace(/^[a-z]+:\/\/[^/]*/i, "");
  return path.replace(/[?#].*$/s, "");
}

/** Whether a comma-separated header has `value`; tokens are compared without regard to case. */
function lists(headers: Headers, name: string, value: string): boolean {
  return (headers.get(name) ?? "").split(",").some((item) => item.trim().toLowerCase() === value);
}

function mayComeFrom(headers: Headers, { origins, hosts }: UpgradeRules): boolean {
  const origin = headers.get("origin");
  if (origin === null) return true;
  const page = hostnameOf(origin);
  if (page !== undefined && hosts?.some((host) => hostnameOf(`http://${host}`) === page)) return true;
  if (origins) return origins.some((allowed) => allowed === "*" || sameOrigin(allowed, origin));
  // No page without a host, such as `null`: any site can make one of those.
  const host = hostnameOf(`http://${headers.get("host")}`);
  if (page === undefined || host === undefined) return false;
  return isLoopback(page) ? isLoopback(host) : page === host && isAddress(page);
}

/** Nobody can give an address to another machine. */
function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+(\.\d+){3}$/.test(hostname);
}

function foreignOrigin(headers: Headers, { place }: UpgradeRules): UpgradeRefusal {
  const [origin, host] = ["origin", "host"].map((name) => quote(headers.get(name) ?? ""));
  const keys = place === undefined ? "origins or hosts" : `${place}.origins or ${place}.hosts`;
  const text = "Pages of this origin are not let in.";
  const reason = `pages of origin ${origin} are not let in at host ${host}: if they should be, list them in ${keys}`;
  return { status: 403, text, kind: "origin", reason };
}

function sameOrigin(allowed: string, origin: string): boolean {
  return allowed.replace(/\/$/, "").toLowerCase() === origin.toLowerCase();
}

function hostnameOf(url: string): string | undefined {
  return URL.parse(url)?.hostname || undefined;
}
