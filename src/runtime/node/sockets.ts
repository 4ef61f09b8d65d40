/** Sockets by `node:net`, read and accepted when the broker asks. */
import * as net from "node:net";
import type {
  HostAddress,
  HostConnection,
  HostListener,
  HostTcpAddress,
  HostTcpConnection,
  HostTcpListener,
} from "../host_types.ts";

type TcpPlace = { readonly hostname: string; readonly port: number };
type UnixPlace = { readonly transport: "unix"; readonly path: string };

export function listen(options: TcpPlace): Promise<HostTcpListener>;
export function listen(options: UnixPlace): Promise<HostListener>;
/** Listens on a port or a unix socket. */
export async function listen(options: TcpPlace | UnixPlace): Promise<HostListener> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const listener = new NodeListener(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen("path" in options ? { path: options.path } : { host: options.hostname, port: options.port }, resolve);
  });
  server.removeAllListeners("error");
  server.on("error", (error) => listener.fail(error));
  return listener;
}

export function connect(options: TcpPlace): Promise<HostTcpConnection>;
export function connect(options: UnixPlace): Promise<HostConnection>;
/** Connects to a port or a unix socket. */
export async function connect(options: TcpPlace | UnixPlace): Promise<HostConnection> {
  const place = "path" in options ? { path: options.path } : { host: options.hostname, port: options.port };
  const socket = net.connect({ ...place, allowHalfOpen: true });
  socket.pause();
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.removeAllListeners("error");
  return new NodeConnection(socket);
}

class NodeListener implements HostTcpListener {
  readonly #server: net.Server;
  readonly #arrived: NodeConnection[] = [];
  #waiting: PromiseWithResolvers<HostTcpConnection> | undefined;
  #end: Error | undefined;

  constructor(server: net.Server) {
    this.#server = server;
    server.on("connection", (socket) => this.#take(new NodeConnection(socket)));
  }

  get addr(): HostTcpAddress {
    const { address, port } = this.#server.address() as net.AddressInfo;
    return { transport: "tcp", hostname: address, port };
  }

  accept(): Promise<HostTcpConnection> {
    const connection = this.#arrived.shift();
    if (connection) return Promise.resolve(connection);
    if (this.#end) return Promise.reject(this.#end);
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  close(): void {
    this.#server.close();
    for (const connection of this.#arrived.splice(0)) connection.close();
    this.fail(closed("listener"));
  }

  /** The socket is of no use any more. */
  fail(error: Error): void {
    this.#end ??= error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #take(connection: NodeConnection): void {
    if (this.#end) return connection.close();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting.resolve(connection);
    else this.#arrived.push(connection);
  }
}

class NodeConnection implements HostTcpConnection {
  readonly localAddr: HostTcpAddress;
  readonly remoteAddr: HostTcpAddress;
  readonly #socket: net.Socket;
  #reading: { readonly into: Uint8Array; resolve(count: number | null): void; reject(error: Error): void } | undefined;
  /** What has come and did not fit. */
  #rest: Uint8Array | undefined;
  #ended = false;
  #fault: Error | undefined;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.localAddr = addressOf(socket.localAddress, socket.localPort) as HostTcpAddress;
    this.remoteAddr = addressOf(socket.remoteAddress, socket.remotePort) as HostTcpAddress;
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(closed("connection")));
    socket.on("end", () => {
      this.#ended = true;
      this.#deliver();
    });
    socket.on("readable", () => this.#deliver());
  }

  read(into: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#reading = { into, resolve, reject };
      this.#deliver();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(() => resolve()));
  }

  close(): void {
    this.#socket.destroy();
    this.#fail(closed("connection"));
  }

  setNoDelay(noDelay: boolean): void {
    this.#socket.setNoDelay(noDelay);
  }

  #deliver(): void {
    const reading = this.#reading;
    if (!reading) return;
    const chunk = this.#rest ?? this.#socket.read() as Uint8Array | null;
    if (chunk !== null) {
      this.#reading = undefined;
      const count = Math.min(chunk.length, reading.into.length);
      reading.into.set(chunk.subarray(0, count));
      this.#rest = count < chunk.length ? chunk.subarray(count) : undefined;
      reading.resolve(count);
    } else if (this.#ended) {
      this.#reading = undefined;
      reading.resolve(null);
    } else if (this.#fault) {
      this.#reading = undefined;
      reading.reject(this.#fault);
    }
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    this.#deliver();
  }
}

function addressOf(hostname: string | undefined, port: number | undefined): HostAddress {
  if (hostname === undefined || port === undefined) return { transport: "unix", path: "" };
  return { transport: "tcp", hostname, port };
}

function closed(what: string): Error {
  return Object.assign(new Error(`the ${what} is closed`), { code: "EBADF" });
}
