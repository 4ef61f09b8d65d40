/** Waits so many milliseconds, or until the signal is aborted; never rejects. */
export type Delay = (ms: number, signal: AbortSignal) => Promise<void>;

const MAX_WAITING = 256;
const MAX_WAITING_PER_SOURCE = 8;

/** Where sign-ins wait out their delay; bounded, in all and for each source. */
export class WaitingRoom {
  readonly #waiting = new Map<string, number>();
  readonly #delay: Delay;
  #total = 0;

  constructor(delay: Delay) {
    this.#delay = delay;
  }

  /** @returns false, at once, if there is no room */
  async wait(source: string, ms: number, signal: AbortSignal): Promise<boolean> {
    const waiting = this.#waiting.get(source) ?? 0;
    if (this.#total >= MAX_WAITING || waiting >= MAX_WAITING_PER_SOURCE) return false;
    this.#count(source, 1);
    try {
      await this.#delay(ms, signal);
    } finally {
      this.#count(source, -1);
    }
    return true;
  }

  #count(source: string, change: 1 | -1): void {
    const waiting = (this.#waiting.get(source) ?? 0) + change;
    this.#total += change;
    if (waiting === 0) this.#waiting.delete(source);
    else this.#waiting.set(source, waiting);
  }
}

/** A {@linkcode Delay} by the system's timer. */
export function delayByTimer(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
