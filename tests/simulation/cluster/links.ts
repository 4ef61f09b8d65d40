/** Simulated connections between nodes: they take their time, break, half open or not, and bring a byte at a time. */
import type { LinkCarrier } from "../../../src/cluster/connections.ts";
import type { Transport } from "../../../src/transport/transport.ts";
import type { Random } from "../../support/random.ts";
import type { Process, World } from "../world.ts";
import { isUnchanged, type PendingRead, type PendingWrite, takePiece } from "../pieces.ts";

/** How the way between two nodes is. */
export interface LinkWay {
  /** Milliseconds each way: the least, and what chance adds at most. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Bytes that a read gives at most. */
  readonly pieceBytes: number;
  /** Bytes that may be under way before a write waits. */
  readonly windowBytes: number;
}

/** A connection that nobody answers is given up after so long. */
const DIAL_PATIENCE_MS = 3000;

interface Listening {
  readonly process: Process;
  readonly take: (transport: Transport) => void;
}

/** What lies between the nodes. */
export class Links {
  readonly world: World;
  readonly random: Random;
  readonly #way: (pair: string) => LinkWay;
  readonly #listening = new Map<string, Listening>();
  readonly #open = new Set<LinkConnection>();
  /** Pairs between which nothing gets through: what is under way waits. */
  readonly #dark = new Set<string>();
  /** Told of what no transport may see. */
  onFault: (text: string) => void = () => {};

  constructor(world: World, random: Random, way: (pair: string) => LinkWay) {
    this.world = world;
    this.random = random;
    this.#way = way;
  }

  /** A node's end; its address is its name. */
  carrier(node: string, process: Process): LinkCarrier {
    const own: Listening[] = [];
    return {
      address: node,
      accept: (take) => {
        own.push({ process, take });
        this.#listening.set(node, own[0]!);
      },
      dial: (address) => this.#dial(node, process, address),
      close: () => {
        if (this.#listening.get(node) === own[0]) this.#listening.delete(node);
        return Promise.resolve();
      },
    };
  }

  isDark(pair: string): boolean {
    return this.#dark.has(pair);
  }

  darken(pair: string): void {
    this.#dark.add(pair);
  }

  lighten(pair: string): void {
    this.#dark.delete(pair);
    for (const connection of this.#open) if (connection.pair === pair) connection.goOn();
  }

  /** All connections of the pair break; the nodes are told. */
  cut(pair: string): void {
    for (const connection of [...this.#open]) if (connection.pair === pair) connection.cut();
  }

  /** They break, and one node alone is told. */
  halfOpen(pair: string): void {
    for (const connection of [...this.#open]) {
      if (connection.pair === pair) connection.halfOpen(this.random.chance(0.5));
    }
  }

  /** A process has ended. @param isTold its peers hear of it */
  processEnded(process: Process, isTold: boolean): void {
    for (const connection of [...this.#open]) connection.processEnded(process, isTold);
  }

  /** Whether a process of that node takes connections. */
  isThere(node: string): boolean {
    return this.#listening.get(node)?.process.alive === true;
  }

  forget(connection: LinkConnection): void {
    this.#open.delete(connection);
  }

  #dial(node: string, process: Process, address: string): Promise<Transport> {
    const pair = pairOf(node, address);
    const way = this.#way(pair);
    const { promise, resolve, reject } = Promise.withResolvers<Transport>();
    const delay = () => way.delayMs + this.random.between(0, way.jitterMs);
    const answer = (ms: number, run: () => void) => this.world.after(ms, () => process.notice(run));
    this.world.after(delay(), () => {
      const there = this.#listening.get(address);
      if (this.#dark.has(pair)) return answer(DIAL_PATIENCE_MS, () => reject(new Error("Connection timed out")));
      if (there?.process.alive !== true) return answer(delay(), () => reject(new Error("Connection refused")));
      const connection = new LinkConnection(this, { pair, way, nodes: [node, address] }, [process, there.process]);
      this.#open.add(connection);
      there.process.notice(() => there.take(connection.ends[1].transport));
      answer(delay(), () => resolve(connection.ends[0].transport));
    });
    return promise;
  }
}

/** What a pair of nodes is called. */
export function pairOf(a: string, b: string): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}

interface Between {
  readonly pair: string;
  readonly way: LinkWay;
  readonly nodes: readonly [string, string];
}

/** One connection. */
class LinkConnection {
  readonly pair: string;
  readonly ends: readonly [LinkEnd, LinkEnd];
  readonly #links: Links;

  constructor(links: Links, { pair, way, nodes }: Between, [dialler, taker]: readonly [Process, Process]) {
    this.#links = links;
    this.pair = pair;
    this.ends = [new LinkEnd(links, pair, way, dialler, nodes[0]), new LinkEnd(links, pair, way, taker, nodes[1])];
    for (const end of this.ends) end.onBroken = () => this.#look();
    this.ends[0].peer = this.ends[1];
    this.ends[1].peer = this.ends[0];
  }

  goOn(): void {
    for (const end of this.ends) end.goOn();
  }

  cut(): void {
    for (const end of this.ends) end.breakOff(new Error("Connection reset by peer"));
  }

  halfOpen(isDialler: boolean): void {
    for (const end of this.ends) end.isDeaf = true;
    this.ends[isDialler ? 0 : 1].breakOff(new Error("Connection reset by peer"));
  }

  processEnded(process: Process, isTold: boolean): void {
    for (const end of this.ends) {
      if (end.process !== process) continue;
      end.breakOff(new Error("the process has ended"));
      if (isTold) end.sayEnd();
    }
  }

  #look(): void {
    if (this.ends.every(({ isBroken }) => isBroken)) this.#links.forget(this);
  }
}

class LinkEnd {
  readonly transport: Transport;
  peer!: LinkEnd;
  onBroken: () => void = () => {};
  /** Nothing comes in any longer. */
  isDeaf = false;
  readonly #links: Links;
  /** What has come and was not read; `null`: the peer has ended. */
  readonly #inbox: (Uint8Array | null)[] = [];
  /** What comes when there is light. */
  #held: (Uint8Array | null)[] = [];
  /** Bytes that the peer has sent and that were not read here. */
  #unread = 0;
  #read: PendingRead | undefined;
  #write: PendingWrite | undefined;
  #broken: Error | undefined;
  #arrivesAtMs = 0;

  constructor(
    links: Links,
    readonly pair: string,
    readonly way: LinkWay,
    readonly process: Process,
    readonly node: string,
  ) {
    this.#links = links;
    this.transport = {
      kind: "stream",
      secure: false,
      remote: {},
      acceptedAt: process.machine.now(0),
      read: (into) => this.#reads(into),
      write: (bytes) => this.#writes(bytes),
      closeWrite: () => Promise.resolve(this.sayEnd()),
      close: () => this.#closes(),
    };
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** The peer hears that nothing more comes. */
  sayEnd(): void {
    this.#send(null);
  }

  breakOff(error: Error): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    const [read, write] = [this.#read, this.#write];
    this.#read = this.#write = undefined;
    this.process.notice(() => {
      read?.reject(error);
      write?.reject(error);
    });
    this.onBroken();
    this.peer.letWrite();
  }

  /** There is light again. */
  goOn(): void {
    for (const bytes of this.#held.splice(0)) this.#arrive(bytes);
  }

  /** What waits to be sent is sent as far as there is room. */
  letWrite(): void {
    const write = this.#write;
    if (write === undefined || this.#broken !== undefined) return;
    const { peer, way } = this;
    if (peer.#unread > 0 && peer.#unread + write.copy.length > way.windowBytes) return;
    this.#write = undefined;
    if (!isUnchanged(write)) this.#links.onFault("bytes changed while a link was writing them");
    peer.#unread += write.copy.length;
    // What is written at once may come in two parts.
    const cut = way.pieceBytes < 1000 ? this.#links.random.between(0, write.copy.length) : write.copy.length;
    this.#send(write.copy.subarray(0, cut));
    if (cut < write.copy.length) this.#send(write.copy.subarray(cut));
    this.process.notice(() => write.resolve());
  }

  #closes(): void {
    if (this.#broken !== undefined) return;
    this.sayEnd();
    this.breakOff(new Error("Cannot use the stream: it was closed"));
  }

  #send(bytes: Uint8Array | null): void {
    const { world, random } = this.#links;
    const { delayMs, jitterMs } = this.way;
    const { peer } = this;
    peer.#arrivesAtMs = Math.max(peer.#arrivesAtMs, world.nowMs + delayMs + random.between(0, jitterMs));
    world.after(peer.#arrivesAtMs - world.nowMs, () => peer.#come(bytes));
  }

  #come(bytes: Uint8Array | null): void {
    if (this.#links.isDark(this.pair) || this.#held.length > 0) this.#held.push(bytes);
    else this.#arrive(bytes);
  }

  #arrive(bytes: Uint8Array | null): void {
    // A machine that is up again knows nothing of it, and says so.
    if (bytes !== null && this.#broken !== undefined) {
      if (this.process.alive || this.#links.isThere(this.node)) {
        this.peer.breakOff(new Error("Connection reset by peer"));
      }
      return;
    }
    if (this.isDeaf || this.#broken !== undefined) return;
    if (bytes !== null && bytes.length === 0) return;
    this.#inbox.push(bytes);
    this.process.notice(() => this.#give());
  }

  #give(): void {
    const read = this.#read;
    if (read === undefined || this.#inbox.length === 0) return;
    this.#read = undefined;
    read.resolve(this.#fill(read.into));
  }

  #fill(into: Uint8Array): number | null {
    const count = takePiece(this.#inbox, into, this.way.pieceBytes);
    if (count === null) return null;
    this.#unread -= count;
    if (this.peer.#write !== undefined) this.#links.world.after(0, () => this.peer.letWrite());
    return count;
  }

  #reads(into: Uint8Array): Promise<number | null> {
    if (this.#read !== undefined) this.#links.onFault("two reads of a link were under way");
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (this.#inbox.length > 0) return Promise.resolve(this.#fill(into));
    return new Promise((resolve, reject) => this.#read = { into, resolve, reject });
  }

  #writes(bytes: Uint8Array): Promise<void> {
    if (this.#write !== undefined) this.#links.onFault("two writes of a link were under way");
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#write = { bytes, copy: bytes.slice(), resolve, reject };
      this.letWrite();
    });
  }
}
