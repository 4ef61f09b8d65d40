/** One more than the highest type of packet. */
const PACKET_TYPES = 16;

/**
 * Counts Control Packets by type. Counting is for every packet, so that it is done in 32 bits, which the engine does by
 * far faster than in 64; {@linkcode PacketCounts.total} adds up before they overflow.
 */
export class PacketCounts {
  /** Packets by their type's number: increment it. Begins anew at 2³². */
  readonly running: Uint32Array = new Uint32Array(PACKET_TYPES);
  readonly #before = new Uint32Array(PACKET_TYPES);
  readonly #totals = new Float64Array(PACKET_TYPES);

  /** All that were counted, by their type's number. To be called at least every 15 minutes. */
  total(): Float64Array {
    for (let type = 0; type < PACKET_TYPES; type++) {
      this.#totals[type]! += (this.running[type]! - this.#before[type]!) >>> 0;
      this.#before[type] = this.running[type]!;
    }
    return this.#totals;
  }
}
