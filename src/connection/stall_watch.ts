import type { Transport } from "../transport/transport.ts";

/** After such a time without progress the system is asked whether the peer takes what it has, again and again. */
const ASK_SYSTEM_MS = 1000;

/** Finds out for how long a peer has taken nothing of what is being written to it. */
export class StallWatch {
  readonly #transport: Transport;
  /** Writes that were begun as of the last look; there was none yet. */
  #begunBefore = -1;
  /** What the transport had taken at the last look. */
  #takenBefore = 0;
  /** Since when nothing has been taken of the write under way, in milliseconds of the clock. */
  #sinceMs = 0;
  /** What the system still had to send when it was asked last, and when that was. */
  #unsentBefore = Infinity;
  #askedAtMs = -Infinity;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Looks at a write that is under way.
   *
   * @param begun how many writes were begun so far
   * @returns for how many milliseconds there was no progress as far as looks have seen; 0 at the first
   */
  stalledMs(begun: number, nowMs: number): number {
    const taken = this.#transport.takenBytes ?? 0;
    if (begun !== this.#begunBefore || taken !== this.#takenBefore) {
      this.#begunBefore = begun;
      this.#takenBefore = taken;
      this.#sinceMs = nowMs;
      this.#unsentBefore = Infinity;
    }
    const stalledMs = nowMs - this.#sinceMs;
    if (stalledMs >= ASK_SYSTEM_MS && nowMs - this.#askedAtMs >= ASK_SYSTEM_MS) this.#askSystem(nowMs);
    return stalledMs;
  }

  /** The system may be sending what it took long ago, however slowly. */
  async #askSystem(nowMs: number): Promise<void> {
    this.#askedAtMs = nowMs;
    const unsent = await this.#transport.unsentBytes?.();
    if (unsent === undefined) return;
    if (unsent < this.#unsentBefore && this.#unsentBefore < Infinity) this.#sinceMs = Math.max(nowMs, this.#sinceMs);
    this.#unsentBefore = unsent;
  }
}
