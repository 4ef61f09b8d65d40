/**
 * Which node has the session of a client identifier. Each identifier has an owner among the live nodes, by rendezvous hash;
 * who signs a client in asks there, and the owner has the node that had it before close it. What an owner knows is told to
 * it anew when the owner changes.
 */
import { BytesError, ByteSink, ByteSource } from "./bytes.ts";
import type { Life } from "./cluster_state.ts";
import type { Link } from "./link.ts";

const CLAIM = 1, KICK = 2, HELD = 3, RELEASE = 4;
/** So many identifiers are told at once. */
const HELD_AT_ONCE = 1000;

/** What {@linkcode Claims} work with. */
export interface ClaimsParts {
  readonly node: string;
  /** The nodes that live. */
  nodes(): readonly Life[];
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
  /** How long another node may take to answer before it counts as one that is not reached. */
  readonly patienceMs: number;
}

interface Holding {
  readonly node: string;
  /** When it was claimed, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** Claims of one identifier from when they are made to when their clients have signed in. */
interface Begun {
  count: number;
  /** Since when the owner gives it to this node, and since when to another. */
  grantedMs: number;
  takenMs: number;
}

/** The claims of this node's clients, and those of all others that this node decides about. */
export class Claims {
  readonly #parts: ClaimsParts;
  /** This node's sessions: since when. */
  readonly #own = new Map<string, number>();
  /** Those whose owner does not know of them yet. */
  readonly #untold = new Set<string>();
  /** By client identifier, of those that this node owns. */
  readonly #holders = new Map<string, Holding>();
  /** Claims of one identifier are decided one after the other. */
  readonly #deciding = new Map<string, Promise<number>>();
  readonly #begun = new Map<string, Begun>();
  #lastMs = 0;

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
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
    const begun = this.#begun.get(clientIdentifier) ?? { count: 0, grantedMs: 0, takenMs: 0 };
    this.#begun.set(clientIdentifier, begun);
    begun.count++;
    const grantedMs = await this.#grant(clientIdentifier);
    begun.grantedMs = Math.max(begun.grantedMs, grantedMs);
    // By the end of the turn the client has signed in, or never will.
    this.#parts.soon(() => {
      if (--begun.count > 0 || this.#begun.get(clientIdentifier) !== begun) return;
      this.#begun.delete(clientIdentifier);
      this.#releaseUnused(clientIdentifier);
    });
    return isTaken(begun) ? "the client connected anew, to another node" : undefined;
  }

  /** Since when this node has it; 0: the owner does not know. */
  async #grant(clientIdentifier: string): Promise<number> {
    const owner = this.#ownerOf(clientIdentifier);
    if (owner === this.#parts.node) return await this.#decide(clientIdentifier, owner);
    const link = this.#parts.link(owner);
    // It is told when it can be reached.
    if (link?.connected !== true) return 0;
    const answer = await this.#patiently(link.ask(question(CLAIM, [clientIdentifier], () => this.#parts.epoch())));
    return answer === undefined || answer.length === 0 ? 0 : new ByteSource(answer).number();
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
    if (grantedMs === 0 && this.#ownerOf(clientIdentifier) !== this.#parts.node) this.#untold.add(clientIdentifier);
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
    const { node } = this.#parts;
    const owner = this.#ownerOf(clientIdentifier);
    if (owner === node) this.#release(clientIdentifier, node);
    else void this.#parts.link(owner)?.ask(question(RELEASE, [clientIdentifier]));
  }

  /** Nodes have come or gone: those who own what they did not own before are told. */
  nodesChanged(): void {
    const live = new Set(this.#parts.nodes().map(({ node }) => node));
    for (const [clientIdentifier, { node }] of this.#holders) {
      if (!live.has(node) || this.#ownerOf(clientIdentifier) !== this.#parts.node) {
        this.#holders.delete(clientIdentifier);
      }
    }
    for (const clientIdentifier of this.#own.keys()) this.#untold.add(clientIdentifier);
    this.tick();
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
    if (this.#untold.size === 0) return;
    const byOwner = Map.groupBy(this.#untold, (clientIdentifier) => this.#ownerOf(clientIdentifier));
    for (const [owner, clientIdentifiers] of byOwner) {
      const link = this.#parts.link(owner);
      if (owner !== this.#parts.node && link?.connected !== true) continue;
      for (let at = 0; at < clientIdentifiers.length; at += HELD_AT_ONCE) {
        this.#tell(link, clientIdentifiers.slice(at, at + HELD_AT_ONCE));
      }
    }
  }

  #tell(link: Pick<Link, "ask"> | undefined, clientIdentifiers: readonly string[]): void {
    for (const clientIdentifier of clientIdentifiers) this.#untold.delete(clientIdentifier);
    const sinceMs = (clientIdentifier: string) => this.#own.get(clientIdentifier) ?? 0;
    if (link !== undefined) return void link.ask(question(HELD, clientIdentifiers, sinceMs));
    for (const one of clientIdentifiers) this.#heard(one, { node: this.#parts.node, sinceMs: sinceMs(one) });
  }

  /**
   * Answers another node.
   *
   * @throws {BytesError} if it asks nothing that is known
   */
  async answer(peer: Life, bytes: Uint8Array): Promise<Uint8Array> {
    const source = new ByteSource(bytes);
    const kind = source.u8();
    const asked = source.list(() => [source.text(), source.number()] as const);
    const out = new ByteSink();
    for (const [clientIdentifier, sinceMs] of asked) {
      if (kind === CLAIM) out.number(await this.#asked(clientIdentifier, { node: peer.node, sinceMs }));
      else if (kind === KICK) this.#kick(clientIdentifier, sinceMs);
      else if (kind === HELD) this.#heard(clientIdentifier, { node: peer.node, sinceMs });
      else if (kind === RELEASE) this.#release(clientIdentifier, peer.node);
      else throw new BytesError(`a question of type ${kind} is nothing that is known`);
    }
    return out.take();
  }

  /** What comes so late that nobody waits for the answer is void, 0: its node says what it has. */
  #asked(clientIdentifier: string, { node, sinceMs }: Holding): number | Promise<number> {
    const { epoch, patienceMs } = this.#parts;
    return epoch() - sinceMs < patienceMs ? this.#decide(clientIdentifier, node) : 0;
  }

  /** Gives an identifier to a node, once the one that had it has closed it. @returns since when it is that node's */
  #decide(clientIdentifier: string, node: string): Promise<number> {
    const before = this.#deciding.get(clientIdentifier) ?? Promise.resolve();
    const decided = before.then(async () => {
      const holder = this.#holders.get(clientIdentifier);
      // No two are of one time, so that it is known which was the later.
      const sinceMs = Math.max(this.#lastMs + 1, (holder?.sinceMs ?? 0) + 1, Math.floor(this.#parts.epoch()));
      this.#lastMs = sinceMs;
      this.#holders.set(clientIdentifier, { node, sinceMs });
      if (holder !== undefined && holder.node !== node) await this.#takeFrom(holder.node, clientIdentifier, sinceMs);
      return sinceMs;
    }).finally(() => {
      if (this.#deciding.get(clientIdentifier) === decided) this.#deciding.delete(clientIdentifier);
    });
    this.#deciding.set(clientIdentifier, decided);
    return decided;
  }

  async #takeFrom(node: string, clientIdentifier: string, sinceMs: number): Promise<void> {
    if (node === this.#parts.node) return this.#kick(clientIdentifier, sinceMs);
    const link = this.#parts.link(node);
    // Who is not reached now is told all the same, when it is.
    const closed = link?.ask(question(KICK, [clientIdentifier], () => sinceMs));
    if (link?.connected && closed) await this.#patiently(closed);
  }

  /** A node that is cut off or frozen holds up no sign-in for longer: what it was asked comes to it when it is back. */
  async #patiently<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
    const late = Promise.withResolvers<undefined>();
    const cancel = this.#parts.after(this.#parts.patienceMs, () => late.resolve(undefined));
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

  #heard(clientIdentifier: string, holding: Holding): void {
    this.#inTurn(clientIdentifier, () => this.#compare(clientIdentifier, holding));
  }

  /** A node says that it has an identifier. Where two have it the older one closes it. */
  #compare(clientIdentifier: string, holding: Holding): void {
    const known = this.#holders.get(clientIdentifier);
    if (known === undefined || known.node === holding.node) {
      // It may have claimed it anew since.
      if (known === undefined || known.sinceMs < holding.sinceMs) this.#holders.set(clientIdentifier, holding);
      return;
    }
    const [older, newer] = known.sinceMs <= holding.sinceMs ? [known, holding] : [holding, known];
    this.#holders.set(clientIdentifier, newer);
    void this.#takeFrom(older.node, clientIdentifier, newer.sinceMs);
  }

  #release(clientIdentifier: string, node: string): void {
    this.#inTurn(clientIdentifier, () => {
      if (this.#holders.get(clientIdentifier)?.node === node) this.#holders.delete(clientIdentifier);
    });
  }

  /** Behind what was said of the identifier before, since a claim takes its time. */
  #inTurn(clientIdentifier: string, run: () => void): void {
    const deciding = this.#deciding.get(clientIdentifier);
    if (deciding === undefined) run();
    else void deciding.then(run);
  }

  /** The node whose name and the identifier have the highest hash together. */
  #ownerOf(clientIdentifier: string): string {
    let owner = this.#parts.node;
    let highest = -1;
    for (const { node } of this.#parts.nodes()) {
      const hash = hashPair(node, clientIdentifier);
      if (hash > highest) [owner, highest] = [node, hash];
    }
    return owner;
  }
}

function isTaken({ grantedMs, takenMs }: Begun): boolean {
  return grantedMs > 0 && takenMs >= grantedMs;
}

function hashPair(node: string, clientIdentifier: string): number {
  let hash = 0x811c9dc5;
  for (const text of [clientIdentifier, node]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}

function question(kind: number, clientIdentifiers: readonly string[], sinceMs = (_: string) => 0): Uint8Array {
  const sink = new ByteSink();
  sink.u8(kind);
  sink.list(clientIdentifiers, (clientIdentifier) => {
    sink.text(clientIdentifier);
    sink.number(Math.max(0, Math.floor(sinceMs(clientIdentifier))));
  });
  return sink.take();
}
