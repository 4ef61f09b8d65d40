import type { Origin } from "./failure_delays.ts";

/** A queue whose turns go round by address, and at each address by user; what one user waits for keeps its order. */
export class FairQueue<Item> {
  /** The address, and at it the user, whose turn is next comes first. */
  readonly #addresses = new Map<string, Address<Item>>();
  #size = 0;

  /** Number of items. */
  get size(): number {
    return this.#size;
  }

  /** Whether something of this user at this address waits. */
  has({ address, user }: Origin): boolean {
    return this.#addresses.get(address)?.users.has(user) ?? false;
  }

  /** At most how many items go before one that is added now. */
  ahead({ address, user }: Origin): number {
    const own = this.#addresses.get(address);
    if (own === undefined) return Math.min(this.#size, this.#addresses.size);
    const users = own.users.size + (own.users.has(user) ? 0 : 1);
    const atAddress = Math.min(own.size, users * ((own.users.get(user)?.size ?? 0) + 1));
    return Math.min(this.#size, this.#addresses.size * (atAddress + 1));
  }

  /** Adds an item that is not there yet. */
  add({ address, user }: Origin, item: Item): void {
    const own = getOr(this.#addresses, address, () => ({ users: new Map<string, Set<Item>>(), size: 0 }));
    getOr(own.users, user, () => new Set<Item>()).add(item);
    own.size++;
    this.#size++;
  }

  /** Takes an item out; false: it was not there. */
  delete({ address, user }: Origin, item: Item): boolean {
    const own = this.#addresses.get(address);
    const items = own?.users.get(user);
    if (own === undefined || !items?.delete(item)) return false;
    if (items.size === 0) own.users.delete(user);
    if (--own.size === 0) this.#addresses.delete(address);
    this.#size--;
    return true;
  }

  /** Takes the next item; `undefined`: there is none. */
  take(): Item | undefined {
    for (const [address, own] of this.#addresses) {
      for (const [user, items] of own.users) {
        for (const item of items) {
          this.delete({ address, user }, item);
          toTheEnd(own.users, user);
          toTheEnd(this.#addresses, address);
          return item;
        }
      }
    }
    return undefined;
  }
}

interface Address<Item> {
  readonly users: Map<string, Set<Item>>;
  /** Items of all users. */
  size: number;
}

function getOr<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}

function toTheEnd<Value>(map: Map<string, Value>, key: string): void {
  const value = map.get(key);
  if (value === undefined) return;
  map.delete(key);
  map.set(key, value);
}
