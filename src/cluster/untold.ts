/**
 * What owners of shards do not know yet of the client identifiers that a node has. All that it has may have to be told, when
 * a node comes or goes, so that others have their turn meanwhile.
 */
import type { Chores, WorkSteps } from "../work_budget.ts";
import { decodeAnswer } from "./claim_questions.ts";
import type { Link } from "./link.ts";
import { shardOf, type Tenure } from "./shards.ts";

/** So many identifiers are told at once. */
const TOLD_AT_ONCE = 1000;

/** What {@linkcode Untold} works with. */
export interface UntoldParts {
  readonly node: string;
  /** This node's identifiers: since when it has them. */
  readonly own: ReadonlyMap<string, number>;
  /** Who decides about a shard; `undefined`: nobody. */
  tenure(shard: number): Tenure | undefined;
  link(node: string): Pick<Link, "connected" | "ask"> | undefined;
  /** This node decides about the identifier in that epoch, and is told that it has it. */
  heard(clientIdentifier: string, sinceMs: number, epoch: number): void;
  /** The question that tells another node that this one has these. */
  question(clientIdentifiers: readonly string[]): Uint8Array;
  /** Calls `run` at the end of the turn. */
  soon(run: () => void): void;
  /** Does what takes its time, while others have their turn. */
  readonly chores: Pick<Chores, "add">;
  /** Told what that takes. */
  readonly work: WorkSteps;
}

/** The identifiers whose owner does not know that this node has them. */
export class Untold {
  readonly #parts: UntoldParts;
  readonly #identifiers = new Set<string>();
  /** Shards that have another owner, of which nobody was told yet. */
  readonly #changed = new Set<number>();
  #isTelling = false;

  constructor(parts: UntoldParts) {
    this.#parts = parts;
  }

  has(clientIdentifier: string): boolean {
    return this.#identifiers.has(clientIdentifier);
  }

  add(clientIdentifier: string): void {
    this.#identifiers.add(clientIdentifier);
  }

  delete(clientIdentifier: string): void {
    this.#identifiers.delete(clientIdentifier);
  }

  clear(): void {
    this.#identifiers.clear();
  }

  /** Who decides about a shard now is to be told all that this node has of it. */
  ownerChanged(shard: number): void {
    this.#changed.add(shard);
    // Many change at a time.
    if (this.#changed.size === 1) this.#parts.soon(() => this.#parts.chores.add(this.#tellNewOwners()));
  }

  /** Tells owners what they do not know yet. Called regularly. */
  tick(): void {
    if (this.#identifiers.size === 0 || this.#isTelling) return;
    this.#isTelling = true;
    this.#parts.chores.add(this.#tellAll());
  }

  *#tellNewOwners(): Generator<void, void> {
    const changed = new Set(this.#changed);
    this.#changed.clear();
    for (const clientIdentifier of this.#parts.own.keys()) {
      if (changed.has(shardOf(clientIdentifier))) this.#identifiers.add(clientIdentifier);
      this.#parts.work.steps++;
      yield;
    }
    yield* this.#tellAll();
  }

  *#tellAll(): Generator<void, void> {
    this.#isTelling = true;
    const waiting = new Map<string, string[]>();
    // Those that an owner does not take meanwhile have their turn later.
    for (const clientIdentifier of [...this.#identifiers]) {
      const owner = this.#ownerOf(clientIdentifier);
      if (owner !== undefined && this.#isReached(owner)) {
        const some = waiting.get(owner) ?? [];
        waiting.set(owner, some);
        if (some.push(clientIdentifier) === TOLD_AT_ONCE) this.#tell(owner, some.splice(0));
      }
      this.#parts.work.steps++;
      yield;
    }
    for (const [owner, some] of waiting) {
      this.#tell(owner, some);
      yield;
    }
    this.#isTelling = false;
  }

  #ownerOf(clientIdentifier: string): string | undefined {
    return this.#parts.tenure(shardOf(clientIdentifier))?.owner.node;
  }

  #isReached(owner: string): boolean {
    return owner === this.#parts.node || this.#parts.link(owner)?.connected === true;
  }

  /** Tells what is still to be told, and to that owner. */
  #tell(owner: string, some: readonly string[]): void {
    const { own, tenure, heard, question } = this.#parts;
    if (!this.#isReached(owner)) return;
    const told = some.filter((one) => this.#identifiers.has(one) && this.#ownerOf(one) === owner);
    if (told.length === 0) return;
    for (const one of told) this.#identifiers.delete(one);
    if (owner === this.#parts.node) {
      for (const one of told) heard(one, own.get(one) ?? 0, tenure(shardOf(one))!.epoch);
      return;
    }
    void this.#parts.link(owner)!.ask(question(told)).then((answer) => {
      // A node that is dead by now has an heir, who is told.
      const results = decodeAnswer(answer, told.length)?.results;
      for (const [i, one] of told.entries()) if (results?.[i] === 0 && own.has(one)) this.#identifiers.add(one);
    });
  }
}
