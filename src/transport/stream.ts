/** Transports over byte streams that the host program brings along. */
import type { RemoteAddress, Transport } from "./transport.ts";

/**
 * A two-way byte stream of the host program: a `Deno.Conn` of any kind (TCP, TLS, unix socket), or any pair of web
 * streams. Where it has `read` and `write` of its own, as a `Deno.Conn` has, these are used instead of the streams.
 *
 * @category Broker
 */
export interface ByteStream {
  /** What the other end sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the other end gets. */
  readonly writable: WritableStream<Uint8Array>;
  /** Reads into `into`; `null` is the end. */
  read?(into: Uint8Array): Promise<number | null>;
  /** Writes some of `bytes` and tells how many. */
  write?(bytes: Uint8Array): Promise<number>;
  /** Ends the outgoing side only. */
  closeWrite?(): Promise<void>;
  /** Closes both sides. */
  close?(): void;
}

/** What a byte stream cannot tell about itself. */
export interface StreamTransportOptions {
  /** The other end's address. @default that of a `Deno.Conn`, else unknown */
  readonly remote?: RemoteAddress;
  /** Whether the stream is encrypted. @default false */
  readonly secure?: boolean;
}

/**
 * Makes a transport of a byte stream, which then belongs to the transport.
 *
 * @throws {Error} if it is none; the message says what is missing
 */
export function streamTransport(connection: ByteStream, options: StreamTransportOptions = {}): Transport {
  checkStream(connection);
  const carrier = connection.read && connection.write ? new CallCarrier(connection) : new WebStreamCarrier(connection);
  return new StreamTransport(carrier, options.remote ?? remoteAddressOf(connection), options.secure ?? false);
}

/** A program may be written in JavaScript. */
function checkStream(connection: unknown): void {
  if (typeof connection !== "object" || connection === null) {
    throw new Error(`a connection must be an object with readable and writable streams: got ${String(connection)}`);
  }
  const { read, write, readable, writable } = connection as Partial<Record<keyof ByteStream, unknown>>;
  if (typeof read === "function" && typeof write === "function") return;
  const missing = [
    ...readable instanceof ReadableStream ? [] : ["readable (a ReadableStream)"],
    ...writable instanceof WritableStream ? [] : ["writable (a WritableStream)"],
  ];
  if (missing.length > 0) {
    throw new Error(`a connection must have readable and writable: missing is ${missing.join(" and ")}`);
  }
}

/** The four things that can be done with a stream, whichever way it offers them. */
interface Carrier {
  readonly takenBytes?: number;
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<void>;
  closeWrite(): Promise<void>;
  close(): void;
}

class StreamTransport implements Transport {
  readonly kind = "stream";
  readonly acceptedAt: number = performance.now();
  readonly #carrier: Carrier;
  /** Ends what waits for the stream: one that is stuck settles nothing when it is closed. */
  readonly #giveUp = new Set<() => void>();
  #written: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(carrier: Carrier, readonly remote: RemoteAddress, readonly secure: boolean) {
    this.#carrier = carrier;
  }

  get takenBytes(): number | undefined {
    return this.#carrier.takenBytes;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#untilClosed(this.#carrier.read(into), (resolve) => resolve(null));
  }

  write(bytes: Uint8Array): Promise<void> {
    const work = this.#carrier.write(bytes);
    return this.#written = this.#untilClosed(work, (_, reject) => reject(new Error("the connection was closed")));
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#written;
      await this.#untilClosed(this.#carrier.closeWrite(), (resolve) => resolve());
    } catch {
      // The other end or close() was first: our side has ended already.
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#carrier.close();
    } finally {
      for (const giveUp of this.#giveUp) giveUp();
      this.#giveUp.clear();
    }
  }

  /** Settles as the work does; `end` settles it at once when the transport is closed before. */
  #untilClosed<T>(
    work: Promise<T>,
    end: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T> {
    if (this.#closed) return work;
    return new Promise((resolve, reject) => {
      const giveUp = () => end(resolve, reject);
      this.#giveUp.add(giveUp);
      work.then(resolve, reject).finally(() => this.#giveUp.delete(giveUp));
    });
  }
}

/** A stream with `read` and `write` of its own. */
class CallCarrier implements Carrier {
  takenBytes = 0;

  constructor(private readonly connection: ByteStream) {}

  read(into: Uint8Array): Promise<number | null> {
    return this.connection.read!(into);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      const more = await this.connection.write!(sent === 0 ? bytes : bytes.subarray(sent));
      this.takenBytes += more;
      sent += more;
    }
  }

  async closeWrite(): Promise<void> {
    await this.connection.closeWrite?.();
  }

  close(): void {
    try {
      this.connection.close?.();
    } catch {
      // The host program closed it before.
    }
  }
}

/** A stream that is nothing but a pair of web streams. */
class WebStreamCarrier implements Carrier {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** The part of a chunk that did not fit into the reader's buffer. */
  #rest: Uint8Array | undefined;

  constructor(private readonly connection: ByteStream) {
    this.#reader = connection.readable.getReader();
    this.#writer = connection.writable.getWriter();
    // A failure reaches whoever reads or writes next.
    this.#reader.closed.catch(() => {});
    this.#writer.closed.catch(() => {});
  }

  async read(into: Uint8Array): Promise<number | null> {
    let chunk = this.#rest;
    while (!chunk || chunk.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return null;
      chunk = value;
    }
    const count = Math.min(chunk.length, into.length);
    into.set(chunk.subarray(0, count));
    this.#rest = count < chunk.length ? chunk.subarray(count) : undefined;
    return count;
  }

  async write(bytes: Uint8Array): Promise<void> {
    // The stream may hold on to what it is given, and the caller's buffer is used again.
    if (bytes.length > 0) await this.#writer.write(bytes.slice());
  }

  closeWrite(): Promise<void> {
    return this.#writer.close();
  }

  close(): void {
    const error = new Error("Cannot use the stream: it was closed");
    this.#writer.abort(error).catch(() => {});
    this.#reader.cancel(error).catch(() => {});
    this.connection.close?.();
  }
}

function remoteAddressOf(connection: object): RemoteAddress {
  if (!("remoteAddr" in connection)) return {};
  const address = connection.remoteAddr;
  if (typeof address !== "object" || address === null || !("hostname" in address) || !("port" in address)) return {};
  const { hostname, port } = address;
  return typeof hostname === "string" && typeof port === "number" ? { hostname, port } : {};
}
