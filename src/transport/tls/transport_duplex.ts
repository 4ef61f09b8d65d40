/** A transport in the shape that `node:tls` wants. */
import { Duplex } from "node:stream";
import type { Transport } from "../transport.ts";

const IDLE_READ_BYTES = 2048;
const BUSY_READ_BYTES = 65_536;
/** So many are kept to tell what a peer speaks. */
const FIRST_BYTES = 16;

/** Lets Node's streams work on a transport, which then belongs to the stream. */
export class TransportDuplex extends Duplex {
  /** What the peer said first; empty: nothing yet. */
  firstBytes: Uint8Array = new Uint8Array(0);
  readonly #transport: Transport;
  #readBytes = IDLE_READ_BYTES;

  constructor(transport: Transport) {
    super({ allowHalfOpen: true });
    this.#transport = transport;
    // Whoever awaits the handshake, reads or writes is told; an event without a listener would end the process.
    this.on("error", () => {});
  }

  override _read(): void {
    this.#readOnce().catch((error) => this.destroy(error));
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#transport.write(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#transport.closeWrite().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#transport.close();
    done(error);
  }

  /** The stream keeps the buffer, so an idle connection waits with a small one. */
  async #readOnce(): Promise<void> {
    const bytes = new Uint8Array(this.#readBytes);
    const count = await this.#transport.read(bytes);
    this.#readBytes = count === bytes.length ? Math.min(4 * count, BUSY_READ_BYTES) : IDLE_READ_BYTES;
    if (this.firstBytes.length === 0 && count !== null) this.firstBytes = bytes.slice(0, Math.min(count, FIRST_BYTES));
    this.push(count === null ? null : bytes.subarray(0, count));
  }
}
