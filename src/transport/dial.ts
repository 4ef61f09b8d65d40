/** Connections that are made, where the rest of this room takes them in. */
import { connect, type ConnectionOptions } from "node:tls";
import type { Machine } from "../runtime/machine.ts";
import { formatAddress } from "./address.ts";
import { SocketTransport } from "./socket_transport.ts";
import { TlsTransport } from "./tls/tls_transport.ts";
import { TransportDuplex } from "./tls/transport_duplex.ts";
import type { Transport } from "./transport.ts";
import { webSocketTransport } from "./websocket/runtime_socket.ts";

/** What a TLS connection is made with. */
export interface DialTls {
  /** Authorities for the peer's certificate, PEM. @default those of the runtime */
  readonly authorities?: string;
  /** Certificate chain and key that are shown to the peer, PEM. @default none */
  readonly certificate?: { readonly chain: string; readonly key: string };
  /** Name that the peer's certificate must have; also sent to it, if it is no IP address. @default the host */
  readonly serverName?: string;
  /** Protocol that is offered (ALPN). @default none */
  readonly alpn?: string;
}

/** Where to, and how. */
export interface DialOptions {
  readonly type: "tcp" | "ws";
  readonly hostname: string;
  readonly port: number;
  /** WebSocket only: the path that is asked for. */
  readonly path: string;
  /** WebSocket only: the subprotocol. */
  readonly subprotocol: string;
  /** `undefined`: no TLS. A WebSocket takes none of what stands in it. */
  readonly tls?: DialTls;
  /** WebSocket only: bytes that may wait to be read. */
  readonly maxInboundBytes: number;
  /** Gives the attempt up. */
  readonly signal: AbortSignal;
  /** Makes the TCP connection. */
  readonly connect: Machine["connect"];
}

/**
 * Connects to a peer.
 *
 * @throws {Error} if nobody answers, the peer's certificate is not accepted, or the attempt was given up
 */
export async function dial(options: DialOptions): Promise<Transport> {
  options.signal.throwIfAborted();
  if (options.type === "ws") return await dialWebSocket(options);
  const { hostname, port, signal, tls } = options;
  const connection = await options.connect({ hostname, port, signal });
  try {
    connection.setNoDelay(true);
  } catch {
    // A peer that has gone already shows itself at the first read.
  }
  const { remoteAddr } = connection;
  const raw = new SocketTransport(connection, "tcp", { hostname: remoteAddr.hostname, port: remoteAddr.port });
  return tls ? await secure(raw, tls, options) : raw;
}

function secure(raw: Transport, tls: DialTls, { hostname, signal }: DialOptions): Promise<Transport> {
  const { authorities, certificate, serverName = hostname, alpn } = tls;
  const given: ConnectionOptions = {
    socket: new TransportDuplex(raw),
    host: serverName,
    ...!isAddress(serverName) && { servername: serverName },
    ...authorities !== undefined && { ca: authorities },
    ...certificate && { cert: certificate.chain, key: certificate.key },
    ...alpn !== undefined && { ALPNProtocols: [alpn] },
    rejectUnauthorized: true,
  };
  return new Promise((resolve, reject) => {
    const socket = connect(given);
    const giveUp = (error: Error) => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      raw.close();
      reject(error);
    };
    const abort = () => giveUp(signal.reason as Error);
    signal.addEventListener("abort", abort);
    socket.once("error", giveUp);
    socket.once("close", () => giveUp(new Error("the peer closed the connection in the TLS handshake")));
    socket.once("secureConnect", () => {
      signal.removeEventListener("abort", abort);
      socket.removeAllListeners("close");
      const transport = new TlsTransport(socket, raw);
      socket.removeListener("error", giveUp);
      resolve(transport);
    });
  });
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^[\d.]+$/.test(host);
}

/** What goes wrong shows itself at the first write. */
async function dialWebSocket(options: DialOptions): Promise<Transport> {
  const { hostname, port, path, subprotocol, tls, maxInboundBytes, signal } = options;
  const url = `${tls ? "wss" : "ws"}://${formatAddress(hostname, port)}${path}`;
  if (typeof WebSocket === "undefined") {
    throw new Error("a bridge over WebSocket needs a runtime with WebSocket clients");
  }
  const socket = new WebSocket(url, [subprotocol]);
  const transport = webSocketTransport(socket, {
    maxInboundBytes,
    remote: { hostname, port },
    secure: tls !== undefined,
  });
  const abort = () => transport.close();
  signal.addEventListener("abort", abort);
  try {
    // Waits until it is open.
    await transport.write(new Uint8Array(0));
    return transport;
  } catch (error) {
    transport.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
