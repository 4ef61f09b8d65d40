/** A set of small whole numbers that grows as it must. */
class NumberSet {
  #words = new Uint32Array(1);

  /** Adds a number; false if it was there. */
  add(value: number): boolean {
    const at = value >>> 5;
    if (at >= this.#words.length) {
      const grown = new Uint32Array(2 * (at + 1));
      grown.set(this.#words);
      this.#words = grown;
    }
    const bit = 1 << (value & 31);
    if ((this.#words[at]! & bit) !== 0) return false;
    this.#words[at]! |= bit;
    return true;
  }
}

/** What the ledger makes of an arrival. */
export type Arrival = "in order" | "late" | "duplicate";

/**
 * Counts what was sent and what really arrived. Every delivery is entered by its number, so that loss and duplicates
 * are exact; nothing is inferred from what was sent.
 */
export class Ledger {
  sent = 0;
  /** Deliveries that all sent messages must cause. */
  expected = 0;
  /** Deliveries that came, each counted once. */
  received = 0;
  duplicate = 0;
  outOfOrder = 0;
  readonly #seen: (NumberSet | undefined)[];
  readonly #next: Uint32Array;

  /**
   * @param sets in how many sets a number may occur once
   * @param states in how many places numbers must rise
   */
  constructor(sets: number, states: number) {
    this.#seen = new Array(sets);
    this.#next = new Uint32Array(states);
  }

  /** What has not come so far. */
  get lost(): number {
    return this.expected - this.received;
  }

  /** The number that is due next in this place. */
  next(state: number): number {
    return this.#next[state]!;
  }

  /** A message went out that `deliveries` subscribers must get. */
  send(deliveries: number): void {
    this.sent++;
    this.expected += deliveries;
  }

  /** The message with this number has come. */
  arrive(set: number, state: number, sequence: number): Arrival {
    if (!(this.#seen[set] ??= new NumberSet()).add(sequence)) {
      this.duplicate++;
      return "duplicate";
    }
    this.received++;
    if (sequence < this.#next[state]!) {
      this.outOfOrder++;
      return "late";
    }
    this.#next[state] = sequence + 1;
    return "in order";
  }
}
