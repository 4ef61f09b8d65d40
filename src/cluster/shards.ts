/**
 * Which node decides about a client identifier. Each identifier is of one of 64 shards, and a shard has the owner that the
 * log says; nodes claim and yield them so that each has the one of the highest hash among the live. While the log knows no
 * live owner, for as long as a claim takes to come by, the one that is about to claim decides.
 */
import type { ClusterState, Life } from "./cluster_state.ts";
import type { Claim, Yield } from "./record.ts";

/** The same in all nodes, for good: it is part of what the log's records mean. */
export const SHARDS = 64;

/** Who decides about a shard, and since which change of owner. */
export interface Tenure {
  readonly owner: Life;
  readonly epoch: number;
}

/** What the log says. */
export type ShardsOfLog = Pick<ClusterState, "shard" | "isLive" | "live">;

/** The shard of a client identifier. */
export function shardOf(clientIdentifier: string): number {
  return mixed(hashed(HASH_BASIS, clientIdentifier)) % SHARDS;
}

/** The node that should own a shard: its name and the shard have the highest hash together. `undefined`: nobody lives. */
export function desiredOwner(live: readonly Life[], shard: number): Life | undefined {
  const basis = hashed(HASH_BASIS, `${shard}`);
  let owner: Life | undefined;
  let highest = -1;
  for (const life of live) {
    const hash = mixed(hashed(basis, life.node));
    // So that all say the same where two have the same hash.
    if (hash < highest || (hash === highest && owner !== undefined && owner.node < life.node)) continue;
    [owner, highest] = [life, hash];
  }
  return owner;
}

/** Who decides about a shard as the log says, or is about to; `undefined`: nobody lives. */
export function tenureOf(state: ShardsOfLog, shard: number): Tenure | undefined {
  const { owner, epoch } = state.shard(shard)!;
  if (owner !== undefined && state.isLive(owner)) return { owner, epoch };
  const heir = desiredOwner(state.live, shard);
  return heir && { owner: heir, epoch };
}

/** Numbers the tenures of each shard as this node sees them: what was answered in one holds in no other. */
export class ShardTerms {
  readonly #tenure: (shard: number) => Tenure | undefined;
  readonly #seen = Array.from({ length: SHARDS }, () => ({ term: 0, tenure: undefined as Tenure | undefined }));

  /** @param tenure as {@linkcode tenureOf} */
  constructor(tenure: (shard: number) => Tenure | undefined) {
    this.#tenure = tenure;
  }

  /** All there are. */
  shards(): Iterable<number> {
    return this.#seen.keys();
  }

  /** The number of the present tenure. */
  of(shard: number): number {
    return this.#seen[shard]!.term;
  }

  /** Looks whether there is a new one. @returns what about it is new */
  look(shard: number): "owner" | "epoch" | undefined {
    const seen = this.#seen[shard]!;
    const [before, now] = [seen.tenure, this.#tenure(shard)];
    const isSame = before?.owner.node === now?.owner.node && before?.owner.incarnation === now?.owner.incarnation;
    if (isSame && before?.epoch === now?.epoch) return undefined;
    seen.tenure = now;
    seen.term++;
    return isSame ? "epoch" : "owner";
  }
}

/** What a node has to say so that each shard gets the owner that it should have. */
export function wantedChanges(state: ShardsOfLog, { node, incarnation }: Life): (Claim | Yield)[] {
  if (!state.isLive({ node, incarnation })) return [];
  const changes: (Claim | Yield)[] = [];
  for (let shard = 0; shard < SHARDS; shard++) {
    const { owner, epoch } = state.shard(shard)!;
    const desired = desiredOwner(state.live, shard)!;
    if (owner === undefined || !state.isLive(owner)) {
      if (desired.node === node) changes.push({ type: "claim", shard, epoch });
    } else if (owner.node === node && desired.node !== node) {
      changes.push({ type: "yield", shard, epoch, to: desired.node });
    }
  }
  return changes;
}

/** What a {@linkcode ShardKeeper} works with. */
export interface ShardKeeperParts {
  readonly state: ShardsOfLog;
  /** Who this node is now. */
  life(): Life;
  /** It is a node, and may say something. */
  speaks(): boolean;
  /** Says something in the log; said again until it has come by. */
  say(change: Claim | Yield): void;
  /** Calls `run` at the end of the turn. */
  soon(run: () => void): void;
}

/** Says what {@linkcode wantedChanges} tells, each once at a time. */
export class ShardKeeper {
  readonly #parts: ShardKeeperParts;
  /** Of which this life has said something that has not come by yet. */
  readonly #underWay = new Set<number>();
  #speaker = 0;
  #isLooking = false;
  /** How often a shard went from one owner to another, as this process has read it. */
  handovers = 0;

  constructor(parts: ShardKeeperParts) {
    this.#parts = parts;
  }

  /** A word about a shard has come by. @param isOwn of this life @param counts it has changed the owner */
  passed(shard: number, isOwn: boolean, counts: boolean): void {
    if (isOwn) this.#underWay.delete(shard);
    // The first owner has it from nobody.
    if (counts && (this.#parts.state.shard(shard)?.epoch ?? 0) > 1) this.handovers++;
    this.look();
  }

  /** Who lives or owns has changed. All that comes by in one turn is looked at once. */
  look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#parts.soon(() => {
      this.#isLooking = false;
      if (this.#parts.speaks()) this.#say();
    });
  }

  #say(): void {
    const { state, say } = this.#parts;
    const life = this.#parts.life();
    // What an earlier life has said never comes by.
    if (this.#speaker !== life.incarnation) this.#underWay.clear();
    this.#speaker = life.incarnation;
    for (const change of wantedChanges(state, life)) {
      if (this.#underWay.has(change.shard)) continue;
      this.#underWay.add(change.shard);
      say(change);
    }
  }
}

const HASH_BASIS = 0x811c9dc5;

function hashed(basis: number, text: string): number {
  let hash = basis;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash ^ hash >>> 15;
}

function mixed(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}
