/** Which HTTP requests become MQTT WebSockets (RFC 6455 §4.2, MQTT 5.0 §6). */
import { isLoopback } from "./address.ts";

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

/** A request is taken with a subprotocol, or refused with a status and a sentence. */
export type UpgradeVerdict =
  | { readonly subprotocol: string }
  | Refusal;

/** Why a request is refused. */
interface Refusal {
  readonly status: number;
  /** For who has sent it. */
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log. @default `text` */
  readonly reason?: string;
}

/** Decides about a request. */
export function judgeUpgrade(request: UpgradeRequest, rules: UpgradeRules): UpgradeVerdict {
  const { method, target, headers } = request;
  if (rules.path !== undefined && pathOf(target) !== rules.path) {
    return { status: 404, text: "MQTT is not served at this path." };
  }
  if (method !== "GET") {
    return { status: 405, text: "A WebSocket begins with a GET request.", headers: { Allow: "GET" } };
  }
  if (!lists(headers, "upgrade", "websocket") || !lists(headers, "connection", "upgrade")) {
    const text = "This is an MQTT broker: connect with a WebSocket and the subprotocol mqtt.";
    return { status: 426, text, headers: { Upgrade: "websocket", Connection: "Upgrade" } };
  }
  if (headers.get("sec-websocket-version") !== "13") {
    return { status: 426, text: "The WebSocket version must be 13.", headers: { "Sec-WebSocket-Version": "13" } };
  }
  if (!/^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "")) {
    return { status: 400, text: "The header Sec-WebSocket-Key must be 16 bytes in base64." };
  }
  if (!mayComeFrom(headers, rules)) return foreignOrigin(headers, rules);
  const subprotocol = SUBPROTOCOLS.find((name) => lists(headers, "sec-websocket-protocol", name));
  if (!subprotocol) return { status: 400, text: "The WebSocket must offer the subprotocol mqtt or mqttv3.1." };
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

function foreignOrigin(headers: Headers, { place }: UpgradeRules): Refusal {
  const [origin, host] = ["origin", "host"].map((name) => JSON.stringify((headers.get(name) ?? "").slice(0, 200)));
  const keys = place === undefined ? "origins or hosts" : `${place}.origins or ${place}.hosts`;
  const text = "Pages of this origin are not let in.";
  const reason = `pages of origin ${origin} are not let in at host ${host}: if they should be, list them in ${keys}`;
  return { status: 403, text, reason };
}

function sameOrigin(allowed: string, origin: string): boolean {
  return allowed.replace(/\/$/, "").toLowerCase() === origin.toLowerCase();
}

function hostnameOf(url: string): string | undefined {
  return URL.parse(url)?.hostname || undefined;
}
