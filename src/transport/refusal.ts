/** Why a connection does not get as far as MQTT. */
import type { RemoteAddress } from "./transport.ts";

/**
 * Why a connection was refused in its handshake: the page's origin, the path or the subprotocol of a WebSocket; a request
 * that begins no WebSocket (`http`) or whose head is too large; a TLS handshake that failed; something else than TLS on a
 * TLS listener (`plain-text`); a client certificate that is missing or does not count; or nothing complete in time.
 */
export type HandshakeRefusalKind =
  | "origin"
  | "path"
  | "subprotocol"
  | "http"
  | "http-head-too-large"
  | "tls"
  | "plain-text"
  | "client-certificate"
  | "handshake-timeout"
  | "wrong-protocol";

/** Told of a connection that was refused in its handshake; `reason` is for the log. */
export type OnRefused = (kind: HandshakeRefusalKind, remote: RemoteAddress, reason: string) => void;

/** The peer has spoken and is refused; what goes away by itself is no refusal. */
export class HandshakeRefusal extends Error {
  override readonly name = "HandshakeRefusal";

  constructor(readonly kind: HandshakeRefusalKind, reason: string, options?: ErrorOptions) {
    super(reason, options);
  }
}
