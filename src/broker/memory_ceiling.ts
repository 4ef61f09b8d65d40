import type { Logger } from "../logger.ts";
import { formatBytes } from "../config/units.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Connection } from "./connection.ts";

/** What a {@linkcode MemoryCeiling} works with. */
export interface MemoryCeilingParts {
  /** `max-total-bytes` */
  readonly maximumBytes: number;
  readonly sessions: Pick<Sessions, "heldOffline" | "holdersOffline" | "changed">;
  readonly owners: ReadonlyMap<Session, Connection>;
  readonly logger: Logger;
}

/** Above this part of the ceiling publishers are read less. */
const NEAR = 0.9;

/** Whoever holds messages in memory. */
interface Holder {
  readonly session: Session;
  readonly bytes: number;
}

/**
 * Keeps the bytes of all messages in memory, and of all that waits for sockets, under a ceiling. Above it the largest
 * holders go first: what a store has is let out of memory, slow clients are disconnected, and only what nobody but memory
 * has is given up, oldest first.
 */
export class MemoryCeiling {
  readonly #parts: MemoryCeilingParts;
  #near = false;
  /** The last look found too much, which is worth one line for as long as it lasts. */
  #exceeded = false;
  #waiting: (() => void)[] = [];

  constructor(parts: MemoryCeilingParts) {
    this.#parts = parts;
  }

  /** Publishers should be read less. */
  get near(): boolean {
    return this.#near;
  }

  /** Resolves at the next look at the memory. */
  nextLook(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Called by the broker's coarse timer. */
  look(): void {
    const { maximumBytes, logger } = this.#parts;
    let total = this.#total();
    const exceeded = total > maximumBytes;
    if (exceeded && !this.#exceeded) {
      logger.warn(`messages in memory take ${formatBytes(total)} (max-total-bytes is ${formatBytes(maximumBytes)})`);
    }
    this.#exceeded = exceeded;
    if (exceeded) total = this.#relieve(total);
    this.#near = total > maximumBytes * NEAR;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #total(): number {
    const { sessions, owners } = this.#parts;
    let total = sessions.heldOffline().bytes;
    // A large body is one, however many clients it waits for.
    const known = new Set<ArrayBufferLike>();
    for (const [session, connection] of owners) {
      total += session.sender.memoryBytes + connection.waitingBytes - connection.sharedBytes(known);
    }
    return total;
  }

  #relieve(total: number): number {
    const enough = this.#parts.maximumBytes * NEAR;
    for (const step of [this.#spill, this.#disconnect, this.#shed]) {
      if (total <= enough) return total;
      for (const holder of this.#holders()) {
        if (total <= enough) return total;
        step.call(this, holder, total - enough);
        this.#parts.sessions.changed(holder.session);
        // What others were given of it the next look will find.
        total += this.#bytesOf(holder.session) - holder.bytes;
      }
    }
    return total;
  }

  /** The largest first; as many as can matter. There may be a million to choose from. */
  #holders(): Holder[] {
    const { sessions, owners } = this.#parts;
    let largest: Holder[] = [];
    let least = 0;
    for (const some of [owners.keys(), sessions.holdersOffline()]) {
      for (const session of some) {
        const bytes = this.#bytesOf(session);
        if (bytes <= least || largest.push({ session, bytes }) < 2 * MAXIMUM_HOLDERS) continue;
        largest = largestOf(largest);
        least = largest.at(-1)!.bytes;
      }
    }
    return largestOf(largest);
  }

  #bytesOf(session: Session): number {
    return session.sender.memoryBytes + (this.#parts.owners.get(session)?.waitingBytes ?? 0);
  }

  #spill({ session }: Holder): void {
    session.sender.spill();
  }

  #disconnect({ session }: Holder): void {
    const connection = this.#parts.owners.get(session);
    const reason = "the broker's memory is full, and this client has the most messages waiting (max-total-bytes)";
    connection?.close({ reasonCode: ReasonCode.QuotaExceeded, reason });
    connection?.cut();
  }

  #shed({ session }: Holder, bytes: number): void {
    session.sender.shed(bytes);
  }
}

/** Holders that are looked at in one step; the next look finds the others. */
const MAXIMUM_HOLDERS = 100;

function largestOf(holders: Holder[]): Holder[] {
  return holders.sort((a, b) => b.bytes - a.bytes).slice(0, MAXIMUM_HOLDERS);
}
