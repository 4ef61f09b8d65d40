/** Sockets by `node:net`, read and accepted when the broker asks. */
import * as net from "node:net";
import type {
  HostAddress,
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
/** So much is handed to the system at once: what the peer has taken of a long text is seen as it goes. */
const MOST_WRITTEN_BYTES = 1 << 18;

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
      resolve(new NodeConnection(socket));
    });
  });
}

class NodeListener implements HostTcpListener {
  readonly addr: HostTcpAddress;
  readonly #server: net.Server;
  readonly #isUnix: boolean;
  readonly #arrived: NodeConnection[] = [];
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
    const connection = new NodeConnection(socket);
    this.#accepting = undefined;
    if (accepting) accepting.resolve(connection);
    else this.#arrived.push(connection);
  }
}

class NodeConnection implements HostTcpConnection {
  readonly localAddr: HostTcpAddress;
  readonly remoteAddr: HostTcpAddress;
  readonly #socket: net.Socket;
  #reading: { readonly into: Uint8Array; resolve(count: number | null): void; reject(error: Error): void } | undefined;
  /** Fails the write under way: Node tells a write that was under way at the end of a socket as done. */
  #failWrite: ((error: Error) => void) | undefined;
  /** What has come and did not fit. */
  #rest: Uint8Array | undefined;
  #ended = false;
  #closed = false;
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
    if (this.#closed) return Promise.reject(closed("connection"));
    return new Promise((resolve, reject) => {
      this.#reading = { into, resolve, reject };
      this.#deliver();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#fault) return Promise.reject(this.#fault);
    const piece = bytes.length > MOST_WRITTEN_BYTES ? bytes.subarray(0, MOST_WRITTEN_BYTES) : bytes;
    return new Promise((resolve, reject) => {
      this.#failWrite = reject;
      this.#socket.write(piece, (error) => {
        const fault = error ?? this.#fault;
        if (fault) reject(fault);
        else resolve(piece.length);
      });
    });
  }

  closeWrite(): Promise<void> {
    if (this.#socket.writableFinished) return Promise.resolve();
    if (this.#fault) return Promise.reject(this.#fault);
    return new Promise((resolve, reject) => {
      this.#socket.end((error?: Error | null) => error ? reject(error) : resolve());
    });
  }

  close(): void {
    this.#closed = true;
    this.#rest = undefined;
    this.#fail(closed("connection"));
    this.#socket.destroy();
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
    this.#failWrite?.(error);
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
