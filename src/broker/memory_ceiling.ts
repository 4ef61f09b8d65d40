import type { Logger } from "../logger.ts";
import { formatBytes } from "../config/units.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { quote } from "../quote.ts";
import type { Refusals } from "../routing/refusals.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { ClientConnection } from "../connection/connection_context.ts";
import type { ProcessMemory } from "../runtime/environment.ts";

/** What a {@linkcode MemoryCeiling} works with. */
export interface MemoryCeilingParts {
  /** `max-total-bytes` */
  readonly maximumBytes: number;
  readonly sessions: Pick<Sessions, "heldOffline" | "holdersOffline" | "changed" | "baseBytes" | "end">;
  /** Every connection, signed in or not. */
  readonly connections: ReadonlySet<ClientConnection>;
  readonly connectionBySession: ReadonlyMap<Session, ClientConnection>;
  readonly logger: Logger;
  readonly refusals: Pick<Refusals, "mention">;
  /** Bytes that belong to no session and no connection. @default there are none */
  readonly others?: () => number;
  /** Bytes of what is being taken apart: they are not free yet, and nobody else has to go for them. @default there are none */
  readonly leaving?: () => number;
  /** The process, if the broker is all of it. @default it is not looked at */
  readonly process?: ProcessMemory;
}

/** Above this part of the ceiling publishers are read less. */
const NEAR = 0.9;
/** A session whose subscriptions take more than this part of the ceiling goes before the messages of others do. */
const GREEDY = 1 / 16;
/** What a connection holds that does nothing out of the ordinary: its read buffer; and one that signs in. */
const ORDINARY_BYTES = 72 * 1024;
const ORDINARY_SIGN_IN_BYTES = 8 * 1024;
/** Holders that are looked at in one step; the next look finds the others. */
const MAXIMUM_HOLDERS = 100;
/** So many bytes that clients have sent are worth a look, however near the ceiling is. */
const LEAST_UNSEEN_BYTES = 256 * 1024;
/** The same for each connection that has to be looked at. */
const UNSEEN_BYTES_PER_CONNECTION = 256;

/** After so much of the ceiling in bytes that clients have sent the process is looked at, which costs little. */
const GLANCE = 1 / 128;

/** Whoever makes the broker hold something: a client, its session, or both. */
interface Holder {
  readonly session: Session | undefined;
  readonly connection: ClientConnection | undefined;
  readonly bytes: number;
}

/** One way to get room: what it could free of a holder, and how. */
interface Step {
  bytesOf(session: Session | undefined, connection: ClientConnection | undefined): number;
  relieve(holder: Holder, bytes: number): void;
}

/**
 * Keeps the bytes of all that clients make the broker hold under a ceiling: sessions with their messages and
 * subscriptions, and connections with what is read, waits to be handled and waits for the socket. Each tells its own bytes;
 * here they are added. Above the ceiling the largest holders go first: what a store has is let out of memory, slow clients
 * are disconnected, and only what nobody but memory has is given up, oldest first; whole sessions come last.
 */
export class MemoryCeiling {
  readonly #parts: MemoryCeilingParts;
  #near = false;
  /** The last look found too much, which is worth one line for as long as it lasts. */
  #exceeded = false;
  #waiting: (() => void)[] = [];
  /** As of the last look, and with what was let in since. */
  #totalBytes = 0;
  /** Bytes that clients have sent since the last look, and how many make the next one. */
  #unseenBytes = 0;
  #mostUnseenBytes = LEAST_UNSEEN_BYTES;
  #nextGlanceBytes = LEAST_UNSEEN_BYTES;

  constructor(parts: MemoryCeilingParts) {
    this.#parts = parts;
  }

  /** Publishers should be read less. */
  get near(): boolean {
    return this.#near;
  }

  /** What clients make the broker hold, as of the last look. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Resolves at the next look at the memory. */
  nextLook(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets something in that lasts, if there is room for so many bytes; false: there is none. */
  admit(bytes: number): boolean {
    if (this.#totalBytes + bytes > this.#parts.maximumBytes) return false;
    this.#totalBytes += bytes;
    return true;
  }

  /** A client has sent so many bytes: it cannot send much more before the next look. */
  received(bytes: number): void {
    this.#unseenBytes += bytes;
    if (this.#unseenBytes < this.#nextGlanceBytes) return;
    if (this.#unseenBytes >= this.#mostUnseenBytes) return this.#measure();
    // What was sent may be garbage by now, which is not among what is held.
    if (this.#processIsBeyond()) this.#near = true;
    this.#nextGlanceBytes = this.#unseenBytes + this.#parts.maximumBytes * GLANCE;
  }

  /** Called by the broker's coarse timer. */
  look(): void {
    this.#measure();
    if (!this.#near) this.#exceeded = false;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #measure(): void {
    const { maximumBytes, logger, connections } = this.#parts;
    let total = this.#total();
    const exceeded = total > maximumBytes;
    if (exceeded && !this.#exceeded) {
      const took = formatBytes(total);
      logger.warn(`what clients make the broker hold takes ${took} (max-total-bytes is ${formatBytes(maximumBytes)})`);
    }
    if (exceeded) this.#exceeded = true;
    if (exceeded) total = this.#relieve(total);
    this.#totalBytes = total + (this.#parts.leaving?.() ?? 0);
    this.#near = this.#processIsBeyond() || this.#totalBytes > maximumBytes * NEAR;
    this.#unseenBytes = 0;
    const least = Math.max(LEAST_UNSEEN_BYTES, connections.size * UNSEEN_BYTES_PER_CONNECTION);
    this.#mostUnseenBytes = Math.max(least, (maximumBytes - total) / 8);
    this.#nextGlanceBytes = Math.min(this.#mostUnseenBytes, maximumBytes * GLANCE);
  }

  #processIsBeyond(): boolean {
    return this.#parts.process?.look(this.#totalBytes, () => this.#repack()) ?? false;
  }

  /** Small messages share memory, which those that last hold for the others. */
  #repack(): void {
    for (const session of this.#parts.connectionBySession.keys()) session.sender.repack();
    for (const session of this.#parts.sessions.holdersOffline()) session.sender.repack();
  }

  #total(): number {
    const { sessions, connections, connectionBySession, others } = this.#parts;
    let total = sessions.heldOffline().bytes + sessions.baseBytes + (others?.() ?? 0);
    for (const session of connectionBySession.keys()) total += session.heldBytes;
    // A large body is one, however many clients it waits for.
    const known = new Set<ArrayBufferLike>();
    for (const connection of connections) total += connection.heldBytes - connection.sharedBytes(known);
    return total;
  }

  #relieve(total: number): number {
    const enough = this.#parts.maximumBytes * NEAR;
    for (const step of this.#steps) {
      if (total <= enough) return total;
      for (const holder of this.#holders(step)) {
        if (total <= enough) return total;
        const { session, connection } = holder;
        const before = this.#bytesOf(session, connection);
        step.relieve(holder, total - enough);
        if (session) this.#parts.sessions.changed(session);
        // What others were given of it the next look will find.
        total += this.#bytesOf(session, connection) - before;
      }
    }
    return total;
  }

  /** The largest first; as many as can matter. There may be a million to choose from. */
  #holders(step: Step): Holder[] {
    const { sessions, connections, connectionBySession } = this.#parts;
    let largest: Holder[] = [];
    let least = 0;
    const consider = (session: Session | undefined, connection: ClientConnection | undefined) => {
      const bytes = step.bytesOf(session, connection);
      if (bytes <= least || largest.push({ session, connection, bytes }) < 2 * MAXIMUM_HOLDERS) return;
      largest = largestOf(largest);
      least = largest.at(-1)!.bytes;
    };
    for (const [session, connection] of connectionBySession) consider(session, connection);
    for (const session of sessions.holdersOffline()) consider(session, undefined);
    for (const connection of connections) if (!connection.open) consider(undefined, connection);
    return largestOf(largest);
  }

  #bytesOf(session: Session | undefined, connection: ClientConnection | undefined): number {
    const ofSession = session && !session.ended ? session.heldBytes : 0;
    return ofSession + (connection && !connection.closed ? connection.heldBytes : 0);
  }

  /** In the order in which they are taken. */
  get #steps(): readonly Step[] {
    return [this.#spill, this.#endGreedy, this.#disconnect, this.#shed, this.#disconnectAny, this.#end];
  }

  readonly #spill: Step = {
    bytesOf: (session) => session?.sender.memoryBytes ?? 0,
    relieve: ({ session }) => session?.sender.spill(),
  };

  readonly #endGreedy: Step = {
    bytesOf: (session) => {
      const bytes = session?.subscriptionBytes ?? 0;
      return bytes > this.#parts.maximumBytes * GREEDY ? bytes : 0;
    },
    relieve: (holder) => this.#endSession(holder),
  };

  readonly #disconnect: Step = {
    bytesOf: (session, connection) => {
      if (!connection) return 0;
      return connection.heldBytes + (session ? session.sender.memoryBytes - ORDINARY_BYTES : -ORDINARY_SIGN_IN_BYTES);
    },
    relieve: ({ connection }) => cut(connection),
  };

  readonly #disconnectAny: Step = {
    bytesOf: (_, connection) => connection?.heldBytes ?? 0,
    relieve: ({ connection }) => cut(connection),
  };

  readonly #shed: Step = {
    bytesOf: (session) => session?.sender.memoryBytes ?? 0,
    relieve: ({ session }, bytes) => session?.sender.shed(bytes),
  };

  readonly #end: Step = {
    bytesOf: (session) => session?.heldBytes ?? 0,
    relieve: (holder) => this.#endSession(holder),
  };

  #endSession({ session, connection }: Holder): void {
    if (!session) return;
    const { refusals, sessions } = this.#parts;
    const held = formatBytes(session.heldBytes);
    refusals.mention("session-ended", { hostname: session.network }, () => {
      return `client ${quote(session.clientIdentifier)}: it holds ${held} (max-total-bytes)`;
    });
    cut(connection);
    sessions.end(session);
  }
}

function cut(connection: ClientConnection | undefined): void {
  const reason = "the broker's memory is full, and this client makes it hold the most (max-total-bytes)";
  connection?.close({ reasonCode: ReasonCode.QuotaExceeded, reason });
  connection?.cut();
}

function largestOf(holders: Holder[]): Holder[] {
  return holders.sort((a, b) => b.bytes - a.bytes).slice(0, MAXIMUM_HOLDERS);
}
