/** Before anything is entered; the arrays of all empty maps, never written to. */
const NO_NUMBERS: number[] = [0, 0];
const NO_VALUES: undefined[] = [undefined, undefined];
const FEWEST_SLOTS = 8;
/** Room that stays for what comes next when a map has become empty. */
const KEPT_SLOTS = 256;
/** 2³² divided by the golden ratio: consecutive packet identifiers come far from one another. */
const SCATTER = 0x9e3779b1;

/**
 * What is known by packet identifier, 1 to 65,535, and which was entered first. A hash table with open addressing in flat
 * arrays: an entry that comes and goes allocates nothing, and neither does a map that nothing has been entered in.
 */
export class IdentifierMap<Value> {
  /** The packet identifier of each slot; 0: the slot is free. More than half of them are. */
  #identifiers = NO_NUMBERS;
  #values: (Value | undefined)[] = NO_VALUES;
  /** Of two entries the older one has the lower turn. */
  #turns = NO_NUMBERS;
  #lastTurn = 0;
  /** The highest bits of a scattered identifier are its slot's number. */
  #shift = 31;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(packetIdentifier: number): boolean {
    return this.#identifiers[this.#slotOf(packetIdentifier)] === packetIdentifier;
  }

  /** `undefined`: there is no such entry. */
  get(packetIdentifier: number): Value | undefined {
    return this.#values[this.#slotOf(packetIdentifier)];
  }

  /** Enters a value as the newest, or puts it in the place of the one that is there. */
  set(packetIdentifier: number, value: Value): void {
    if ((this.#size + 1) * 2 >= this.#identifiers.length) this.#grow();
    const slot = this.#slotOf(packetIdentifier);
    if (this.#identifiers[slot] === 0) {
      this.#size++;
      this.#identifiers[slot] = packetIdentifier;
      this.#turns[slot] = ++this.#lastTurn;
    }
    this.#values[slot] = value;
  }

  /** Takes an entry out. False: there was none. */
  delete(packetIdentifier: number): boolean {
    const slot = this.#slotOf(packetIdentifier);
    if (this.#identifiers[slot] === 0) return false;
    this.#free(slot);
    if (--this.#size === 0) this.#emptied();
    return true;
  }

  /** Calls `visit` with each value in no order; it must change nothing here. */
  forEach(visit: (value: Value) => void): void {
    for (let slot = 0; slot < this.#identifiers.length; slot++) {
      if (this.#identifiers[slot] !== 0) visit(this.#values[slot] as Value);
    }
  }

  /** The packet identifiers of all entries, oldest first. */
  identifiers(): number[] {
    const slots: number[] = [];
    for (const [slot, packetIdentifier] of this.#identifiers.entries()) if (packetIdentifier !== 0) slots.push(slot);
    slots.sort((one, other) => this.#turns[one]! - this.#turns[other]!);
    return slots.map((slot) => this.#identifiers[slot]!);
  }

  /** Takes everything out, and gives the memory back. */
  clear(): void {
    this.#identifiers = this.#turns = NO_NUMBERS;
    this.#values = NO_VALUES;
    this.#shift = 31;
    this.#size = this.#lastTurn = 0;
  }

  /** Where an entry is, or else the free slot that it would take. */
  #slotOf(packetIdentifier: number): number {
    const identifiers = this.#identifiers;
    const mask = identifiers.length - 1;
    let slot = this.#home(packetIdentifier);
    while (identifiers[slot] !== packetIdentifier && identifiers[slot] !== 0) slot = slot + 1 & mask;
    return slot;
  }

  #home(packetIdentifier: number): number {
    return Math.imul(packetIdentifier, SCATTER) >>> this.#shift;
  }

  #free(slot: number): void {
    const identifiers = this.#identifiers;
    const free = identifiers[slot + 1 & identifiers.length - 1] === 0 ? slot : this.#closeUp(slot);
    identifiers[free] = 0;
    this.#values[free] = undefined;
  }

  /**
   * No entry may be cut off from its home by a free slot: those behind come nearer, if that is not past their home.
   *
   * @returns the slot that is to be free instead
   */
  #closeUp(slot: number): number {
    const identifiers = this.#identifiers;
    const mask = identifiers.length - 1;
    let free = slot;
    for (let next = free + 1 & mask; identifiers[next] !== 0; next = next + 1 & mask) {
      const wayFromHome = next - this.#home(identifiers[next]!) & mask;
      if (wayFromHome < (next - free & mask)) continue;
      identifiers[free] = identifiers[next]!;
      this.#values[free] = this.#values[next];
      this.#turns[free] = this.#turns[next]!;
      free = next;
    }
    return free;
  }

  #emptied(): void {
    this.#lastTurn = 0;
    if (this.#identifiers.length > KEPT_SLOTS) this.clear();
  }

  #grow(): void {
    const [identifiers, values, turns] = [this.#identifiers, this.#values, this.#turns];
    const slots = Math.max(FEWEST_SLOTS, identifiers.length * 2);
    this.#shift = Math.clz32(slots) + 1;
    this.#identifiers = new Array<number>(slots).fill(0);
    this.#values = new Array<Value | undefined>(slots).fill(undefined);
    this.#turns = new Array<number>(slots).fill(0);
    for (const [slot, packetIdentifier] of identifiers.entries()) {
      if (packetIdentifier === 0) continue;
      const place = this.#slotOf(packetIdentifier);
      this.#identifiers[place] = packetIdentifier;
      this.#values[place] = values[slot];
      this.#turns[place] = turns[slot]!;
    }
  }
}
