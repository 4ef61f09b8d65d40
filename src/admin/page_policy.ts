import type { ListenerView } from "./host.ts";
import { PAGE_POLICY } from "./page.ts";

/** Any WebSocket at all. */
const ANY = "ws: wss:";

/**
 * The Content-Security-Policy of an answer: of all WebSockets the page may open those of the broker alone.
 *
 * @param url of the request, whose host the page knows the broker by
 */
export function pagePolicy(url: string, listeners: readonly ListenerView[]): string {
  const { hostname } = new URL(url);
  // A policy cannot name an IPv6 address.
  if (hostname.startsWith("[")) return PAGE_POLICY;
  const sources = listeners.flatMap(({ type, secure, address }) => {
    const port = /:(\d+)$/.exec(address ?? "")?.[1];
    return type === "ws" && port !== undefined ? [`${secure ? "wss" : "ws"}://${hostname}:${port}`] : [];
  });
  return PAGE_POLICY.replace(ANY, sources.join(" ")).replace(/ +;/g, ";");
}
