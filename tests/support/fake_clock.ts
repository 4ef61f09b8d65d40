interface Ticker {
  readonly periodMs: number;
  readonly tick: () => void;
  dueMs: number;
}

/** A clock that stands still until a test moves it. */
export class FakeClock {
  #nowMs: number;
  #setByMs = 0;
  readonly #tickers = new Set<Ticker>();

  /** @param startMs where it begins; the default is the time that transports stamp on what they accept. */
  constructor(startMs: number = performance.now()) {
    // Whole milliseconds add up exactly.
    this.#nowMs = Math.floor(startMs);
  }

  /** Timers that were set and not cancelled. */
  get tickers(): number {
    return this.#tickers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  /** As far from the epoch as the system's clock was from its own beginning, or as it was set. */
  epoch(): number {
    return Math.round(performance.timeOrigin + this.#nowMs) + this.#setByMs;
  }

  /** Sets the system's clock forward, or back: no time passes. */
  setBy(ms: number): void {
    this.#setByMs += ms;
  }

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
