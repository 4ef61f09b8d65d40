/** Connects to NATS servers in a way that survives what comes while nobody listens. */
import type { Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import {
  type NatsConnection,
  NatsConnectionImpl,
  type NodeConnectionOptions,
  setTransportFactory,
  type TlsOptions,
} from "@nats-io/transport-node";
import { nodeResolveHost, NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";

/** What the library is told of TLS, and who is told what goes wrong in it. */
export interface ToldTls extends TlsOptions {
  tell(error: Error): void;
}

/** As `connect` of the library. */
export function connectSafely(options: NodeConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new SafeTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}

/**
 * The library's has no listener on a socket between the steps of a handshake, nor once it leaves it. Then a server may end
 * the connection, and in TLS 1.3 say that it does not like the client's certificate; an error that nobody listens for ends
 * the process.
 */
class SafeTransport extends NodeTransport {
  override async dial(place: { hostname: string; port: number }): Promise<Socket> {
    const socket = await super.dial(place);
    listenAlways(socket, () => {});
    return socket;
  }

  override async startTLS(): Promise<TLSSocket> {
    const told = this.options.tls as ToldTls | null | undefined;
    const { ca, cert, key } = told && await this.loadClientCerts() || {};
    const options = { socket: this.socket, servername: this.tlsName, rejectUnauthorized: true, ca, cert, key };
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    const socket = connect(options);
    listenAlways(socket, (error) => {
      told?.tell(error);
      reject(error);
    });
    socket.once("close", () => reject(new Error("the server ended the connection in the TLS handshake")));
    // A server that refuses the certificate often says so at once.
    socket.once("secureConnect", () => setTimeout(() => resolve(socket)));
    return await promise;
  }
}

/** Listens for errors, also after all listeners are taken off. */
function listenAlways(socket: Socket, listener: (error: Error) => void): void {
  const listen = () => {
    if (!socket.listeners("error").includes(listener)) socket.on("error", listener);
    return socket;
  };
  const removeAll = socket.removeAllListeners.bind(socket);
  // Without a name it may call itself for each of them.
  socket.removeAllListeners = (...events: [event?: string | symbol]) => {
    removeAll(...events);
    return listen();
  };
  listen();
}
