/** Which node has which client identifier, as the owner of their shards knows it; it decides one claim after the other. */
import { encodeQuestion, QuestionType } from "./claim_questions.ts";
import type { Life } from "./cluster_state.ts";
import type { Link } from "./link.ts";
import { shardOf, SHARDS } from "./shards.ts";

/** Who has an identifier. */
export interface Holding {
  readonly node: string;
  /** When it was claimed, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** What {@linkcode Holders} work with. */
export interface HoldersParts {
  readonly node: string;
  link(node: string): Pick<Link, "connected" | "ask"> | undefined;
  /** Milliseconds since the epoch. */
  epoch(): number;
  /** Whether this node decides about a shard in that epoch. */
  decides(shard: number, epoch: number): boolean;
  /** Another node has an identifier since then, that this one had. */
  kickHere(clientIdentifier: string, sinceMs: number): void;
  /** Waits for an answer, but not for ever. */
  patiently<Answer>(answer: Promise<Answer>): Promise<Answer | undefined>;
}

/** Who has what. */
export class Holders {
  readonly #parts: HoldersParts;
  /** By shard and client identifier. */
  readonly #holders = Array.from({ length: SHARDS }, () => new Map<string, Holding>());
  /** Claims of one identifier are decided one after the other: what was said of it last. */
  readonly #deciding = new Map<string, Promise<unknown>>();
  #lastMs = 0;
  /** By node, which life of it was known last. */
  #lives: ReadonlyMap<string, number> = new Map();

  constructor(parts: HoldersParts) {
    this.#parts = parts;
  }

  /** How many identifiers somebody has. */
  get size(): number {
    return this.#holders.reduce((sum, { size }) => sum + size, 0);
  }

  /** Another node decides about a shard now. */
  forgetShard(shard: number): void {
    this.#holders[shard]!.clear();
  }

  /** What lives had that are over is free, whether or not their nodes have begun others since. */
  forgetDead(live: readonly Life[]): void {
    const before = this.#lives;
    const lives = new Map(live.map(({ node, incarnation }) => [node, incarnation]));
    this.#lives = lives;
    // Who comes makes nobody look at all that others have.
    if ([...before].every(([node, incarnation]) => lives.get(node) === incarnation)) return;
    const isOver = (node: string) => !lives.has(node) || (before.has(node) && before.get(node) !== lives.get(node));
    for (const holders of this.#holders) {
      for (const [clientIdentifier, { node }] of holders) if (isOver(node)) holders.delete(clientIdentifier);
    }
  }

  /** Nobody has anything. */
  clear(): void {
    for (const holders of this.#holders) holders.clear();
  }

  /**
   * Gives an identifier to a node, once the one that had it has closed it.
   *
   * @returns since when it is that node's; 0: this node does not decide about it, or no longer
   */
  decide(clientIdentifier: string, node: string, epoch: number): Promise<number> {
    return this.#queue(clientIdentifier, () => this.#decideNow(clientIdentifier, node, epoch));
  }

  async #decideNow(clientIdentifier: string, node: string, epoch: number): Promise<number> {
    const shard = shardOf(clientIdentifier);
    if (!this.#parts.decides(shard, epoch)) return 0;
    const holders = this.#holders[shard]!;
    const holder = holders.get(clientIdentifier);
    // No two are of one time, so that it is known which was the later.
    const sinceMs = Math.max(this.#lastMs + 1, (holder?.sinceMs ?? 0) + 1, Math.floor(this.#parts.epoch()));
    this.#lastMs = sinceMs;
    holders.set(clientIdentifier, { node, sinceMs });
    if (holder !== undefined && holder.node !== node) await this.#takeFrom(holder.node, clientIdentifier, sinceMs);
    return this.#parts.decides(shard, epoch) ? sinceMs : 0;
  }

  /** A node says in an epoch in which this one decides that it has an identifier. */
  heard(clientIdentifier: string, holding: Holding, epoch: number): void {
    this.#inTurn(clientIdentifier, () => {
      // Else it is told to another by now.
      if (this.#parts.decides(shardOf(clientIdentifier), epoch)) this.#compare(clientIdentifier, holding);
    });
  }

  /** A node has an identifier no longer. */
  release(clientIdentifier: string, node: string): void {
    this.#inTurn(clientIdentifier, () => {
      const holders = this.#holders[shardOf(clientIdentifier)]!;
      if (holders.get(clientIdentifier)?.node === node) holders.delete(clientIdentifier);
    });
  }

  /** Behind what was said of the identifier before, since a claim takes its time. */
  #inTurn(clientIdentifier: string, run: () => void): void {
    if (this.#deciding.has(clientIdentifier)) void this.#queue(clientIdentifier, run);
    else run();
  }

  #queue<Result>(clientIdentifier: string, run: () => Result | Promise<Result>): Promise<Result> {
    const before = this.#deciding.get(clientIdentifier) ?? Promise.resolve();
    const over = before.then(run).finally(() => {
      if (this.#deciding.get(clientIdentifier) === over) this.#deciding.delete(clientIdentifier);
    });
    this.#deciding.set(clientIdentifier, over);
    return over;
  }

  /** Where two have it the older one closes it. */
  #compare(clientIdentifier: string, holding: Holding): void {
    const holders = this.#holders[shardOf(clientIdentifier)]!;
    const known = holders.get(clientIdentifier);
    if (known === undefined || known.node === holding.node) {
      // It may have claimed it anew since.
      if (known === undefined || known.sinceMs < holding.sinceMs) holders.set(clientIdentifier, holding);
      return;
    }
    const [older, newer] = known.sinceMs <= holding.sinceMs ? [known, holding] : [holding, known];
    holders.set(clientIdentifier, newer);
    void this.#takeFrom(older.node, clientIdentifier, newer.sinceMs);
  }

  async #takeFrom(node: string, clientIdentifier: string, sinceMs: number): Promise<void> {
    const { link: linkTo, kickHere, patiently } = this.#parts;
    if (node === this.#parts.node) return kickHere(clientIdentifier, sinceMs);
    const link = linkTo(node);
    // Who is not reached now is told all the same, when it is. It closes what is older, whoever decides by then.
    const asked = [{ clientIdentifier, sinceMs, epoch: 0 }];
    const closed = link?.ask(encodeQuestion({ type: QuestionType.Kick, position: 0, asked }));
    if (link?.connected && closed) await patiently(closed);
  }
}
