import { OutputBuffer } from "../packet/output_buffer.ts";
import type { Transport } from "../transport/transport.ts";

/**
 * One connection's way out: what a turn of the event loop appends leaves in one write, and one write is under way at a
 * time while the next buffer fills.
 */
export class Outbox {
  readonly #transport: Transport;
  readonly #buffer = new OutputBuffer();
  readonly #maximumBytes: number;
  readonly #onSent: (bytes: number) => void;
  readonly #onRelief: () => void;
  #underWayBytes = 0;
  #scheduled = false;
  #writing = false;
  #written: Promise<void> = Promise.resolve();
  #wasCongested = false;

  /**
   * @param maximumBytes how many bytes may wait before {@linkcode Outbox.congested}
   * @param onSent told of every write that was taken
   * @param onRelief called when there is room again
   */
  constructor(
    transport: Transport,
    options: { maximumBytes: number; onSent: (bytes: number) => void; onRelief: () => void },
  ) {
    this.#transport = transport;
    this.#maximumBytes = options.maximumBytes;
    this.#onSent = options.onSent;
    this.#onRelief = options.onRelief;
  }

  /** Bytes that the peer's socket has not taken yet. */
  get waitingBytes(): number {
    return this.#buffer.length + this.#underWayBytes;
  }

  /** Nothing should be added until there is room. */
  get congested(): boolean {
    if (this.waitingBytes < this.#maximumBytes) return false;
    this.#wasCongested = true;
    return true;
  }

  /** Where to append; what is appended leaves at the end of this turn. */
  open(): OutputBuffer {
    if (!this.#scheduled && !this.#writing) {
      this.#scheduled = true;
      queueMicrotask(() => this.#start());
    }
    return this.#buffer;
  }

  /** Resolves when nothing waits any longer, or the peer can take no more. */
  async drained(): Promise<void> {
    this.#start();
    await this.#written;
  }

  #start(): void {
    this.#scheduled = false;
    if (!this.#writing && this.#buffer.length > 0) this.#written = this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#buffer.length > 0) {
        const bytes = this.#buffer.take();
        this.#underWayBytes = bytes.length;
        await this.#transport.write(bytes);
        this.#underWayBytes = 0;
        this.#onSent(bytes.length);
        if (this.#wasCongested && this.waitingBytes < this.#maximumBytes / 2) {
          this.#wasCongested = false;
          this.#onRelief();
        }
      }
    } catch {
      // The reading side finds the broken connection and closes it.
      this.#transport.close();
      this.#buffer.take();
      this.#underWayBytes = 0;
    }
    // In the same turn as the last look at the buffer, so that nothing can be appended unseen.
    this.#writing = false;
  }
}
