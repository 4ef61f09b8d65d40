/**
 * The wills of all clients of the cluster, as the log tells them. Whose node is dead, the lowest live node publishes it: the
 * message and the end of the will are one entry, so that it counts once whoever says it.
 */
import type { StoredWill } from "../store/store.ts";
import type { Life } from "./cluster_state.ts";

interface Orphan {
  readonly stored: StoredWill;
  /** By the time of the log, milliseconds since the epoch. */
  readonly dueAt: number;
  /** This node has said that it is published. */
  isSaid: boolean;
}

/** What a will takes in memory beside its payload. */
const WILL_BYTES = 512;

/** Who leaves what. */
export class WillBook {
  /** By key; those of lives that are not over. */
  readonly #wills = new Map<string, StoredWill>();
  readonly #keysOf = new Map<string, Set<string>>();
  /** By key; those of dead nodes. */
  readonly #orphans = new Map<string, Orphan>();

  /** Wills of dead nodes that wait for their time. */
  get orphans(): number {
    return this.#orphans.size;
  }

  /** Nothing is known any longer. */
  clear(): void {
    this.#wills.clear();
    this.#keysOf.clear();
    this.#orphans.clear();
  }

  /** What they take in memory, roughly. */
  get heldBytes(): number {
    let bytes = 0;
    for (const { will } of this.#wills.values()) bytes += WILL_BYTES + will.payload.length;
    for (const { stored } of this.#orphans.values()) bytes += WILL_BYTES + stored.will.payload.length;
    return bytes;
  }

  /** A client of a live node leaves one. */
  set(life: Life, key: string, stored: StoredWill): void {
    this.#wills.set(key, stored);
    const keys = this.#keysOf.get(lifeKey(life)) ?? new Set();
    this.#keysOf.set(lifeKey(life), keys.add(key));
  }

  /** One that is not spent. */
  get(key: string): StoredWill | undefined {
    return this.#wills.get(key) ?? this.#orphans.get(key)?.stored;
  }

  /** It is spent. @returns whether there was one */
  end(key: string): boolean {
    return this.#wills.delete(key) || this.#orphans.delete(key);
  }

  /** All of them, with the time when those of dead nodes are due. */
  *all(): Generator<{ readonly key: string; readonly stored: StoredWill; readonly dueAt: number | undefined }> {
    for (const [key, stored] of this.#wills) yield { key, stored, dueAt: undefined };
    for (const [key, { stored, dueAt }] of this.#orphans) yield { key, stored, dueAt };
  }

  /** One of a dead node, as a snapshot has it. */
  setOrphan(key: string, stored: StoredWill, dueAt: number): void {
    this.#orphans.set(key, { stored, dueAt, isSaid: false });
  }

  /** A life is over: the delays of those that were connected to the end begin. */
  died(life: Life, atMs: number): void {
    for (const key of this.#keysOf.get(lifeKey(life)) ?? []) {
      const stored = this.#wills.get(key);
      this.#wills.delete(key);
      if (stored === undefined) continue;
      const dueAt = stored.dueAt ?? atMs + stored.will.delayIntervalSeconds * 1000;
      this.#orphans.set(key, { stored, dueAt, isSaid: false });
    }
    this.#keysOf.delete(lifeKey(life));
  }

  /**
   * A client is back: what it left with a dead node, if that is not due yet. One that is due comes, whoever says it; one
   * without a delay always was, whatever this node's clock says.
   */
  *ofClient(clientIdentifier: string, epochMs: number): Generator<string> {
    for (const [key, { stored, dueAt }] of this.#orphans) {
      if (stored.clientIdentifier !== clientIdentifier || stored.will.delayIntervalSeconds === 0) continue;
      if (dueAt > epochMs) yield key;
    }
  }

  /** Those that are due and not said yet; they count as said from now on. */
  takeDue(epochMs: number): [key: string, stored: StoredWill][] {
    const due: [string, StoredWill][] = [];
    for (const [key, orphan] of this.#orphans) {
      if (orphan.isSaid || orphan.dueAt > epochMs) continue;
      orphan.isSaid = true;
      due.push([key, orphan.stored]);
    }
    return due;
  }

  /** What this node has said may not have counted. */
  sayAgain(): void {
    for (const orphan of this.#orphans.values()) orphan.isSaid = false;
  }
}

function lifeKey({ node, incarnation }: Life): string {
  return `${incarnation}/${node}`;
}
