import type { ListenerAddress } from "./services.ts";

/**
 * Writes where a listener is reached: `mqtts://[::1]:8883 (my-listener)`; `external (my-listener)` without a
 * socket; `mqtt+unix:/run/broker.sock (my-listener)` with a unix socket.
 */
export function formatAddress(
  name: string,
  { type, secure, hostname = "", port, socketPath }: ListenerAddress,
): string {
  if (type === "external") return `external (${name})`;
  const scheme = type === "ws" ? (secure ? "wss" : "ws") : (secure ? "mqtts" : "mqtt");
  if (socketPath !== undefined) return `${scheme}+unix:${socketPath} (${name})`;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${scheme}://${host}:${port} (${name})`;
}
