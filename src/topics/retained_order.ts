import type { Message } from "../message.ts";

/** Fewer gaps than these are not worth a copy. */
const FEWEST_GAPS = 1024;

/** The retained messages by ascending serial, so that a search can go on after any of them. */
export class RetainedOrder {
  /** The serial alone stands for a message that is retained no longer. */
  #entries: (Message | number)[] = [];
  #gaps = 0;
  #isSorted = true;

  /** Adds a message that has its serial. */
  add(message: Message): void {
    const last = this.#entries.at(-1);
    if (last !== undefined && serialOf(last) > message.retainedSerial) this.#isSorted = false;
    this.#entries.push(message);
  }

  /** Takes a message out that still has its serial. */
  remove({ retainedSerial }: Message): void {
    const index = this.#indexAfter(retainedSerial - 1);
    this.#entries[index] = retainedSerial;
    if (++this.#gaps < FEWEST_GAPS || this.#gaps * 2 < this.#entries.length) return;
    this.#entries = this.#entries.filter((entry) => typeof entry !== "number");
    this.#gaps = 0;
  }

  /**
   * Shows what comes after a serial, until it has looked at so many places.
   *
   * @param visit false: it is to end here
   * @returns the serial after which it has not looked yet; `Infinity`: it has seen all
   */
  visit(after: number, places: number, visit: (message: Message) => boolean): number {
    const entries = this.#sorted();
    let index = this.#indexAfter(after);
    const end = Math.min(entries.length, index + places);
    let reached = after;
    while (index < end) {
      const entry = entries[index++];
      reached = serialOf(entry);
      if (typeof entry !== "number" && !visit(entry)) break;
    }
    return index === entries.length ? Infinity : reached;
  }

  /** Where the first is with a higher serial. */
  #indexAfter(serial: number): number {
    const entries = this.#sorted();
    let [from, to] = [0, entries.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (serialOf(entries[middle]) <= serial) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** What is read from a store comes in order, but behind what was retained meanwhile. */
  #sorted(): (Message | number)[] {
    if (!this.#isSorted) this.#entries.sort((a, b) => serialOf(a) - serialOf(b));
    this.#isSorted = true;
    return this.#entries;
  }
}

function serialOf(entry: Message | number): number {
  return typeof entry === "number" ? entry : entry.retainedSerial;
}
