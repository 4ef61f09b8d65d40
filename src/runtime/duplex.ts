/** A socket of `node:net` or `node:tls`, also one that a web server hands over, read when the broker asks. */
import type { HostAddress, HostTcpAddress, HostTcpConnection } from "./host_types.ts";

/** So much is handed to the system at once: what the peer has taken of a long text is seen as it goes. */
const MOST_WRITTEN_BYTES = 1 << 18;

/**
 * A socket as the modules of Node make them: a `net.Socket`, a `tls.TLSSocket`, or another `Duplex` of bytes.
 *
 * @category Broker
 */
export interface DuplexSocket {
  /** Where it was accepted. @default not known */
  readonly localAddress?: string;
  /** Where it was accepted. @default not known */
  readonly localPort?: number;
  /** Where the client is. @default not known */
  readonly remoteAddress?: string;
  /** Where the client is. @default not known */
  readonly remotePort?: number;
  /** `true`: it is one of TLS. @default false */
  readonly encrypted?: boolean;
  /** `true`: it is closed. @default not known */
  readonly destroyed?: boolean;
  /** Whether all that was written has left after `end`. */
  readonly writableFinished: boolean;
  /** Listens to an event: `readable`, `end`, `error`, `close`. */
  // deno-lint-ignore no-explicit-any -- what a listener is given depends on the event
  on(event: string, listener: (...details: any[]) => void): unknown;
  /** What has come, or `null`. */
  read(): unknown;
  /** Takes bytes, and tells when they have left. */
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown;
  /** Ends the outgoing side. */
  end(done: (error?: Error | null) => void): unknown;
  /** Closes it at once. */
  destroy(): unknown;
  /** Whether small packets leave at once. */
  setNoDelay?(noDelay: boolean): unknown;
}

/** Such a socket in the shape that Deno has connections in. */
export class DuplexConnection implements HostTcpConnection {
  readonly localAddr: HostTcpAddress;
  readonly remoteAddr: HostTcpAddress;
  readonly #socket: DuplexSocket;
  #reading: { readonly into: Uint8Array; resolve(count: number | null): void; reject(error: Error): void } | undefined;
  /** Fails the write under way: Node tells a write that was under way at the end of a socket as done. */
  #failWrite: ((error: Error) => void) | undefined;
  /** What has come and did not fit. */
  #rest: Uint8Array | undefined;
  #ended = false;
  #closed = false;
  #fault: Error | undefined;

  constructor(socket: DuplexSocket) {
    this.#socket = socket;
    this.localAddr = addressOf(socket.localAddress, socket.localPort) as HostTcpAddress;
    this.remoteAddr = addressOf(socket.remoteAddress, socket.remotePort) as HostTcpAddress;
    socket.on("error", (error: Error) => this.#fail(error));
    socket.on("close", () => this.#fail(closed("connection")));
    socket.on("end", () => {
      this.#ended = true;
      this.#deliver();
    });
    socket.on("readable", () => this.#deliver());
    // A web server's program may have waited for something before it hands the socket over: no event comes any more.
    if (socket.destroyed === true) this.#fail(closed("connection"));
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
    this.#socket.setNoDelay?.(noDelay);
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

/** The end of a connection, as Deno tells it. */
export function addressOf(hostname: string | undefined, port: number | undefined): HostAddress {
  if (hostname === undefined || port === undefined) return { transport: "unix", path: "" };
  return { transport: "tcp", hostname, port };
}

/** What is thrown at who uses what is closed. */
export function closed(what: string): Error {
  return Object.assign(new Error(`the ${what} is closed`), { code: "EBADF" });
}
