import type { Origin } from "./failure_delays.ts";

/** Waits so many milliseconds, or until the signal is aborted; never rejects. */
export type Delay = (ms: number, signal: AbortSignal) => Promise<void>;

const MAX_WAITING = 4096;
const MAX_WAITING_PER_ADDRESS = 128;
const MAX_WAITING_PER_ORIGIN = 8;

/** Where sign-ins wait out their delay; bounded, in all, for each address, and for each user at an address. */
export class WaitingRoom {
  /** By address, then by user. */
  readonly #waiting = new Map<string, Map<string, number>>();
  readonly #perAddress = new Map<string, number>();
  readonly #delay: Delay;
  #total = 0;

  constructor(delay: Delay) {
    this.#delay = delay;
  }

  /** @returns false, at once, if there is no room */
  async wait(origin: Origin, ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#hasRoom(origin)) return false;
    this.#count(origin, 1);
    try {
      await this.#delay(ms, signal);
    } finally {
      this.#count(origin, -1);
    }
    return true;
  }

  #hasRoom({ address, user }: Origin): boolean {
    const ofUser = this.#waiting.get(address)?.get(user) ?? 0;
    const ofAddress = this.#perAddress.get(address) ?? 0;
    return this.#total < MAX_WAITING && ofAddress < MAX_WAITING_PER_ADDRESS && ofUser < MAX_WAITING_PER_ORIGIN;
  }

  #count({ address, user }: Origin, change: 1 | -1): void {
    this.#total += change;
    const users = this.#waiting.get(address) ?? new Map<string, number>();
    add(users, user, change);
    if (users.size === 0) this.#waiting.delete(address);
    else this.#waiting.set(address, users);
    add(this.#perAddress, address, change);
  }
}

function add(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
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
