/** Connects to NATS servers in a way that survives what they say in TLS once nobody listens any longer. */
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
 * The library's has no listener on a socket right after the handshake, nor once it leaves it. In TLS 1.3 that is when a
 * server says that it does not like the client's certificate, and an error that nobody listens for ends the process.
 */
class SafeTransport extends NodeTransport {
  override async startTLS(): Promise<TLSSocket> {
    const told = this.options.tls as ToldTls | null | undefined;
    const { ca, cert, key } = told && await this.loadClientCerts() || {};
    const options = { socket: this.socket, servername: this.tlsName, rejectUnauthorized: true, ca, cert, key };
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    const socket = connect(options);
    const listen = () =>
      socket.on("error", (error) => {
        told?.tell(error);
        reject(error);
      });
    listen();
    const removeAll = socket.removeAllListeners.bind(socket);
    socket.removeAllListeners = (event) => {
      removeAll(event);
      return listen();
    };
    socket.once("close", () => reject(new Error("the server ended the connection in the TLS handshake")));
    // A server that refuses the certificate often says so at once.
    socket.once("secureConnect", () => setTimeout(() => resolve(socket)));
    return await promise;
  }
}
