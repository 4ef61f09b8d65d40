import type { Logger } from "../logger.ts";
import type { ClockChange, StoredClock } from "../store/store.ts";
import type { Times } from "./stored_message.ts";

/** How a {@linkcode StoreTime} tells the time. */
export interface TwoClocks {
  /** Milliseconds that only grow, and do not follow when the system's clock is set. */
  now(): number;
  /** Milliseconds since the Unix epoch, as the system's clock shows them. */
  epoch(): number;
}

/**
 * By so much the two clocks part before the system's counts as having been set, in milliseconds. Less than that, a restart
 * takes for time that has passed.
 */
const STEP_MS = 1000;
/** How old what the store knows of the clock may become: while something else is stored anyway, and else. */
const BUSY_MS = 60_000;
const IDLE_MS = 3_600_000;

/**
 * The time by which stores count. While the broker runs it goes on like a stopwatch, so that it moves nothing when the
 * system's clock is set. Between two runs there is nothing but that clock: the store knows one moment by both, and what the
 * clock has gone on since then has passed; if it has gone back, nothing has.
 *
 * A step of the clock is told to the store with the next batch, or by {@linkcode StoreTime.step} within a second. Only if the
 * process is killed before either, the next run takes it for time that has passed.
 */
export class StoreTime implements Times {
  readonly #clocks: TwoClocks;
  readonly #logger: Logger;
  /** What is added to `now()`. */
  readonly #offsetMs: number;
  /** How far the system's clock is ahead of the store's time, as last told or found. */
  #aheadMs: number;
  #toldAtMs: number;

  /** @param last what the store was told last; `undefined`: it is new, and its time begins with the epoch's */
  constructor(clocks: TwoClocks, last: StoredClock | undefined, logger: Logger) {
    this.#clocks = clocks;
    this.#logger = logger;
    const [now, epoch] = [clocks.now(), clocks.epoch()];
    const passedMs = last ? epoch - last.epoch : 0;
    if (last && passedMs <= -STEP_MS) {
      logger.warn(
        `the system's clock shows ${new Date(epoch).toISOString()}, but showed ${new Date(last.epoch).toISOString()} ` +
          "when the store was last used: for sessions, messages and wills no time counts as passed since then",
      );
    }
    const at = last ? last.at + Math.max(0, passedMs) : epoch;
    this.#offsetMs = at - now;
    this.#aheadMs = epoch - at;
    // Told with the first batch, but not for its own sake.
    this.#toldAtMs = now - BUSY_MS;
  }

  toStored(ms: number): number {
    return Math.round(ms + this.#offsetMs);
  }

  fromStored(storedMs: number): number {
    return storedMs - this.#offsetMs;
  }

  /** What is to be stored with a batch that is about to be; `undefined`: the store knows enough. */
  withBatch(): ClockChange | undefined {
    return this.#look(BUSY_MS);
  }

  /** What is to be stored even if nothing else is; `undefined`: nothing. Called by the broker's coarse timer. */
  step(): ClockChange | undefined {
    return this.#look(IDLE_MS);
  }

  #look(maximumAgeMs: number): ClockChange | undefined {
    const [now, epoch] = [this.#clocks.now(), this.#clocks.epoch()];
    const at = now + this.#offsetMs;
    const stepMs = epoch - at - this.#aheadMs;
    const isStep = Math.abs(stepMs) >= STEP_MS;
    if (!isStep && now - this.#toldAtMs < maximumAgeMs) return undefined;
    if (isStep) {
      this.#logger.info(`the system's clock was set ${stepText(stepMs)}: the time left to anything stays as it was`);
    }
    this.#aheadMs = epoch - at;
    this.#toldAtMs = now;
    return { type: "clock", at: Math.round(at), epoch: Math.round(epoch) };
  }
}

function stepText(stepMs: number): string {
  return `${stepMs > 0 ? "forward" : "back"} by ${Math.round(Math.abs(stepMs) / 1000)} s`;
}
