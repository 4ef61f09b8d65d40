/**
 * What the log says: who lives, who owns which shard, and which records count. It is a pure function of the records in their
 * order, so that all nodes that have read as far agree without a word between them. The five rules are the whole of it.
 *
 * A node says something to a client (PUBACK, PUBREC, PUBCOMP) only after its own record has come by in the tail and counted,
 * duplicates included. That is the fence: a node that slept through a takeover believes what it likes, but nothing that it
 * appends behind the claim counts, and it sees that before it says a word.
 */
import type { Batch, BatchEntry, Claim, ClusterRecord, Down, LoggedMessage, ShardPart, Yield } from "./record.ts";

/** One life of a node. */
export interface Life {
  readonly node: string;
  readonly incarnation: number;
}

/** What is known of a node that was ever up. */
export interface Writer extends Life {
  /** Whether no `down` ended this life. */
  readonly live: boolean;
  /** The number of the next record that counts. */
  readonly next: number;
  /** Where it is reached, as its `up` says. */
  readonly address: string;
}

/** What is known of a shard. */
export interface Shard {
  /** Who owns it, perhaps a life that is over; `undefined` before the first claim. */
  readonly owner: Life | undefined;
  /** Grows with each change of owner. */
  readonly epoch: number;
  /** Up to which position messages have become deliveries. */
  readonly applied: number;
}

/** The rules that tell which records count. */
export interface Rules {
  /** 1. A life begins with an `up` of a higher incarnation; an older one, or one that a `down` ended, says nothing. */
  lives(writer: Writer, incarnation: number): boolean;
  /** 2. Only the next number counts: repetitions and late landings fall out, and a gap waits for its repetition. */
  isNext(writer: Writer, n: number): boolean;
  /** 3. A claim counts only if its writer knew the last change of owner. */
  claims(shard: Shard, claim: Claim): boolean;
  /** 4. Only the owner, in the epoch in which it is that, speaks for a shard. */
  owns(shard: Shard, writer: Life, epoch: number): boolean;
  /** 5. A message whose packet identifier was taken in and not released is a duplicate. */
  isNew(accepted: ReadonlySet<number> | undefined, packetIdentifier: number): boolean;
}

/** The rules in force. */
export const rules: Rules = {
  lives: (writer, incarnation) => writer.live && writer.incarnation === incarnation,
  isNext: (writer, n) => writer.next === n,
  claims: (shard, claim) => shard.epoch === claim.epoch,
  owns: ({ owner, epoch }, writer, named) =>
    epoch === named && owner?.node === writer.node && owner.incarnation === writer.incarnation,
  isNew: (accepted, packetIdentifier) => packetIdentifier === 0 || accepted?.has(packetIdentifier) !== true,
};

/** What became of an entry of a batch. */
export type EntryVerdict = "counts" | "duplicate" | "not-owner";

/**
 * What became of a record. `dead`: its writer's life had not begun or was over. `out-of-turn`: it was there before, or one
 * before it is missing. `void`: it was its turn, but what it says does not hold. `counts`: with a verdict for each entry of a
 * batch.
 */
export type Verdict =
  | { readonly is: "dead" | "out-of-turn" | "void" }
  | { readonly is: "counts"; readonly entries: readonly EntryVerdict[] };

interface ShardState {
  owner: Life | undefined;
  epoch: number;
  applied: number;
  /** By session, the packet identifiers that are not released. */
  readonly accepted: Map<number, Set<number>>;
}

const DEAD: Verdict = { is: "dead" };
const OUT_OF_TURN: Verdict = { is: "out-of-turn" };
const VOID: Verdict = { is: "void" };
const COUNTS: Verdict = { is: "counts", entries: [] };

/** The log's meaning up to where it was read. */
export class ClusterState {
  readonly #rules: Rules;
  readonly #writers = new Map<string, Writer & { next: number; live: boolean }>();
  readonly #shards: readonly ShardState[];
  #live: readonly Writer[] | undefined;

  /**
   * @param shards how many there are, the same in all nodes for good
   * @param theRules others than those in force, for tests that show what each is for
   */
  constructor(shards: number, theRules: Rules = rules) {
    this.#rules = theRules;
    this.#shards = Array.from({ length: shards }, () => ({
      owner: undefined,
      epoch: 0,
      applied: 0,
      accepted: new Map(),
    }));
  }

  /** How many shards there are. */
  get shards(): number {
    return this.#shards.length;
  }

  /** The nodes that live. Remembered until one comes or goes, as it is asked for with each client. */
  get live(): readonly Writer[] {
    return this.#live ??= [...this.#writers.values()].filter(({ live }) => live);
  }

  /** All nodes that were ever up. */
  writers(): Iterable<Writer> {
    return this.#writers.values();
  }

  /** What is known of a node. */
  writer(node: string): Writer | undefined {
    return this.#writers.get(node);
  }

  /** Whether that life has begun and is not over. */
  isLive({ node, incarnation }: Life): boolean {
    const writer = this.#writers.get(node);
    return writer !== undefined && writer.live && writer.incarnation === incarnation;
  }

  /** A shard from 0 on, `undefined` above the last. */
  shard(number: number): Shard | undefined {
    return this.#shards[number];
  }

  /** Whether a session's packet identifier was taken in and not released. */
  accepted(shard: number, session: number, packetIdentifier: number): boolean {
    return this.#shards[shard]?.accepted.get(session)?.has(packetIdentifier) === true;
  }

  /** Begins with what a snapshot says of the nodes and shards, in place of all that was read. @param shards from 0 on */
  restore(writers: Iterable<Writer>, shards: readonly Pick<Shard, "owner" | "epoch">[]): void {
    this.#writers.clear();
    for (const writer of writers) this.#writers.set(writer.node, { ...writer });
    this.#live = undefined;
    for (const [number, shard] of this.#shards.entries()) {
      const { owner, epoch } = shards[number] ?? { owner: undefined, epoch: 0 };
      Object.assign(shard, { owner, epoch, applied: 0 });
      shard.accepted.clear();
    }
  }

  /** Takes in the next record of the log. */
  apply(record: ClusterRecord): Verdict {
    if (record.body.type === "up") return this.#begin(record, record.body.address);
    const writer = this.#writers.get(record.writer);
    if (writer === undefined || !this.#rules.lives(writer, record.incarnation)) return DEAD;
    if (!this.#rules.isNext(writer, record.n)) return OUT_OF_TURN;
    writer.next = record.n + 1;
    const { body } = record;
    const life = { node: record.writer, incarnation: record.incarnation };
    switch (body.type) {
      case "heartbeat":
      case "snapshot":
        return COUNTS;
      case "down":
        return this.#end(body);
      case "claim":
        return this.#claim(life, body);
      case "yield":
        return this.#yield(life, body);
      case "batch":
        return this.#batch(life, body);
    }
  }

  #begin({ writer: node, incarnation, n }: ClusterRecord, address: string): Verdict {
    const former = this.#writers.get(node);
    if (n !== 0) return VOID;
    if (former !== undefined && former.incarnation >= incarnation) {
      return this.isLive({ node, incarnation }) ? OUT_OF_TURN : DEAD;
    }
    this.#writers.set(node, { node, incarnation, live: true, next: 1, address });
    this.#live = undefined;
    return COUNTS;
  }

  #end(down: Down): Verdict {
    const writer = this.#writers.get(down.node);
    if (writer === undefined || !writer.live || writer.incarnation !== down.incarnation) return VOID;
    writer.live = false;
    this.#live = undefined;
    return COUNTS;
  }

  #claim(life: Life, claim: Claim): Verdict {
    const shard = this.#shards[claim.shard];
    if (shard === undefined || !this.#rules.claims(shard, claim)) return VOID;
    return own(shard, life);
  }

  #yield(life: Life, { shard: number, epoch, to }: Yield): Verdict {
    const shard = this.#shards[number];
    const heir = this.#writers.get(to);
    if (shard === undefined || !this.#rules.owns(shard, life, epoch) || heir?.live !== true) return VOID;
    return own(shard, { node: to, incarnation: heir.incarnation });
  }

  #batch(life: Life, { entries }: Batch): Verdict {
    return { is: "counts", entries: entries.map((entry) => this.#entry(life, entry)) };
  }

  #entry(life: Life, entry: BatchEntry): EntryVerdict {
    const place = entry.type === "message" ? entry.publisher : entry;
    // A will, or a message of the node's own.
    if (place === undefined) return "counts";
    const shard = this.#shards[place.shard];
    if (shard === undefined || !this.#rules.owns(shard, life, place.epoch)) return "not-owner";
    return entry.type === "message" ? this.#message(shard, entry) : part(shard, entry);
  }

  #message(shard: ShardState, { publisher }: LoggedMessage): EntryVerdict {
    const { session, packetIdentifier } = publisher!;
    const accepted = shard.accepted.get(session);
    if (!this.#rules.isNew(accepted, packetIdentifier)) return "duplicate";
    if (packetIdentifier === 0) return "counts";
    if (accepted === undefined) shard.accepted.set(session, new Set([packetIdentifier]));
    else accepted.add(packetIdentifier);
    return "counts";
  }
}

function own(shard: ShardState, life: Life): Verdict {
  shard.owner = life;
  shard.epoch++;
  return COUNTS;
}

function part(shard: ShardState, { applied, released, ended }: ShardPart): EntryVerdict {
  shard.applied = Math.max(shard.applied, applied);
  for (const { session, packetIdentifier } of released) {
    const accepted = shard.accepted.get(session);
    accepted?.delete(packetIdentifier);
    if (accepted?.size === 0) shard.accepted.delete(session);
  }
  for (const session of ended) shard.accepted.delete(session);
  return "counts";
}
