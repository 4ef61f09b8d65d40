/** One direction of a link: frames in batches, one write at a time, sent again after a break until they are acknowledged. */
import { OutputBuffer } from "../packet/output_buffer.ts";
import { Fifo } from "../session/fifo.ts";
import type { Transport } from "../transport/transport.ts";
import { BATCH_HEAD_BYTES, sealBatch } from "./batch.ts";
import { BytesError, ByteSource } from "./bytes.ts";
import { isNumbered, skipFrame } from "./frames.ts";

/** A batch is closed when it is as large as this. */
const BATCH_BYTES = 256 * 1024;
/** So many bytes are in one write at most. */
const PIECE_BYTES = 512 * 1024;
/** So many bytes may be on their way that the peer has not worked off: what a frozen one makes the system keep. */
const CREDIT_BYTES = 8 * 2 ** 20;

interface Batch {
  readonly bytes: Uint8Array;
  /** The number of its last numbered frame, or of the last before it. */
  readonly last: number;
  /** How many of its frames are numbered. */
  readonly numbered: number;
  /** There is something in it beside acknowledgements. */
  readonly counts: boolean;
}

/** What a {@linkcode LinkSender} works with. */
export interface LinkSenderParts {
  /** Above so many bytes it is full. */
  readonly maximumBytes: number;
  /** Calls `run` at the end of the turn. */
  soon(run: () => void): void;
  /** The connection breaks at a write. */
  onBroken(error: unknown): void;
  /** A write was taken. */
  onSent(bytes: number): void;
}

/** Sends frames to one life of a node. */
export class LinkSender {
  readonly #parts: LinkSenderParts;
  #out = new OutputBuffer();
  #numbered = 0;
  #counts = false;
  #last = 0;
  #acknowledged = 0;
  #unsent = new Fifo<Batch>();
  #unacknowledged = new Fifo<Batch>();
  #closedBytes = 0;
  #transport: Transport | undefined;
  #sentBytes = 0;
  #creditedBytes = 0;
  #isFlushing = false;
  #isWriting = false;
  #relief: PromiseWithResolvers<void> | undefined;

  constructor(parts: LinkSenderParts) {
    this.#parts = parts;
  }

  /** What is kept here, in bytes. */
  get heldBytes(): number {
    return this.#closedBytes + this.#out.size;
  }

  /** Nothing more should be given. */
  get isFull(): boolean {
    return this.heldBytes >= this.#parts.maximumBytes;
  }

  /** The number of the last numbered frame. */
  get last(): number {
    return this.#last;
  }

  /** Up to which number the peer has worked off what it was sent. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Bytes that may still leave before the peer has worked off some. */
  get creditBytes(): number {
    return Math.max(0, CREDIT_BYTES - this.#sentBytes + this.#creditedBytes);
  }

  /** Where the next frame is appended, by one that calls {@linkcode LinkSender.flush} then. */
  frame(kind: "numbered" | "loose" | "acknowledgement"): OutputBuffer {
    if (this.#out.size >= BATCH_BYTES) this.#close();
    if (this.#out.size === 0) { for (let i = 0; i < BATCH_HEAD_BYTES / 4; i++) this.#out.u32(0); }
    if (kind === "numbered") {
      this.#numbered++;
      this.#last++;
    }
    if (kind !== "acknowledgement") this.#counts = true;
    return this.#out;
  }

  /** What was appended leaves at the end of the turn. */
  flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#parts.soon(() => {
      this.#isFlushing = false;
      void this.#pump();
    });
  }

  /** Resolves when it is no longer full; `undefined`: it is not. */
  relieved(): Promise<void> | undefined {
    if (!this.isFull) return undefined;
    this.#relief ??= Promise.withResolvers();
    return this.#relief.promise;
  }

  /**
   * Goes on over a connection.
   *
   * @param received up to which number the peer has what was sent before
   * @throws {BytesError} if that was never sent
   */
  attach(transport: Transport, received: number): void {
    this.#acknowledge(received);
    this.#close();
    const kept = [...drained(this.#unacknowledged), ...drained(this.#unsent)];
    this.#closedBytes = 0;
    for (const batch of kept) {
      const again = numberedOnly(batch, received);
      if (again === undefined) continue;
      this.#closedBytes += again.bytes.length;
      this.#unsent.push(again);
    }
    this.#transport = transport;
    this.#sentBytes = this.#creditedBytes = 0;
    this.#relieve();
    this.flush();
  }

  /** The connection is gone; what is numbered stays. */
  detach(): void {
    this.#transport = undefined;
  }

  /** Nothing more is sent, and nothing is kept. */
  end(): void {
    this.detach();
    this.#out = new OutputBuffer();
    this.#unsent = new Fifo();
    this.#unacknowledged = new Fifo();
    this.#closedBytes = 0;
    this.#relieve();
  }

  /**
   * The peer has worked off frames up to a number, and so many bytes of this connection.
   *
   * @throws {BytesError} if they were never sent
   */
  acknowledge(received: number, bytes: number): void {
    this.#acknowledge(received);
    this.#creditedBytes = bytes;
    this.#relieve();
    void this.#pump();
  }

  #acknowledge(received: number): void {
    if (received > this.#last) throw new BytesError(`the peer has frame ${received}, expected ${this.#last} at most`);
    this.#acknowledged = Math.max(this.#acknowledged, received);
    for (
      let batch = this.#unacknowledged.peek();
      batch && batch.last <= received;
      batch = this.#unacknowledged.peek()
    ) {
      this.#unacknowledged.shift();
      this.#closedBytes -= batch.bytes.length;
    }
  }

  #close(): void {
    if (this.#out.size === 0) return;
    const bytes = this.#out.take();
    sealBatch(bytes);
    this.#unsent.push({ bytes, last: this.#last, numbered: this.#numbered, counts: this.#counts });
    this.#closedBytes += bytes.length;
    this.#numbered = 0;
    this.#counts = false;
  }

  async #pump(): Promise<void> {
    const transport = this.#transport;
    if (this.#isWriting || transport === undefined) return;
    this.#isWriting = true;
    try {
      while (transport === this.#transport) {
        if (this.#unsent.length === 0) this.#close();
        const batch = this.#unsent.peek();
        if (batch === undefined || (batch.counts && this.creditBytes === 0)) break;
        this.#unsent.shift();
        await this.#write(transport, batch);
      }
    } catch (error) {
      if (transport === this.#transport) this.#parts.onBroken(error);
    } finally {
      this.#isWriting = false;
    }
    // Another connection has come meanwhile.
    if (transport !== this.#transport) void this.#pump();
  }

  async #write(transport: Transport, batch: Batch): Promise<void> {
    const { bytes, numbered, counts } = batch;
    if (numbered > 0) this.#unacknowledged.push(batch);
    if (counts) this.#sentBytes += bytes.length;
    // In pieces, so that a large batch on a slow way is seen to move.
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      await transport.write(piece);
      this.#parts.onSent(piece.length);
      if (transport !== this.#transport) return;
    }
    if (numbered > 0) return;
    this.#closedBytes -= bytes.length;
    this.#relieve();
  }

  #relieve(): void {
    if (this.isFull) return;
    this.#relief?.resolve();
    this.#relief = undefined;
  }
}

function drained(batches: Fifo<Batch>): Batch[] {
  return batches.extract(() => true);
}

/** A batch as it is sent again: without what is not numbered, and what the peer has. */
function numberedOnly({ bytes, last, numbered }: Batch, received: number): Batch | undefined {
  if (numbered === 0 || last <= received) return undefined;
  const out = new OutputBuffer();
  for (let i = 0; i < BATCH_HEAD_BYTES / 4; i++) out.u32(0);
  let n = last - numbered;
  let kept = 0;
  const source = new ByteSource(bytes, BATCH_HEAD_BYTES);
  while (source.remaining > 0) {
    const from = bytes.length - source.remaining;
    const counts = isNumbered(bytes, from);
    skipFrame(source.u8(), source);
    if (!counts || ++n <= received) continue;
    out.set(bytes.subarray(from, bytes.length - source.remaining));
    kept++;
  }
  const again = out.take();
  sealBatch(again);
  return { bytes: again, last, numbered: kept, counts: true };
}
