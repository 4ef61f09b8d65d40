/** The connections between nodes: one of each pair. The node whose name is lower connects, again and again if need be. */
import { errorText } from "../error_text.ts";
import type { Logger } from "../logger.ts";
import { quote } from "../quote.ts";
import type { Transport } from "../transport/transport.ts";
import { BatchReader } from "./batch.ts";
import type { Life } from "./cluster_state.ts";
import { hearHello, hearReceived, type Hello, keyOf, sayHello, sayReceived } from "./handshake.ts";
import type { Link } from "./link.ts";

/** How long after a connection broke or could not be made the next is tried. */
const RETRY_MS = 200;
/** How long a peer may take to say who it is, and this node to read in the log that it lives. */
const PATIENCE_MS = 5000;
/** So many connections may be there that have not said who they are. */
const MOST_UNKNOWN = 64;
/** So many faults are warned of once each, then all are told to those who debug. */
const MOST_WARNED = 100;

/** Makes connections. */
export interface LinkCarrier {
  /** Where others reach this node; empty: nowhere. */
  readonly address: string;
  /** From now on connections of others are given to `take`. */
  accept(take: (transport: Transport) => void): void;
  /** @throws {Error} if there is nobody */
  dial(address: string): Promise<Transport>;
  close(): Promise<void>;
}

/** Makes connections through the log. */
export interface LinkDetours {
  /** From now on connections of others are given to `take`. */
  accept(take: (transport: Transport) => void): void;
  dial(to: Life): Transport;
}

/** What {@linkcode Connections} work with. */
export interface ConnectionsParts {
  readonly cluster: string;
  readonly carrier: LinkCarrier;
  readonly detours: LinkDetours;
  readonly logger: Logger;
  /** Who this node is now. */
  life(): Life;
  /** Calls `run` once, in `ms` milliseconds, unless what is returned is called before. */
  after(ms: number, run: () => void): () => void;
}

/** A link, and which life of this node it belongs to. */
interface Ends {
  readonly link: Link;
  readonly own: Life;
  /** A way through the log is being tried. */
  isDetouring: boolean;
}

/** Makes and takes connections, and gives them to the links. */
export class Connections {
  readonly #parts: ConnectionsParts;
  /** By the peer's life. */
  readonly #links = new Map<string, Ends>();
  readonly #arrivals = new Map<string, (() => void)[]>();
  readonly #transports = new Set<Transport>();
  readonly #timers = new Set<() => void>();
  readonly #running = new Set<Promise<void>>();
  readonly #warned = new Set<string>();
  #unknown = 0;
  #closed = false;

  constructor(parts: ConnectionsParts) {
    this.#parts = parts;
    parts.carrier.accept((transport) => {
      // Whoever says nothing holds up no node for longer than it may be silent.
      if (this.#unknown >= MOST_UNKNOWN) return transport.close();
      this.#run(this.#take(transport));
    });
    parts.detours.accept((transport) => this.#run(this.#take(transport, true)));
  }

  /** A life of another node has begun. */
  add(link: Link, address: string): void {
    const key = keyOf(link.peer);
    const ends = { link, own: this.#parts.life(), isDetouring: false };
    this.#links.set(key, ends);
    for (const tell of this.#arrivals.get(key)?.splice(0) ?? []) tell();
    this.#arrivals.delete(key);
    if (ends.own.node < link.peer.node && address !== "") this.#run(this.#dial(ends, address));
  }

  /** It is over. */
  remove(link: Link): void {
    this.#links.delete(keyOf(link.peer));
  }

  /** Closes everything, and resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const transport of this.#transports) transport.close();
    for (const end of this.#timers) end();
    for (const waiting of this.#arrivals.values()) for (const tell of waiting) tell();
    await this.#parts.carrier.close();
    await Promise.all(this.#running);
  }

  #run(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** There has been no connection for a while: what must not be lost goes through the log. */
  detour(link: Link): void {
    const ends = this.#links.get(keyOf(link.peer));
    if (ends === undefined || ends.isDetouring || this.#closed) return;
    ends.isDetouring = true;
    const over = () => void (ends.isDetouring = false);
    this.#run(this.#meet(ends, this.#parts.detours.dial(link.peer), true).then(over, over));
  }

  async #dial(ends: Ends, address: string): Promise<void> {
    const { link } = ends;
    while (!link.ended && !this.#closed) {
      try {
        await this.#meet(ends, await this.#parts.carrier.dial(address));
      } catch (error) {
        if (!link.ended && !this.#closed) {
          const place = `node ${quote(link.peer.node)} at ${address}`;
          this.#warn(`${place} is not reached, it is tried again and again: ${errorText(error)}`);
        }
      }
      if (!link.ended && !this.#closed) await this.#pause(RETRY_MS);
    }
  }

  /** Asks who is there, and goes on over the connection if it is the peer. */
  #meet({ link, own }: Ends, transport: Transport, isDetour = false): Promise<void> {
    const { logger, cluster } = this.#parts;
    return this.#guarded(transport, async () => {
      await sayHello(transport, { cluster, from: own, to: link.peer });
      const reader = new BatchReader(transport);
      const hello = await this.#hear(transport, () => hearHello(reader));
      if (hello === undefined || !isFor(hello, { link, own }) || !this.#isOfCluster(hello)) {
        return logger.debug(`node ${quote(link.peer.node)} is not there yet`);
      }
      // Meanwhile there is a link. The peer does not ask itself that: what it has may be broken without its knowing.
      if (isDetour && link.connected) return;
      await this.#goOn(link, transport, reader, isDetour);
    });
  }

  async #take(transport: Transport, isDetour = false): Promise<void> {
    const { logger, cluster } = this.#parts;
    await this.#guarded(transport, async () => {
      const reader = new BatchReader(transport);
      this.#unknown++;
      const arrival = this.#arrival(reader, transport).finally(() => this.#unknown--);
      const { hello, ends } = await arrival ?? {};
      if (hello === undefined) return;
      const { from, to } = hello;
      if (ends === undefined) return logger.debug(`node ${quote(from.node)} connects, but does not live`);
      // It looks for an earlier life of this node, or for another node that had its address.
      if (!isFor(hello, ends)) return logger.debug(`node ${quote(from.node)} connects to ${keyOf(to)}, which is gone`);
      const { link, own } = ends;
      await sayHello(transport, { cluster, from: own, to: link.peer });
      await this.#goOn(link, transport, reader, isDetour);
    }).catch((error) => this.#warn(`a connection of another node was not taken: ${errorText(error)}`));
  }

  /** Who connects, and the link to it. */
  async #arrival(reader: BatchReader, transport: Transport): Promise<{ hello: Hello; ends?: Ends } | undefined> {
    const hello = await this.#hear(transport, () => hearHello(reader));
    if (hello === undefined || !this.#isOfCluster(hello)) return undefined;
    return { hello, ends: await this.#endsOf(hello.from) };
  }

  #isOfCluster({ cluster, from }: Hello): boolean {
    if (cluster === this.#parts.cluster) return true;
    this.#warn(`node ${quote(from.node)} of cluster ${quote(cluster)} connects, which is not this one`);
    return false;
  }

  /** Both know each other: this connection takes the former's place. */
  async #goOn(link: Link, transport: Transport, reader: BatchReader, isDetour: boolean): Promise<void> {
    await sayReceived(transport, link.succeed(transport));
    const received = await this.#hear(transport, () => hearReceived(reader));
    if (received === undefined) return;
    const { logger } = this.#parts;
    logger.info(`node ${quote(link.peer.node)} is linked${isDetour ? " through the log" : ""}`);
    try {
      await link.serve(transport, reader, received, isDetour);
    } catch (error) {
      if (!link.ended && !this.#closed) {
        logger.warn(`the link to node ${quote(link.peer.node)} broke: ${errorText(error)}`);
      }
    }
  }

  #warn(text: string): void {
    if (this.#closed) return;
    const isNew = this.#warned.size < MOST_WARNED && !this.#warned.has(text);
    if (isNew) this.#warned.add(text);
    this.#parts.logger[isNew ? "warn" : "debug"](text);
  }

  async #guarded(transport: Transport, work: () => Promise<void>): Promise<void> {
    this.#transports.add(transport);
    try {
      if (!this.#closed) await work();
    } finally {
      this.#transports.delete(transport);
      transport.close();
    }
  }

  /** What the peer says, which it must do soon. */
  async #hear<Said>(transport: Transport, hear: () => Promise<Said>): Promise<Said> {
    const cancel = this.#after(PATIENCE_MS, () => transport.close());
    try {
      return await hear();
    } finally {
      cancel();
    }
  }

  /** The link to a life, once it has come by in the log. */
  async #endsOf(life: Life): Promise<Ends | undefined> {
    const key = keyOf(life);
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    await new Promise<void>((resolve) => {
      const waiting = this.#arrivals.get(key) ?? [];
      this.#arrivals.set(key, waiting);
      const arrived = () => {
        cancel();
        resolve();
      };
      const cancel = this.#after(PATIENCE_MS, () => {
        waiting.splice(waiting.indexOf(arrived), 1);
        if (waiting.length === 0 && this.#arrivals.get(key) === waiting) this.#arrivals.delete(key);
        resolve();
      });
      waiting.push(arrived);
    });
    return this.#closed ? undefined : this.#links.get(key);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#timers.delete(end);
        cancel();
        resolve();
      };
      const cancel = this.#after(ms, end);
      this.#timers.add(end);
    });
  }

  #after(ms: number, run: () => void): () => void {
    const cancel = this.#parts.after(ms, () => {
      this.#timers.delete(stop);
      run();
    });
    const stop = () => {
      this.#timers.delete(stop);
      cancel();
    };
    this.#timers.add(stop);
    return stop;
  }
}

/** Whether a peer that says this is at the other end, and takes this node for what it is. */
function isFor({ from, to }: Hello, { link, own }: Pick<Ends, "link" | "own">): boolean {
  return keyOf(from) === keyOf(link.peer) && keyOf(to) === keyOf(own);
}
