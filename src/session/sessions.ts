import type { Session, SessionOptions } from "./session.ts";

/** The sessions by client identifier, connected or not. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #onEnd: (session: Session) => void;

  /** @param onEnd told of every session that ends, once it is no longer found here */
  constructor(onEnd: (session: Session) => void) {
    this.#onEnd = onEnd;
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
      return { session: old, present: true };
    }
    if (old) this.end(old);
    const session = create();
    this.#sessions.set(options.clientIdentifier, session);
    session.resume(options.expiryIntervalSeconds);
    return { session, present: false };
  }

  /** Takes in a session that was read from a store; there is none of its client yet. */
  restore(session: Session): void {
    this.#sessions.set(session.clientIdentifier, session);
  }

  /** Ends a session: its subscriptions and messages go. */
  end(session: Session): void {
    if (this.#sessions.get(session.clientIdentifier) !== session) return;
    this.#sessions.delete(session.clientIdentifier);
    session.end();
    this.#onEnd(session);
  }

  /** Ends the sessions whose time without a connection is over. */
  expire(nowMs: number): void {
    for (const session of this.#sessions.values()) {
      if (session.isExpired(nowMs)) this.end(session);
    }
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#sessions.values();
  }
}
