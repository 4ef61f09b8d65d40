/** Transports without a network, for embedded clients and tests. */
import { ByteQueue } from "./byte_queue.ts";
import type { Transport } from "./transport.ts";

/** How a pair in memory behaves. */
export interface MemoryPairOptions {
  /** Bytes that may wait in one direction before `write` waits for the reader, at least 1. @default 65536 */
  readonly capacityBytes?: number;
}

/** Makes the two ends of a two-way byte stream in memory: what one end writes, the other reads. */
export function memoryPair(options: MemoryPairOptions = {}): [Transport, Transport] {
  const capacityBytes = options.capacityBytes ?? 65_536;
  const there = new Direction(capacityBytes);
  const back = new Direction(capacityBytes);
  return [new MemoryTransport(back, there), new MemoryTransport(there, back)];
}

interface WaitingWrite {
  rest: Uint8Array;
  resolve(): void;
  reject(error: Error): void;
}

/** One direction of a pair. */
class Direction {
  readonly #queue: ByteQueue;
  readonly #capacityBytes: number;
  takenBytes = 0;
  #waiting: WaitingWrite | undefined;
  #written: Promise<void> = Promise.resolve();
  #refusal: Error | undefined;

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
    this.#queue = new ByteQueue(() => this.#deliver());
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#queue.read(into);
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#refusal) return Promise.reject(this.#refusal);
    return this.#written = new Promise((resolve, reject) => {
      this.#waiting = { rest: bytes, resolve, reject };
      this.#deliver();
    });
  }

  /** No more will be written; what is under way still arrives. */
  async end(): Promise<void> {
    this.#refusal ??= new Error("Cannot write: this side has ended");
    await this.#written.catch(() => {});
    this.#queue.end();
  }

  /** The writer is gone: the reader gets what has arrived, and then the end. */
  abandon(refusal: Error): void {
    this.#refuse(refusal);
    this.#queue.end();
  }

  /** The reader is gone: what has arrived is dropped. */
  discard(error: Error): void {
    this.#refuse(error);
    this.#queue.fail(error);
  }

  #refuse(error: Error): void {
    this.#refusal ??= error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #deliver(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    const piece = waiting.rest.subarray(0, Math.max(0, this.#capacityBytes - this.#queue.length));
    waiting.rest = waiting.rest.subarray(piece.length);
    this.takenBytes += piece.length;
    this.#queue.push(piece);
    if (waiting.rest.length > 0) return;
    this.#waiting = undefined;
    waiting.resolve();
  }
}

class MemoryTransport implements Transport {
  readonly kind = "stream";
  readonly secure = false;
  readonly remote = {};
  readonly acceptedAt: number = performance.now();
  readonly #inbound: Direction;
  readonly #outbound: Direction;

  constructor(inbound: Direction, outbound: Direction) {
    this.#inbound = inbound;
    this.#outbound = outbound;
  }

  get takenBytes(): number {
    return this.#outbound.takenBytes;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#inbound.read(into);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#outbound.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#outbound.end();
  }

  /** The other end reads what was written before, then the end; what it writes from now on is refused. */
  close(): void {
    this.#outbound.abandon(new Error("Cannot write: the stream was closed"));
    this.#inbound.discard(new Error("Cannot use the stream: it was closed"));
  }
}
