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
  link(node: string): Link | undefined;
  /** Milliseconds since the epoch. */
  epoch(): number;
  /** Whether this node has a session of that client. */
  hasSession(clientIdentifier: string): boolean;
  /** Closes this node's connection of that client, and ends its session. */
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

/** The claims of this node's clients, and those of all others that this node decides about. */
export class Claims {
  readonly #parts: ClaimsParts;
  /** This node's sessions: since when. */
  readonly #own = new Map<string, number>();
  /** Those whose owner does not know of them yet. */
  readonly #untold = new Set<string>();
  /** Claims of this node that are not answered, and since when another node has the identifier. */
  readonly #claiming = new Map<string, { count: number; takenMs: number }>();
  /** Since when those have their identifier who are about to be signed in. */
  readonly #granted = new Map<string, number>();
  /** By client identifier, of those that this node owns. */
  readonly #holders = new Map<string, Holding>();
  /** Claims of one identifier are decided one after the other. */
  readonly #deciding = new Map<string, Promise<unknown>>();

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
    const claiming = this.#claiming.get(clientIdentifier) ?? { count: 0, takenMs: 0 };
    this.#claiming.set(clientIdentifier, claiming);
    claiming.count++;
    const sinceMs = await this.#grant(clientIdentifier);
    if (--claiming.count === 0) this.#claiming.delete(clientIdentifier);
    if (claiming.takenMs > sinceMs) return "the client connected anew, to another node";
    this.#granted.set(clientIdentifier, sinceMs);
    return undefined;
  }

  /** Since when this node may say that it has an identifier. */
  async #grant(clientIdentifier: string): Promise<number> {
    const owner = this.#ownerOf(clientIdentifier);
    const nowMs = Math.floor(this.#parts.epoch());
    if (owner === this.#parts.node) return await this.#decide(clientIdentifier, owner);
    const link = this.#parts.link(owner);
    const answer = link?.connected === true
      ? await this.#patiently(link.ask(question(CLAIM, [clientIdentifier], () => nowMs)))
      : undefined;
    // It is told when it can be reached.
    if (answer === undefined) this.#untold.add(clientIdentifier);
    return answer === undefined || answer.length === 0 ? nowMs : new ByteSource(answer).number();
  }

  /** A client has signed in here. */
  signedIn(clientIdentifier: string): void {
    this.#own.set(clientIdentifier, this.#granted.get(clientIdentifier) ?? Math.floor(this.#parts.epoch()));
    this.#granted.delete(clientIdentifier);
  }

  /** A session has ended here; there may be another one by the end of the turn. */
  sessionEnded(clientIdentifier: string): void {
    if (!this.#own.has(clientIdentifier)) return;
    this.#parts.soon(() => {
      if (this.#parts.hasSession(clientIdentifier) || !this.#own.delete(clientIdentifier)) return;
      this.#untold.delete(clientIdentifier);
      const { node } = this.#parts;
      const owner = this.#ownerOf(clientIdentifier);
      if (owner === node) this.#release(clientIdentifier, node);
      else void this.#parts.link(owner)?.ask(question(RELEASE, [clientIdentifier]));
    });
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
    this.#untold.clear();
    this.#holders.clear();
  }

  /** Tells owners what they do not know yet. Called regularly. */
  tick(): void {
    this.#granted.clear();
    for (const clientIdentifier of this.#untold) {
      if (!this.#own.has(clientIdentifier)) this.#untold.delete(clientIdentifier);
    }
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

  #tell(link: Link | undefined, clientIdentifiers: readonly string[]): void {
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
    const sink = new ByteSink();
    const kind = source.u8();
    const asked = source.list(() => [source.text(), source.number()] as const);
    for (const [clientIdentifier, sinceMs] of asked) {
      if (kind === CLAIM) sink.number(await this.#asked(clientIdentifier, { node: peer.node, sinceMs }));
      else if (kind === KICK) this.#kick(clientIdentifier, sinceMs);
      else if (kind === HELD) this.#heard(clientIdentifier, { node: peer.node, sinceMs });
      else if (kind === RELEASE) this.#release(clientIdentifier, peer.node);
      else throw new BytesError(`a question of type ${kind} is nothing that is known`);
    }
    return sink.take();
  }

  /** What comes so late that nobody waits for the answer says no more than that the node may have it, since then. */
  #asked(clientIdentifier: string, holding: Holding): number | Promise<number> {
    const { epoch, patienceMs } = this.#parts;
    if (epoch() - holding.sinceMs < patienceMs) return this.#decide(clientIdentifier, holding.node);
    if (this.#holders.has(clientIdentifier)) this.#heard(clientIdentifier, holding);
    return holding.sinceMs;
  }

  /**
   * Gives an identifier to a node, once the one that had it has closed it.
   *
   * @returns since when it has it, by this node's clock
   */
  #decide(clientIdentifier: string, node: string): Promise<number> {
    const before = this.#deciding.get(clientIdentifier) ?? Promise.resolve();
    const decided = before.then(async () => {
      const holder = this.#holders.get(clientIdentifier);
      const sinceMs = Math.max(Math.floor(this.#parts.epoch()), (holder?.sinceMs ?? 0) + 1);
      this.#holders.set(clientIdentifier, { node, sinceMs });
      if (holder !== undefined && holder.node !== node) await this.#takeFrom(holder.node, clientIdentifier, sinceMs);
      return sinceMs;
    }).finally(() => {
      if (this.#deciding.get(clientIdentifier) === decided) this.#deciding.delete(clientIdentifier);
    });
    this.#deciding.set(clientIdentifier, decided);
    return decided;
  }

  /** @param sinceMs another node has it since then */
  async #takeFrom(node: string, clientIdentifier: string, sinceMs: number): Promise<void> {
    if (node === this.#parts.node) return this.#kick(clientIdentifier, sinceMs);
    const link = this.#parts.link(node);
    // Where there is no connection it comes with the next, and nobody waits for that.
    const answer = link?.ask(question(KICK, [clientIdentifier], () => sinceMs));
    if (link?.connected && answer) await this.#patiently(answer);
  }

  /**
   * A node that is cut off or frozen holds up no sign-in for longer: what it was asked comes to it when it is back.
   *
   * @returns its answer; `undefined`: it has not answered, or is dead
   */
  async #patiently(answer: Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
    const late = Promise.withResolvers<undefined>();
    const cancel = this.#parts.after(this.#parts.patienceMs, () => late.resolve(undefined));
    const first = await Promise.race([answer, late.promise]);
    cancel();
    return first;
  }

  /** @param sinceMs another node has it since then; who came here later is not meant */
  #kick(clientIdentifier: string, sinceMs: number): void {
    const claiming = this.#claiming.get(clientIdentifier);
    if (claiming !== undefined) claiming.takenMs = Math.max(claiming.takenMs, sinceMs);
    if ((this.#own.get(clientIdentifier) ?? 0) > sinceMs) return;
    this.#own.delete(clientIdentifier);
    this.#untold.delete(clientIdentifier);
    this.#parts.kick(clientIdentifier);
  }

  /** A node says that it has an identifier. Where two have it the older one closes it. */
  #heard(clientIdentifier: string, holding: Holding): void {
    const known = this.#holders.get(clientIdentifier);
    if (known === undefined || known.node === holding.node) {
      this.#holders.set(clientIdentifier, holding);
      return;
    }
    const [older, newer] = known.sinceMs <= holding.sinceMs ? [known, holding] : [holding, known];
    this.#holders.set(clientIdentifier, newer);
    void this.#takeFrom(older.node, clientIdentifier, newer.sinceMs);
  }

  #release(clientIdentifier: string, node: string): void {
    if (this.#holders.get(clientIdentifier)?.node === node) this.#holders.delete(clientIdentifier);
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
