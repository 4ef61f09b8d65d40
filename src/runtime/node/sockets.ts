/** Sockets by `node:net`, read and accepted when the broker asks. */
import * as net from "node:net";
import { addressOf, closed, DuplexConnection } from "../duplex.ts";
import type {
  HostConnection,
  HostConnectOptions,
  HostListener,
  HostTcpAddress,
  HostTcpConnection,
  HostTcpListener,
} from "../host_types.ts";

type TcpPlace = { readonly hostname: string; readonly port: number };
type UnixPlace = { readonly transport: "unix"; readonly path: string };

/** So many connections may wait to be accepted, as many as the system lets wait for Node; more are closed. */
const MOST_WAITING = 511;

export function listen(options: TcpPlace): Promise<HostTcpListener>;
export function listen(options: UnixPlace): Promise<HostListener>;
/** Listens on a port or a unix socket. */
export function listen(options: TcpPlace | UnixPlace): Promise<HostListener> {
  const place = "path" in options ? { path: options.path } : { host: options.hostname, port: options.port };
  return new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.once("error", reject);
    server.listen(place, () => {
      server.off("error", reject);
      // In the same turn: nothing that happens to it is lost.
      resolve(new NodeListener(server, "path" in options));
    });
  });
}

export function connect(options: HostConnectOptions): Promise<HostTcpConnection>;
export function connect(options: UnixPlace): Promise<HostConnection>;
/** Connects to a port or a unix socket. */
export function connect(options: HostConnectOptions | UnixPlace): Promise<HostConnection> {
  const place = "path" in options ? { path: options.path } : { host: options.hostname, port: options.port };
  const signal = "signal" in options ? options.signal : undefined;
  return new Promise<HostConnection>((resolve, reject) => {
    const socket = net.connect({ ...place, allowHalfOpen: true });
    socket.pause();
    const giveUp = () => void socket.destroy(signal?.reason as Error);
    if (signal?.aborted) giveUp();
    signal?.addEventListener("abort", giveUp);
    const done = () => signal?.removeEventListener("abort", giveUp);
    socket.once("error", done);
    socket.once("error", reject);
    socket.once("connect", () => {
      done();
      socket.off("error", reject);
      socket.off("error", done);
      resolve(new DuplexConnection(socket));
    });
  });
}

class NodeListener implements HostTcpListener {
  readonly addr: HostTcpAddress;
  readonly #server: net.Server;
  readonly #isUnix: boolean;
  readonly #arrived: DuplexConnection[] = [];
  #accepting: PromiseWithResolvers<HostTcpConnection> | undefined;
  /** What keeps one connection, or some, from being accepted; the next ones may be. */
  #fault: Error | undefined;
  #closed = false;

  constructor(server: net.Server, isUnix: boolean) {
    this.#server = server;
    this.#isUnix = isUnix;
    const { address, port } = isUnix ? {} as Partial<net.AddressInfo> : server.address() as net.AddressInfo;
    this.addr = addressOf(address, port) as HostTcpAddress;
    server.on("connection", (socket) => this.#take(socket));
    server.on("error", (error) => this.#fail(error));
  }

  accept(): Promise<HostTcpConnection> {
    const connection = this.#arrived.shift();
    if (connection) return Promise.resolve(connection);
    const fault = this.#closed ? closed("listener") : this.#fault;
    this.#fault = undefined;
    if (fault) return Promise.reject(fault);
    this.#accepting ??= Promise.withResolvers();
    return this.#accepting.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const connection of this.#arrived.splice(0)) connection.close();
    this.#fail(closed("listener"));
  }

  #fail(error: Error): void {
    const accepting = this.#accepting;
    this.#accepting = undefined;
    if (accepting) accepting.reject(error);
    else this.#fault = error;
  }

  #take(socket: net.Socket): void {
    // Once closed nobody asks; without an address it was the peer that has closed it.
    if (this.#closed || (!this.#isUnix && socket.remoteAddress === undefined)) return void socket.destroy();
    const accepting = this.#accepting;
    if (!accepting && this.#arrived.length === MOST_WAITING) {
      socket.destroy();
      return this.#fail(new Error(`more than ${MOST_WAITING} connections waited to be accepted: the rest was closed`));
    }
    const connection = new DuplexConnection(socket);
    this.#accepting = undefined;
    if (accepting) accepting.resolve(connection);
    else this.#arrived.push(connection);
  }
}
