/** Nothing is awaited from the broker for this message. */
export const NO_ACK = 0;

/**
 * The windows of all publishers, in flat arrays. A slot is one place in a publisher's window and, plus one, the packet
 * identifier. It is busy until all deliveries of its message were seen and its QoS 1 or 2 handshake is finished.
 */
export class Windows {
  /** Slots of each publisher. */
  readonly size: number;
  /** Busy slots of all publishers. */
  busy = 0;
  readonly stream: Int32Array;
  readonly sequence: Uint32Array;
  /** Deliveries to come. */
  readonly remaining: Uint32Array;
  /** Type of the packet that is awaited. */
  readonly ack: Uint8Array;
  readonly sentAtMs: Float64Array;
  readonly #free: Uint16Array;
  readonly #freeAt: Uint32Array;
  readonly #freeCount: Uint32Array;

  constructor(publishers: number, size: number) {
    this.size = size;
    const slots = publishers * size;
    this.stream = new Int32Array(slots).fill(-1);
    this.sequence = new Uint32Array(slots);
    this.remaining = new Uint32Array(slots);
    this.ack = new Uint8Array(slots);
    this.sentAtMs = new Float64Array(slots);
    this.#free = Uint16Array.from({ length: slots }, (_, i) => i % size);
    this.#freeAt = new Uint32Array(publishers);
    this.#freeCount = new Uint32Array(publishers).fill(size);
  }

  free(publisher: number): number {
    return this.#freeCount[publisher]!;
  }

  /** Takes the slot that was free the longest, so that packet identifiers rotate. There must be one. */
  take(publisher: number): number {
    const at = this.#freeAt[publisher]!;
    this.#freeAt[publisher] = at + 1 === this.size ? 0 : at + 1;
    this.#freeCount[publisher]!--;
    this.busy++;
    return this.#free[publisher * this.size + at]!;
  }

  /** One delivery has come, or will not come; true if that made the slot free. */
  arrived(publisher: number, slot: number): boolean {
    const i = publisher * this.size + slot;
    if (this.remaining[i] === 0 || --this.remaining[i]! > 0 || this.ack[i] !== NO_ACK) return false;
    this.#giveBack(publisher, slot);
    return true;
  }

  /** The handshake is finished; true if that made the slot free. */
  acknowledged(publisher: number, slot: number): boolean {
    const i = publisher * this.size + slot;
    this.ack[i] = NO_ACK;
    if (this.remaining[i]! > 0) return false;
    this.#giveBack(publisher, slot);
    return true;
  }

  #giveBack(publisher: number, slot: number): void {
    const at = this.#freeAt[publisher]! + this.#freeCount[publisher]!++;
    this.#free[publisher * this.size + (at < this.size ? at : at - this.size)] = slot;
    this.busy--;
  }
}
