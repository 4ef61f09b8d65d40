/** Bytes that have arrived and wait for a reader. */

const SMALLEST_ROOM_BYTES = 4096;
const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

interface PendingRead {
  readonly into: Uint8Array;
  filled: number;
  resolve(count: number | null): void;
  reject(error: Error): void;
}

/**
 * Joins a carrier that delivers when it likes with a reader that asks. Bytes are copied: many small pieces cost no more
 * memory than their sum, and a piece never keeps a larger buffer alive. Empty, it holds no buffer.
 */
export class ByteQueue {
  #buffer = NOTHING;
  #start = 0;
  #end = 0;
  #pending: PendingRead | undefined;
  #outcome: "open" | "ended" | Error = "open";

  /** @param onTaken is called after bytes were taken, so that a paused carrier may go on */
  constructor(private readonly onTaken: () => void = () => {}) {}

  /** Bytes waiting. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Gives bytes to a waiting reader, and keeps the rest. What comes after the end is dropped. */
  push(bytes: Uint8Array): void {
    if (this.#outcome !== "open" || bytes.length === 0) return;
    const taken = this.#fillPending(bytes);
    if (taken < bytes.length) this.#append(taken === 0 ? bytes : bytes.subarray(taken));
  }

  /** The peer has ended its side: readers get what is left and then `null`. */
  end(): void {
    if (this.#outcome !== "open") return;
    this.#outcome = "ended";
    if (this.#pending?.filled === 0) this.#take()?.resolve(null);
  }

  /** The carrier broke or was closed: what is left is dropped, readers get `error`. */
  fail(error: Error): void {
    if (this.#outcome instanceof Error) return;
    this.#outcome = error;
    this.#buffer = NOTHING;
    this.#start = this.#end = 0;
    this.#take()?.reject(error);
  }

  /** Reads as {@linkcode Transport.read} does. */
  read(into: Uint8Array): Promise<number | null> {
    if (this.#outcome instanceof Error) return Promise.reject(this.#outcome);
    if (this.length > 0) return Promise.resolve(this.#copyTo(into));
    if (this.#outcome === "ended") return Promise.resolve(null);
    return new Promise((resolve, reject) => this.#pending = { into, filled: 0, resolve, reject });
  }

  /** The reader goes on once this turn is over, so that all pieces of one arrival reach it together. */
  #fillPending(bytes: Uint8Array): number {
    const pending = this.#pending;
    if (!pending) return 0;
    const room = pending.into.length - pending.filled;
    const taken = Math.min(room, bytes.length);
    pending.into.set(taken < bytes.length ? bytes.subarray(0, taken) : bytes, pending.filled);
    if (pending.filled === 0) queueMicrotask(() => this.#finish(pending));
    pending.filled += taken;
    return taken;
  }

  #finish(pending: PendingRead): void {
    if (this.#pending !== pending) return;
    this.#take();
    pending.resolve(pending.filled);
    this.onTaken();
  }

  #take(): PendingRead | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  #append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #makeRoom(count: number): void {
    const needed = this.length + count;
    const waiting = this.#buffer.subarray(this.#start, this.#end);
    const fits = 2 * needed <= this.#buffer.length;
    const target = fits ? this.#buffer : new Uint8Array(Math.max(SMALLEST_ROOM_BYTES, 2 * needed));
    target.set(waiting);
    this.#buffer = target;
    this.#end -= this.#start;
    this.#start = 0;
  }

  #copyTo(into: Uint8Array): number {
    const count = Math.min(this.length, into.length);
    into.set(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    if (this.length === 0) {
      this.#buffer = NOTHING;
      this.#start = this.#end = 0;
    }
    this.onTaken();
    return count;
  }
}
