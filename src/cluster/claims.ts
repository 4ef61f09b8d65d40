/**
 * Which node has the session of a client identifier. The owner of its shard decides; who signs a client in asks there, and
 * the owner has the node that had it before close it. What an owner knows is told to it anew when the owner changes. What
 * is asked names the epoch, so that nobody is answered by a node that is no longer the owner, or does not know it yet.
 */
import type { Chores, WorkSteps } from "../work_budget.ts";
import { ClaimAnswers } from "./claim_answers.ts";
import { decodeAnswer, encodeQuestion, QuestionType } from "./claim_questions.ts";
import type { Life } from "./cluster_state.ts";
import { Holders } from "./holders.ts";
import type { Link } from "./link.ts";
import { shardOf, ShardTerms, type Tenure } from "./shards.ts";
import { Untold } from "./untold.ts";

/** Owners that are not, or no longer, are asked so often for one client. */
const MOST_ASKED = 4;

/** What {@linkcode Claims} work with. */
export interface ClaimsParts {
  readonly node: string;
  /** Who this node is now. */
  life(): Life;
  /** The nodes that live. */
  nodes(): readonly Life[];
  /** Who decides about a shard, as far as the log was read; `undefined`: nobody. */
  tenure(shard: number): Tenure | undefined;
  /** Up to which position the log was read. */
  position(): number;
  /** Resolves when it was read so far, or cannot be; `undefined`: it was. */
  readUpTo(position: number): Promise<void> | undefined;
  link(node: string): Pick<Link, "connected" | "ask"> | undefined;
  /** Milliseconds since the epoch. */
  epoch(): number;
  /** Whether this node has a session of that client. */
  hasSession(clientIdentifier: string): boolean;
  /** Closes this node's connection of that client, and ends its session, if there is one. */
  kick(clientIdentifier: string): void;
  /** Calls `run` at the end of the turn. */
  soon(run: () => void): void;
  /** Calls `run` once, in `ms` milliseconds, unless what is returned is called before. */
  after(ms: number, run: () => void): () => void;
  /** Does what takes its time, while others have their turn. */
  readonly chores: Pick<Chores, "add">;
  /** Told what that takes. */
  readonly work: WorkSteps;
  /** How long another node may take to answer before it counts as one that is not reached. */
  readonly patienceMs: number;
}

/** Whose answer is waited for, and whether it came in time. */
interface Attempt {
  readonly startedMs: number;
  isLate: boolean;
}

/** Claims of one identifier from when they are made to when their clients have signed in. */
interface Begun {
  count: number;
  /** Since when the owner gives it to this node, and since when to another. */
  grantedMs: number;
  takenMs: number;
  /** The term of the shard in which that was: see {@linkcode ShardTerms}. */
  term: number;
}

/** The claims of this node's clients, and those of all others that this node decides about. */
export class Claims {
  readonly #parts: ClaimsParts;
  /** This node's sessions: since when. */
  readonly #own = new Map<string, number>();
  /** Those whose owner does not know of them yet. */
  readonly #untold: Untold;
  readonly #holders: Holders;
  readonly #terms: ShardTerms;
  readonly #answers: ClaimAnswers;
  readonly #begun = new Map<string, Begun>();

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
    this.#terms = new ShardTerms(parts.tenure);
    const decides = (shard: number, epoch: number) => this.#decides(shard, epoch);
    const kickHere = (clientIdentifier: string, sinceMs: number) => this.#kick(clientIdentifier, sinceMs);
    this.#holders = new Holders({ ...parts, decides, kickHere, patiently: (answer) => this.#patiently(answer) });
    this.#answers = new ClaimAnswers({ ...parts, decides, kickHere, holders: this.#holders });
    const { node } = parts;
    const sinceMs = (clientIdentifier: string) => this.#own.get(clientIdentifier) ?? 0;
    this.#untold = new Untold({
      ...parts,
      own: this.#own,
      heard: (clientIdentifier, sinceMs, epoch) => this.#holders.heard(clientIdentifier, { node, sinceMs }, epoch),
      question: (clientIdentifiers) => this.#question(QuestionType.Held, clientIdentifiers, sinceMs),
    });
  }

  /** How many identifiers this node decides about. */
  get held(): number {
    return this.#holders.size;
  }

  /**
   * Claims an identifier for this node; resolves when no other has it that can be reached.
   *
   * @returns why the client is not to be let in; `undefined`: it is
   */
  async claim(clientIdentifier: string): Promise<string | undefined> {
    const begun = this.#begun.get(clientIdentifier) ?? { count: 0, grantedMs: 0, takenMs: 0, term: 0 };
    this.#begun.set(clientIdentifier, begun);
    begun.count++;
    const { sinceMs, term } = await this.#grant(clientIdentifier);
    if (sinceMs > begun.grantedMs) [begun.grantedMs, begun.term] = [sinceMs, term];
    // By the end of the turn the client has signed in, or never will.
    this.#parts.soon(() => {
      if (--begun.count > 0 || this.#begun.get(clientIdentifier) !== begun) return;
      this.#begun.delete(clientIdentifier);
      this.#releaseUnused(clientIdentifier);
    });
    return isTaken(begun) ? "the client connected anew, to another node" : undefined;
  }

  /** Since when this node has it, by whose word; 0: the owner does not know. It is told when it can be reached. */
  async #grant(clientIdentifier: string): Promise<{ sinceMs: number; term: number }> {
    const shard = shardOf(clientIdentifier);
    const attempt = { startedMs: this.#parts.epoch(), isLate: false };
    for (let asked = 0; asked < MOST_ASKED && !attempt.isLate; asked++) {
      const term = this.#terms.of(shard);
      const answer = await this.#askOwner(clientIdentifier, shard, attempt);
      if (answer === undefined) break;
      const isSame = term === this.#terms.of(shard);
      if (isSame && answer.results[0]! > 0) return { sinceMs: answer.results[0]!, term };
      // Whoever was asked knows more of the log, or nothing better is to be had.
      if (!isSame) continue;
      const read = this.#parts.readUpTo(answer.position);
      if (read === undefined) break;
      await this.#patiently(read, attempt);
    }
    return { sinceMs: 0, term: 0 };
  }

  /** `undefined`: it is not reached. */
  async #askOwner(clientIdentifier: string, shard: number, attempt: Attempt) {
    const { node, link, epoch, position } = this.#parts;
    const tenure = this.#parts.tenure(shard);
    if (tenure === undefined) return undefined;
    if (tenure.owner.node === node) {
      const sinceMs = await this.#holders.decide(clientIdentifier, node, tenure.epoch);
      return { results: [sinceMs], position: position() };
    }
    const owner = link(tenure.owner.node);
    if (owner?.connected !== true) return undefined;
    const answer = await this.#patiently(
      owner.ask(this.#question(QuestionType.Claim, [clientIdentifier], epoch)),
      attempt,
    );
    return decodeAnswer(answer, 1);
  }

  /** A client has signed in here. */
  signedIn(clientIdentifier: string): void {
    const begun = this.#begun.get(clientIdentifier);
    const grantedMs = begun?.grantedMs ?? 0;
    this.#own.set(clientIdentifier, grantedMs || Math.floor(this.#parts.epoch()));
    // Another node got it after this one, and before the client was there to be closed.
    if (begun !== undefined && isTaken(begun)) {
      return this.#parts.soon(() => this.#kick(clientIdentifier, begun.takenMs));
    }
    if (grantedMs > 0 && begun?.term === this.#terms.of(shardOf(clientIdentifier))) return;
    this.#untold.add(clientIdentifier);
  }

  /** A session has ended here; there may be another one by the end of the turn. */
  sessionEnded(clientIdentifier: string): void {
    if (!this.#own.has(clientIdentifier)) return;
    this.#parts.soon(() => {
      if (this.#parts.hasSession(clientIdentifier) || !this.#own.delete(clientIdentifier)) return;
      this.#untold.delete(clientIdentifier);
      this.#releaseUnused(clientIdentifier);
    });
  }

  /** Nobody here has it any longer, or is about to: the owner need not know of it. */
  #releaseUnused(clientIdentifier: string): void {
    if (this.#own.has(clientIdentifier) || this.#begun.has(clientIdentifier)) return;
    const { node, tenure, link } = this.#parts;
    const owner = tenure(shardOf(clientIdentifier))?.owner.node;
    if (owner === undefined) return;
    if (owner === node) this.#holders.release(clientIdentifier, node);
    else void link(owner)?.ask(this.#question(QuestionType.Release, [clientIdentifier]));
  }

  /**
   * Nodes have come or gone, or a shard has another owner: who owns what it did not own before is told.
   *
   * @param shard the only one whose owner may be another; `undefined`: any
   */
  ownersChanged(shard?: number): void {
    const isAny = shard === undefined;
    if (isAny) this.#holders.forgetDead(this.#parts.nodes());
    for (const one of isAny ? this.#terms.shards() : [shard]) {
      const change = this.#terms.look(one);
      // Who decides before its claim has come by goes on with what it knows.
      if (change === "owner") this.#holders.forgetShard(one);
      if (change !== undefined) this.#untold.ownerChanged(one);
    }
  }

  /** All sessions of this node have ended. */
  clear(): void {
    this.#own.clear();
    this.#begun.clear();
    this.#untold.clear();
    this.#holders.clear();
  }

  /** Tells owners what they do not know yet. Called regularly. */
  tick(): void {
    this.#untold.tick();
  }

  #question(type: QuestionType, clientIdentifiers: readonly string[], sinceMs = (_: string) => 0): Uint8Array {
    const { tenure, position } = this.#parts;
    const asked = clientIdentifiers.map((clientIdentifier) => ({
      clientIdentifier,
      sinceMs: Math.max(0, Math.floor(sinceMs(clientIdentifier))),
      epoch: tenure(shardOf(clientIdentifier))?.epoch ?? 0,
    }));
    return encodeQuestion({ type, position: position(), asked });
  }

  /**
   * Answers another node.
   *
   * @throws {BytesError} if it asks nothing that is known
   */
  answer({ node }: Life, bytes: Uint8Array): Promise<Uint8Array> {
    return this.#answers.to(node, bytes);
  }

  /** Whether this node decides about a shard in that epoch, as far as it has read the log. */
  #decides(shard: number, epoch: number): boolean {
    const tenure = this.#parts.tenure(shard);
    const { node, incarnation } = this.#parts.life();
    return tenure?.epoch === epoch && tenure.owner.node === node && tenure.owner.incarnation === incarnation;
  }

  /**
   * A node that is cut off or frozen holds up no sign-in for longer: what it was asked comes to it when it is back.
   *
   * @param attempt what it is a part of, which may not take longer as a whole
   */
  async #patiently<Answer>(answer: Promise<Answer>, attempt?: Attempt): Promise<Answer | undefined> {
    const { patienceMs, after, epoch } = this.#parts;
    const late = Promise.withResolvers<undefined>();
    const passedMs = attempt === undefined ? 0 : Math.min(patienceMs, Math.max(0, epoch() - attempt.startedMs));
    const cancel = after(patienceMs - passedMs, () => {
      if (attempt !== undefined) attempt.isLate = true;
      late.resolve(undefined);
    });
    const first = await Promise.race([answer, late.promise]);
    cancel();
    return first;
  }

  /** Another node has the identifier since then. */
  #kick(clientIdentifier: string, sinceMs: number): void {
    const begun = this.#begun.get(clientIdentifier);
    if (begun !== undefined) begun.takenMs = Math.max(begun.takenMs, sinceMs);
    // The owner does not know of this one, or not yet, and says which is the later when it does.
    if (this.#untold.has(clientIdentifier) || (this.#own.get(clientIdentifier) ?? 0) > sinceMs) return;
    // It is released like any other that ends: the owner may have heard of it on the way.
    this.#parts.kick(clientIdentifier);
  }
}

function isTaken({ grantedMs, takenMs }: Begun): boolean {
  return grantedMs > 0 && takenMs >= grantedMs;
}
