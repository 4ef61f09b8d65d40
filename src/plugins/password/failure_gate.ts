import { FailureDelays } from "./failure_delays.ts";
import type { Admission } from "./hash_queue.ts";
import { type Delay, WaitingRoom } from "./waiting_room.ts";

/** Where a {@linkcode FailureGate} takes its time from. */
export interface FailureGateClock {
  /** Milliseconds that only grow. */
  now(): number;
  readonly delay: Delay;
}

/** Where sources whose sign-ins failed wait before the next one is looked at. */
export class FailureGate {
  readonly #clock: FailureGateClock;
  readonly #delays = new FailureDelays();
  readonly #waitingRoom: WaitingRoom;

  constructor(clock: FailureGateClock) {
    this.#clock = clock;
    this.#waitingRoom = new WaitingRoom(clock.delay);
  }

  /** Whether a source need not wait just now. */
  isOpen(source: string): boolean {
    return this.#waitMs(source) === 0;
  }

  /** Waits until the gate is open for a source; `full`, at once, if too many wait already. */
  async enter(source: string, signal: AbortSignal): Promise<Admission> {
    while (!signal.aborted) {
      const waitMs = this.#waitMs(source);
      if (waitMs === 0) return "admitted";
      if (!await this.#waitingRoom.wait(source, waitMs, signal)) return "full";
    }
    return "aborted";
  }

  /** A sign-in from this source succeeded or failed. */
  note(source: string, result: "succeeded" | "failed"): void {
    if (result === "succeeded") this.#delays.succeed(source);
    else this.#delays.fail(source, this.#clock.now());
  }

  #waitMs(source: string): number {
    return this.#delays.waitMs(source, this.#clock.now());
  }
}
