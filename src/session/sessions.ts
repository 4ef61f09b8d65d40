import { Deadlines } from "./deadlines.ts";
import type { StoredHandOver } from "./stored_hand_over.ts";
import { type Held, Holdings, holdsSomething } from "./holdings.ts";
import type { Session, SessionOptions } from "./session.ts";
import { SessionOwners } from "./session_owners.ts";

/** The sessions by client identifier, connected or not. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  #baseBytes = 0;
  /** How many sessions each user and each network has. */
  readonly owners = new SessionOwners();
  readonly #onEnd: (session: Session, handOver: StoredHandOver | undefined) => void;
  /** Those whose client has gone. */
  readonly #endings = new Deadlines<Session>((session, atMs) => this.#has(session) && session.endsAtMs === atMs);
  readonly #offline = new Holdings((session) => this.#has(session) && !session.connected);

  /** @param onEnd told of every session that ends, once it is no longer found here, and of what is left of it for others */
  constructor(onEnd: (session: Session, handOver: StoredHandOver | undefined) => void) {
    this.#onEnd = onEnd;
  }

  /** What all sessions take in memory for being there. */
  get baseBytes(): number {
    return this.#baseBytes;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(clientIdentifier: string): Session | undefined {
    return this.#sessions.get(clientIdentifier);
  }

  /**
   * Resumes the client's session, or makes a new one in place of an old one. Whoever uses the old session must have
   * been cut off before.
   *
   * @param create makes the new one, if there has to be one
   * @returns the session, and whether it was there before (Session Present, MQTT 3.1.1 §3.2.2.2)
   */
  open(
    options: Pick<SessionOptions, "clientIdentifier" | "expiryIntervalSeconds">,
    cleanStart: boolean,
    create: () => Session,
  ): { session: Session; present: boolean } {
    const old = this.#sessions.get(options.clientIdentifier);
    if (old && !cleanStart) {
      old.resume(options.expiryIntervalSeconds);
      this.#offline.changed(old);
      return { session: old, present: true };
    }
    if (old) this.end(old);
    const session = create();
    this.#enter(session);
    session.resume(options.expiryIntervalSeconds);
    return { session, present: false };
  }

  /** Takes in a session that was read from a store; there is none of its client yet. */
  restore(session: Session): void {
    this.#enter(session);
    if (holdsSomething(session)) this.#offline.changed(session);
    this.#expectEnd(session);
  }

  /** A session's client has gone. */
  detach(session: Session, nowMs: number): void {
    session.detach(nowMs);
    this.#offline.changed(session);
    this.#expectEnd(session);
  }

  /** Ends a session: its subscriptions and messages go. */
  end(session: Session): void {
    if (!this.#has(session)) return;
    this.#sessions.delete(session.clientIdentifier);
    this.#baseBytes -= session.baseBytes;
    this.owners.remove(session);
    this.#offline.changed(session);
    const handOver = session.end();
    this.#onEnd(session, handOver);
  }

  /** Ends sessions whose time without a connection is over, in one go. */
  expire(nowMs: number): void {
    for (const _ of this.expiring(nowMs));
  }

  /**
   * Ends sessions whose time without a connection is over, and can be broken off after each. Meant to be begun regularly;
   * {@linkcode Sessions.expireOne} is for whoever needs to know.
   */
  *expiring(nowMs: number): Generator<void, void> {
    for (let session = this.#endings.take(nowMs); session; session = this.#endings.take(nowMs)) {
      this.end(session);
      yield;
    }
  }

  /** Ends the client's session if its time without a connection is over. */
  expireOne(clientIdentifier: string, nowMs: number): void {
    const session = this.#sessions.get(clientIdentifier);
    if (session?.isExpired(nowMs)) this.end(session);
  }

  /** What a session without a client holds has changed. */
  changed(session: Session): void {
    this.#offline.changed(session);
  }

  /** What the sessions without a client hold together. */
  heldOffline(): Held {
    return this.#offline.total();
  }

  /** The sessions without a client that hold anything. */
  holdersOffline(): Iterable<Session> {
    return this.#offline;
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#sessions.values();
  }

  #enter(session: Session): void {
    this.#sessions.set(session.clientIdentifier, session);
    this.#baseBytes += session.baseBytes;
    this.owners.add(session);
  }

  #has(session: Session): boolean {
    return this.#sessions.get(session.clientIdentifier) === session;
  }

  #expectEnd(session: Session): void {
    const { endsAtMs } = session;
    if (endsAtMs < Infinity) this.#endings.add(session, endsAtMs);
  }
}
