import type { BufferPool } from "../packet/buffer_pool.ts";
import { OutputBuffer } from "../packet/output_buffer.ts";
import { StallWatch } from "./stall_watch.ts";
import type { Transport } from "../transport/transport.ts";
import type { WorkBudget, WorkParty } from "../work_budget.ts";

/** Bytes given to the transport at once: what is larger goes in slices, which show that a slow peer takes something. */
const SLICE_BYTES = 128 * 1024;

/** A write from this size on takes its time from the budget, and so many bytes are a step of it. */
const LARGE_BYTES = 32 * 1024;
const BYTES_PER_STEP = 1024;

/** Who is told what happens in an {@linkcode Outbox}. */
export interface OutboxOwner {
  /** Told of every write that was taken. */
  sent(bytes: number): void;
  /** Called when there is room again. */
  relieved(): void;
}

/** What an {@linkcode Outbox} works with. */
export interface OutboxOptions {
  /** How many bytes may wait before {@linkcode Outbox.congested}. */
  readonly maximumBytes: number;
  /** Whose way out it is. */
  readonly owner: OutboxOwner;
  /** Where the time for large writes is taken from. @default nobody looks at it */
  readonly work?: WorkBudget;
  readonly party?: WorkParty;
  /** Where the memory for what waits comes from. @default it is made anew */
  readonly pool?: BufferPool;
}

/**
 * One connection's way out: what a turn of the event loop appends leaves together, and one write is under way at a time
 * while the next buffer fills.
 */
export class Outbox {
  readonly #transport: Transport;
  readonly #buffer: OutputBuffer;
  readonly #options: OutboxOptions;
  /** Messages that are held back elsewhere and come here when they may leave, in bytes; they count as if they were here. */
  heldBytes = 0;
  #underWayBytes = 0;
  #attachedUnderWay: Uint8Array | undefined;
  #scheduled = false;
  #writing = false;
  /** Resolves when the write under way is over; `undefined`: there is none. */
  #written: Promise<void> | undefined;
  #wasCongested = false;
  #relief: PromiseWithResolvers<void> | undefined;
  /** Writes that were begun. */
  #begun = 0;
  /** Watches the write under way; `undefined`: nobody has looked since one is. */
  #stall: StallWatch | undefined;

  constructor(transport: Transport, options: OutboxOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#buffer = new OutputBuffer(options.pool);
  }

  /** Bytes that the peer's socket has not taken yet. */
  get waitingBytes(): number {
    return this.#buffer.size + this.#underWayBytes;
  }

  /**
   * Bytes of large bodies among {@linkcode Outbox.waitingBytes} that others have, too: those in `known`, to which all that
   * wait here are added.
   */
  sharedBytes(known: Set<ArrayBufferLike>): number {
    if (!this.#attachedUnderWay && !this.#buffer.hasAttached) return 0;
    let bytes = 0;
    for (const array of [this.#attachedUnderWay, ...this.#buffer.attached()]) {
      if (array && known.has(array.buffer)) {
        bytes += array === this.#attachedUnderWay ? this.#underWayBytes : array.length;
      }
      if (array) known.add(array.buffer);
    }
    return bytes;
  }

  /** Nothing should be added until there is room. */
  get congested(): boolean {
    if (this.#buffer.size + this.#underWayBytes + this.heldBytes < this.#options.maximumBytes) return false;
    this.#wasCongested = true;
    return true;
  }

  /**
   * For how many milliseconds the peer has taken nothing of what waits for it, as far as earlier looks have seen.
   *
   * @param nowMs the clock's time; the first look at a write finds 0
   */
  stalledMs(nowMs: number): number {
    if (!this.#writing) {
      this.#stall = undefined;
      return 0;
    }
    this.#stall ??= new StallWatch(this.#transport);
    return this.#stall.stalledMs(this.#begun, nowMs);
  }

  /** Where to append; what is appended leaves at the end of this turn. */
  open(): OutputBuffer {
    if (!this.#scheduled && !this.#writing) this.#schedule();
    return this.#buffer;
  }

  /** Once a turn; a closure in {@linkcode Outbox.open} would cost each packet something. */
  #schedule(): void {
    this.#scheduled = true;
    queueMicrotask(() => this.#start());
  }

  /** Resolves when nothing waits any longer, or the peer can take no more. */
  async drained(): Promise<void> {
    this.#start();
    await this.#written;
  }

  /** Resolves when it is not {@linkcode Outbox.congested} any longer, or the peer can take no more. */
  async relieved(): Promise<void> {
    if (!this.congested) return;
    this.#relief ??= Promise.withResolvers();
    await this.#relief.promise;
  }

  #start(): void {
    this.#scheduled = false;
    if (!this.#writing && this.#buffer.size > 0) this.#written = this.#write();
  }

  async #write(): Promise<void> {
    const { pool, owner } = this.#options;
    this.#writing = true;
    try {
      for (let part = this.#buffer.takePart(); part; part = this.#buffer.takePart()) {
        const { array, length, attached } = part;
        this.#underWayBytes = length;
        this.#attachedUnderWay = attached ? array : undefined;
        for (let start = 0; start < length; start += SLICE_BYTES) {
          const slice = array.subarray(start, Math.min(length, start + SLICE_BYTES));
          this.#begun++;
          // What has gathered in a turn was measured by who sent it; not so what many share, or a backlog.
          const isMeasured = slice.length < LARGE_BYTES || (!attached && start === 0);
          await (isMeasured ? this.#transport.write(slice) : this.#writeInTurn(slice));
          this.#underWayBytes -= slice.length;
          owner.sent(slice.length);
          this.#relieve();
        }
        if (!attached) pool?.giveBack(array);
      }
    } catch {
      // The reading side finds the broken connection and closes it.
      this.#transport.close();
      this.#buffer.take();
      this.#underWayBytes = 0;
      this.#resume();
    }
    this.#attachedUnderWay = undefined;
    this.#written = undefined;
    // In the same turn as the last look at the buffer, so that nothing can be appended unseen.
    this.#writing = false;
  }

  /** Much for many that do not read would otherwise be one piece of work, however small the slices. */
  async #writeInTurn(slice: Uint8Array): Promise<void> {
    const { work, party } = this.#options;
    work?.begin();
    const written = this.#transport.write(slice);
    if (work) work.steps += slice.length / BYTES_PER_STEP;
    const isOthersTurn = work && party && work.look(party);
    await written;
    if (isOthersTurn) await work.turn(party);
  }

  #relieve(): void {
    if (!this.#wasCongested || this.waitingBytes >= this.#options.maximumBytes / 2) return;
    this.#wasCongested = false;
    this.#resume();
    this.#options.owner.relieved();
  }

  #resume(): void {
    this.#relief?.resolve();
    this.#relief = undefined;
  }
}
