/** A transport over a socket of `node:tls`. */
import type { TLSSocket } from "node:tls";
import type { ClientCertificate, RemoteAddress, Transport } from "../transport.ts";

/** Carries bytes over a TLS socket whose handshake is done. The socket is not read while nobody asks. */
export class TlsTransport implements Transport {
  readonly kind = "tcp";
  readonly secure = true;
  readonly remote: RemoteAddress;
  readonly acceptedAt: number;
  readonly #socket: TLSSocket;
  readonly #raw: Transport;
  /** The part of a chunk that did not fit into the reader's buffer. */
  #rest: Uint8Array | undefined;
  #error: Error | undefined;
  #ended = false;
  /** Looks again at the socket for the read under way. */
  #look: () => void = () => {};

  /**
   * @param socket its handshake is done
   * @param raw what it runs on
   */
  constructor(socket: TLSSocket, raw: Transport, readonly certificate?: ClientCertificate) {
    this.remote = raw.remote;
    this.acceptedAt = raw.acceptedAt;
    this.#socket = socket;
    this.#raw = raw;
    socket.on("readable", () => this.#look());
    socket.on("end", () => this.#end());
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("Cannot use the stream: it was closed")));
  }

  get takenBytes(): number | undefined {
    return this.#raw.takenBytes;
  }

  unsentBytes(): Promise<number | undefined> {
    return this.#raw.unsentBytes?.() ?? Promise.resolve(undefined);
  }

  read(into: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#look = () => {
        const chunk = this.#rest ?? this.#socket.read() as Uint8Array | null;
        if (!chunk && !this.#ended && !this.#error) return;
        this.#look = () => {};
        if (chunk) resolve(this.#copy(chunk, into));
        else if (this.#ended) resolve(null);
        else reject(this.#error);
      };
      this.#look();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#error) return reject(this.#error);
      // The runtime's TLS socket would take such bytes and never send them.
      if (this.#ended) return reject(new Error("Cannot write: the peer has ended the connection"));
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#error || this.#socket.writableFinished) return resolve();
      this.#socket.once("close", resolve);
      this.#socket.end(() => {
        this.#socket.off("close", resolve);
        resolve();
      });
    });
  }

  close(): void {
    this.#rest = undefined;
    this.#fail(new Error("Cannot use the stream: it was closed"));
    this.#socket.destroy();
  }

  #copy(chunk: Uint8Array, into: Uint8Array): number {
    const count = Math.min(chunk.length, into.length);
    into.set(chunk.subarray(0, count));
    this.#rest = count < chunk.length ? chunk.subarray(count) : undefined;
    return count;
  }

  #end(): void {
    this.#ended = true;
    this.#look();
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#look();
  }
}
