import { FailureDelays, type Origin } from "./failure_delays.ts";
import type { Admission } from "./hash_queue.ts";
import { type Delay, WaitingRoom } from "./waiting_room.ts";

/** Where a {@linkcode FailureGate} takes its time from. */
export interface FailureGateClock {
  /** Milliseconds that only grow. */
  now(): number;
  readonly delay: Delay;
}

/** Where those whose sign-ins failed wait before the next one is looked at. */
export class FailureGate {
  readonly #clock: FailureGateClock;
  readonly #delays = new FailureDelays();
  readonly #waitingRoom: WaitingRoom;

  constructor(clock: FailureGateClock) {
    this.#clock = clock;
    this.#waitingRoom = new WaitingRoom(clock.delay);
  }

  /** Whether one of this origin need not wait just now. */
  isOpen(origin: Origin): boolean {
    return this.#waitMs(origin) === 0;
  }

  /** Waits until the gate is open; `full`, at once, if too many wait already. */
  async enter(origin: Origin, signal: AbortSignal): Promise<Admission> {
    while (!signal.aborted) {
      const waitMs = this.#waitMs(origin);
      if (waitMs === 0) return "admitted";
      if (!await this.#waitingRoom.wait(origin, waitMs, signal)) return "full";
    }
    return "aborted";
  }

  /** A sign-in succeeded or failed. */
  note(origin: Origin, result: "succeeded" | "failed"): void {
    if (result === "succeeded") this.#delays.succeed(origin);
    else this.#delays.fail(origin, this.#clock.now());
  }

  #waitMs(origin: Origin): number {
    return this.#delays.waitMs(origin, this.#clock.now());
  }
}
