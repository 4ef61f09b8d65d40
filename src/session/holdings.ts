import type { Session } from "./session.ts";

/** What sessions hold, in figures. */
export interface Held {
  /** Bytes in memory. */
  readonly bytes: number;
  /** Messages that wait. */
  readonly queued: number;
  /** QoS 2 messages from clients that are not released yet. */
  readonly inflightInbound: number;
  /** QoS 1 and 2 messages to clients that are not acknowledged yet. */
  readonly inflightOutbound: number;
}

/** Sessions that are looked at anew at each look, whether they are said to have changed or not. */
const ROTATION = 1000;

/**
 * What the sessions without a client hold together, without looking at all of them: most hold nothing and stay as they
 * are. Whoever changes one says so; what changes by itself, as when the store has been read, is found by and by.
 */
export class Holdings {
  /** Those that hold something, with what is in the totals of them. */
  readonly #known = new Map<Session, Held>();
  readonly #changed = new Set<Session>();
  readonly #counts: (session: Session) => boolean;
  /** Where the next look goes on: a Map's iterator follows the changes of its Map. */
  #rotation = this.#known.keys();
  #bytes = 0;
  #queued = 0;
  #inflightInbound = 0;
  #inflightOutbound = 0;

  /** @param counts whether a session is there and has no client */
  constructor(counts: (session: Session) => boolean) {
    this.#counts = counts;
  }

  /** The session holds something else than before, has got a client or lost it, or is over. */
  changed(session: Session): void {
    this.#changed.add(session);
  }

  /** All together, as of now. */
  total(): Held {
    this.#lookAtChanged();
    for (let left = Math.min(ROTATION, this.#known.size); left > 0; left--) {
      const session = this.#next();
      if (session) this.#look(session);
    }
    return {
      bytes: this.#bytes,
      queued: this.#queued,
      inflightInbound: this.#inflightInbound,
      inflightOutbound: this.#inflightOutbound,
    };
  }

  /** Those that hold something. */
  [Symbol.iterator](): IterableIterator<Session> {
    this.#lookAtChanged();
    return this.#known.keys();
  }

  #lookAtChanged(): void {
    for (const session of this.#changed) this.#look(session);
    this.#changed.clear();
  }

  #next(): Session | undefined {
    const { value } = this.#rotation.next();
    if (value) return value;
    this.#rotation = this.#known.keys();
    return this.#rotation.next().value;
  }

  #look(session: Session): void {
    const before = this.#known.get(session);
    if (before) this.#add(before, -1);
    const held = this.#counts(session) ? heldBy(session) : undefined;
    if (held && isSomething(held)) {
      this.#known.set(session, held);
      this.#add(held, 1);
    } else if (before) this.#known.delete(session);
  }

  #add(held: Held, sign: 1 | -1): void {
    this.#bytes += sign * held.bytes;
    this.#queued += sign * held.queued;
    this.#inflightInbound += sign * held.inflightInbound;
    this.#inflightOutbound += sign * held.inflightOutbound;
  }
}

/** What a session holds now. */
export function heldBy({ sender, receiver, heldBytes }: Session): Held {
  return {
    bytes: heldBytes,
    queued: sender.queued,
    inflightInbound: receiver.inflight,
    inflightOutbound: sender.inflight,
  };
}

/** Whether a session holds anything now. */
export function holdsSomething(session: Session): boolean {
  return isSomething(heldBy(session));
}

function isSomething({ bytes, queued, inflightInbound, inflightOutbound }: Held): boolean {
  return bytes > 0 || queued > 0 || inflightInbound > 0 || inflightOutbound > 0;
}
