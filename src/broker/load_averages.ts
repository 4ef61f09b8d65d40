import type { LoadAverage, LoadName } from "../hooks/figures.ts";

/** How often they are brought up to date, in milliseconds. */
const INTERVAL_MS = 5000;
const MINUTE_MS = 60_000;
const MINUTES = [1, 5, 15] as const;

/** What the averages are made of: counters. */
export type LoadCounters = Readonly<Record<LoadName, number>>;

/** How much of each counter there is in a minute, as exponential moving averages, like the load averages of Unix. */
export class LoadAverages {
  #before: LoadCounters | undefined;
  #beforeMs = 0;
  readonly #averages = new Map<LoadName, number[]>();

  /** Called by the broker's coarse timer. @param counters asked only if it is time to */
  tick(nowMs: number, counters: () => LoadCounters): void {
    if (this.#before && nowMs - this.#beforeMs < INTERVAL_MS) return;
    const now = counters();
    if (this.#before) this.#take(now, this.#before, nowMs - this.#beforeMs);
    this.#before = now;
    this.#beforeMs = nowMs;
  }

  /** As of the last time. */
  of(name: LoadName): LoadAverage {
    const [oneMinute = 0, fiveMinutes = 0, fifteenMinutes = 0] = this.#averages.get(name) ?? [];
    return { oneMinute, fiveMinutes, fifteenMinutes };
  }

  #take(now: LoadCounters, before: LoadCounters, elapsedMs: number): void {
    for (const name of Object.keys(now) as LoadName[]) {
      const perMinute = (now[name] - before[name]) * MINUTE_MS / elapsedMs;
      const old = this.#averages.get(name) ?? MINUTES.map(() => 0);
      const averages = MINUTES.map((minutes, index) => {
        const kept = Math.exp(-elapsedMs / (minutes * MINUTE_MS));
        return perMinute * (1 - kept) + old[index]! * kept;
      });
      this.#averages.set(name, averages);
    }
  }
}
