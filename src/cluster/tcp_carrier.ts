/** Links over TCP, with certificates on both sides where the config has them. */
import { connect } from "node:tls";
import type { ResolvedCluster } from "../config/config.ts";
import { errorText } from "../error_text.ts";
import type { Logger } from "../logger.ts";
import { host } from "../runtime/host.ts";
import { formatAddress } from "../transport/address.ts";
import { listen } from "../transport/endpoint.ts";
import { SocketTransport } from "../transport/socket_transport.ts";
import { listenTls } from "../transport/tls/listener.ts";
import { loadTlsMaterial } from "../transport/tls/material.ts";
import { TlsTransport } from "../transport/tls/tls_transport.ts";
import { TransportDuplex } from "../transport/tls/transport_duplex.ts";
import type { Listener, Transport } from "../transport/transport.ts";
import type { LinkCarrier } from "./connections.ts";

const HANDSHAKE_SECONDS = 5;
/** Where nobody answers the system would try for two minutes, and not notice that somebody does meanwhile. */
const CONNECT_MS = 5000;

/**
 * Listens for other nodes.
 *
 * @throws {ListenError} if the address cannot be listened on, or a certificate or key cannot be used
 */
export async function openTcpCarrier(config: ResolvedCluster, logger: Logger): Promise<LinkCarrier> {
  const { hostname, port, tls, advertise } = config;
  const options = { hostname, port, logger };
  const listener = tls === undefined
    ? await listen(options)
    : await listenTls({ ...options, tls, handshakeTimeoutSeconds: HANDSHAKE_SECONDS });
  const address = advertise ?? formatAddress(hostname, listener.address.port);
  logger.info(`other nodes find this one at ${address}`);
  return new TcpCarrier(listener, address, tls, logger);
}

class TcpCarrier implements LinkCarrier {
  readonly address: string;
  readonly #listener: Listener;
  readonly #tls: ResolvedCluster["tls"];
  readonly #logger: Logger;
  readonly #dialing = new Set<AbortController>();
  #accepting: Promise<void> | undefined;

  constructor(listener: Listener, address: string, tls: ResolvedCluster["tls"], logger: Logger) {
    this.#listener = listener;
    this.address = address;
    this.#tls = tls;
    this.#logger = logger;
  }

  accept(take: (transport: Transport) => void): void {
    this.#accepting = this.#acceptAll(take);
  }

  async dial(address: string): Promise<Transport> {
    const at = address.lastIndexOf(":");
    const hostname = address.slice(0, at).replace(/^\[|\]$/g, "");
    const raw = await this.#connect(hostname, Number(address.slice(at + 1)));
    if (this.#tls === undefined) return raw;
    try {
      return await this.#secure(raw);
    } catch (error) {
      raw.close();
      throw error;
    }
  }

  async #connect(hostname: string, port: number): Promise<Transport> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error(`nobody answers for ${CONNECT_MS / 1000} s`)), CONNECT_MS);
    this.#dialing.add(abort);
    try {
      const connection = await host.connect({ hostname, port, signal: abort.signal });
      connection.setNoDelay(true);
      return new SocketTransport(connection, "tcp", { hostname });
    } finally {
      clearTimeout(timer);
      this.#dialing.delete(abort);
    }
  }

  async close(): Promise<void> {
    for (const abort of this.#dialing) abort.abort(new Error("the node ends"));
    await this.#listener.close();
    await this.#accepting;
  }

  async #acceptAll(take: (transport: Transport) => void): Promise<void> {
    try {
      for await (const transport of this.#listener) take(transport);
    } catch (error) {
      this.#logger.error(`no further node can connect: ${errorText(error)}`);
    }
  }

  /** The authority issues for nodes alone, so that whoever has its certificate is one, whatever its address. */
  async #secure(raw: Transport): Promise<Transport> {
    const { certificates, key, authorities } = await loadTlsMaterial(this.#tls!);
    const stream = new TransportDuplex(raw);
    const socket = connect({
      socket: stream,
      cert: certificates,
      key,
      ca: [...authorities],
      rejectUnauthorized: true,
      checkServerIdentity: () => undefined,
    });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the TLS handshake takes too long")), HANDSHAKE_SECONDS * 1000);
      const settle = (error?: Error) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve();
      };
      socket.once("secureConnect", () => settle());
      socket.on("error", settle);
      socket.once("close", () => settle(new Error("the peer closed the connection")));
    });
    return new TlsTransport(socket, raw);
  }
}
