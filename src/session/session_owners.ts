import type { Session } from "./session.ts";

/** Counts sessions by user and by the network that their clients first came from. */
export class SessionOwners {
  /** By user name; `undefined`: all anonymous clients together are one user. */
  readonly #byUser = new Map<string | undefined, number>();
  readonly #byNetwork = new Map<string, number>();

  /** @param username `undefined`: the anonymous clients */
  ofUser(username: string | undefined): number {
    return this.#byUser.get(username) ?? 0;
  }

  /** @param network `undefined`: those of no network address are not counted */
  ofNetwork(network: string | undefined): number {
    return network === undefined ? 0 : this.#byNetwork.get(network) ?? 0;
  }

  add(session: Session): void {
    this.#change(session, 1);
  }

  remove(session: Session): void {
    this.#change(session, -1);
  }

  #change({ username, network }: Session, by: 1 | -1): void {
    count(this.#byUser, username, by);
    if (network !== undefined) count(this.#byNetwork, network, by);
  }
}

function count<K>(counts: Map<K, number>, key: K, by: 1 | -1): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now > 0) counts.set(key, now);
  else counts.delete(key);
}
