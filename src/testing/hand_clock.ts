import type { Clock } from "../runtime/environment.ts";

interface Ticker {
  readonly periodMs: number;
  readonly tick: () => void;
  dueMs: number;
}

/**
 * A clock that stands still until a test moves it. Whatever a broker does after some time is done at once then:
 * keep-alives, delayed wills, expiry of messages and sessions, `$SYS`.
 *
 * @category Testing
 */
export class HandClock implements Clock {
  #nowMs: number;
  #setByMs = 0;
  readonly #tickers = new Set<Ticker>();

  /**
   * Makes a clock that stands.
   *
   * @param startMs where it begins, in milliseconds; the default is the time that transports stamp on what they accept
   */
  constructor(startMs: number = performance.now()) {
    // Whole milliseconds add up exactly.
    this.#nowMs = Math.floor(startMs);
  }

  /** Timers that were set and not cancelled. */
  get tickers(): number {
    return this.#tickers.size;
  }

  /** Milliseconds, which only {@linkcode HandClock.advance} and {@linkcode HandClock.stall} add to. */
  now(): number {
    return this.#nowMs;
  }

  /** Milliseconds since the Unix epoch: as far from the epoch as the system's clock was from its own beginning, or as it was set. */
  epoch(): number {
    return Math.round(performance.timeOrigin + this.#nowMs) + this.#setByMs;
  }

  /** Sets the system's clock forward, or back: no time passes. */
  setBy(ms: number): void {
    this.#setByMs += ms;
  }

  /** Calls `tick` every `ms` milliseconds of this clock until the returned function is called. */
  every(ms: number, tick: () => void): () => void {
    const ticker = { periodMs: ms, tick, dueMs: this.#nowMs + ms };
    this.#tickers.add(ticker);
    return () => void this.#tickers.delete(ticker);
  }

  /** Moves on by `ms` milliseconds and calls every tick that falls due on the way, in order of time. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let next = this.#nextDue(endMs); next !== undefined; next = this.#nextDue(endMs)) {
      this.#nowMs = next.dueMs;
      next.dueMs += next.periodMs;
      next.tick();
    }
    this.#nowMs = endMs;
  }

  /** Moves on by `ms` milliseconds in which nothing runs; what fell due meanwhile is called once, late. */
  stall(ms: number): void {
    this.#nowMs += ms;
    for (const ticker of this.#tickers) {
      if (ticker.dueMs > this.#nowMs) continue;
      ticker.dueMs = this.#nowMs + ticker.periodMs;
      ticker.tick();
    }
  }

  #nextDue(endMs: number): Ticker | undefined {
    let next: Ticker | undefined;
    for (const ticker of this.#tickers) {
      if (ticker.dueMs <= endMs && (next === undefined || ticker.dueMs < next.dueMs)) next = ticker;
    }
    return next;
  }
}
