import { setImmediate } from "node:timers";

/** What went wrong in a run. */
export class Faults {
  #count = 0;
  #first = "";

  get any(): boolean {
    return this.#count > 0;
  }

  add(error: unknown): void {
    if (this.#count++ === 0) this.#first = error instanceof Error ? error.message : String(error);
  }

  summary(): { readonly errors: number; readonly first_error: string } {
    return { errors: this.#count, first_error: this.#first };
  }
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const LOOK_EVERY_MS = 10;

/** Waits until `isDone`, or there is a fault, or `progress` has stood still for so long. */
export async function until(
  isDone: () => boolean,
  progress: () => number,
  patienceSeconds: number,
  faults: Faults,
): Promise<void> {
  let last = progress();
  let sinceMs = performance.now();
  while (!isDone() && !faults.any && performance.now() - sinceMs < patienceSeconds * 1000) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    if (progress() === last) continue;
    last = progress();
    sinceMs = performance.now();
  }
}

/** With three digits after the point. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
