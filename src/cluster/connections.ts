/** The connections between nodes: one of each pair. The node whose name is lower connects, again and again if need be. */
import { errorText } from "../error_text.ts";
import type { Logger } from "../logger.ts";
import { OutputBuffer } from "../packet/output_buffer.ts";
import { quote } from "../quote.ts";
import type { Transport } from "../transport/transport.ts";
import { BATCH_HEAD_BYTES, BatchReader, sealBatch } from "./batch.ts";
import { ByteSource } from "./bytes.ts";
import type { Life } from "./cluster_state.ts";
import { writeNumber, writeText } from "./frames.ts";
import type { Link } from "./link.ts";

/** How long after a connection broke or could not be made the next is tried. */
const RETRY_MS = 200;
/** How long a peer may take to say who it is, and this node to read in the log that it lives. */
const PATIENCE_MS = 5000;
/** So many connections may be there that have not said who they are. */
const MOST_UNKNOWN = 64;
/** What a peer says of itself is no larger: two names of 64 KiB and two numbers. */
const LARGEST_HELLO_BYTES = 136 * 1024;
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

/** What {@linkcode Connections} work with. */
export interface ConnectionsParts {
  readonly cluster: string;
  readonly carrier: LinkCarrier;
  readonly logger: Logger;
  /** Who this node is now. */
  life(): Life;
  /** Calls `run` once, in `ms` milliseconds, unless what is returned is called before. */
  after(ms: number, run: () => void): () => void;
}

interface Hello {
  readonly cluster: string;
  readonly life: Life;
  readonly received: number;
  /** Which life of the peer it is said to: numbers of frames are those of two lives. `undefined`: an older node does not say. */
  readonly to: number | undefined;
}

/** Makes and takes connections, and gives them to the links. */
export class Connections {
  readonly #parts: ConnectionsParts;
  readonly #links = new Map<string, Link>();
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
  }

  /** A life of another node has begun. */
  add(link: Link, address: string): void {
    const key = keyOf(link.peer);
    this.#links.set(key, link);
    for (const tell of this.#arrivals.get(key)?.splice(0) ?? []) tell();
    this.#arrivals.delete(key);
    if (this.#parts.life().node < link.peer.node && address !== "") this.#run(this.#dial(link, address));
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

  async #dial(link: Link, address: string): Promise<void> {
    const { carrier, logger, cluster, life } = this.#parts;
    while (!link.ended && !this.#closed) {
      try {
        const transport = await carrier.dial(address);
        await this.#guarded(transport, async () => {
          await say(transport, { cluster, life: life(), received: link.succeed(transport), to: link.peer.incarnation });
          const reader = new BatchReader(transport);
          const hello = await this.#hear(reader, transport);
          if (hello === undefined || keyOf(hello.life) !== keyOf(link.peer)) {
            return logger.debug(`node ${quote(link.peer.node)} at ${address} is not there yet`);
          }
          await this.#serve(link, transport, reader, hello.received);
        });
      } catch (error) {
        if (!link.ended && !this.#closed) {
          const place = `node ${quote(link.peer.node)} at ${address}`;
          this.#warn(`${place} is not reached, it is tried again and again: ${errorText(error)}`);
        }
      }
      if (!link.ended && !this.#closed) await this.#pause(RETRY_MS);
    }
  }

  async #take(transport: Transport): Promise<void> {
    const { logger, cluster, life } = this.#parts;
    await this.#guarded(transport, async () => {
      const reader = new BatchReader(transport);
      this.#unknown++;
      const arrival = this.#arrival(reader, transport).finally(() => this.#unknown--);
      const { hello, link } = await arrival ?? {};
      if (hello === undefined) return;
      if (link === undefined) return logger.debug(`node ${quote(hello.life.node)} connects, but does not live`);
      if (hello.to !== undefined && hello.to !== life().incarnation) {
        return logger.debug(`node ${quote(hello.life.node)} connects to an earlier life of this one`);
      }
      await say(transport, { cluster, life: life(), received: link.succeed(transport), to: link.peer.incarnation });
      await this.#serve(link, transport, reader, hello.received);
    }).catch((error) => this.#warn(`a connection of another node was not taken: ${errorText(error)}`));
  }

  /** Who connects, and the link to it. */
  async #arrival(reader: BatchReader, transport: Transport): Promise<{ hello: Hello; link?: Link } | undefined> {
    const hello = await this.#hear(reader, transport);
    return hello && { hello, link: await this.#linkTo(hello.life) };
  }

  #warn(text: string): void {
    if (this.#closed) return;
    const isNew = this.#warned.size < MOST_WARNED && !this.#warned.has(text);
    if (isNew) this.#warned.add(text);
    this.#parts.logger[isNew ? "warn" : "debug"](text);
  }

  async #serve(link: Link, transport: Transport, reader: BatchReader, received: number): Promise<void> {
    const { logger } = this.#parts;
    logger.info(`node ${quote(link.peer.node)} is linked`);
    try {
      await link.serve(transport, reader, received);
    } catch (error) {
      if (!link.ended && !this.#closed) {
        logger.warn(`the link to node ${quote(link.peer.node)} broke: ${errorText(error)}`);
      }
    }
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

  /** What the peer says of itself; `undefined`: it says nothing, or is of another cluster. */
  async #hear(reader: BatchReader, transport: Transport): Promise<Hello | undefined> {
    const cancel = this.#after(PATIENCE_MS, () => transport.close());
    try {
      const frames = await reader.next(LARGEST_HELLO_BYTES);
      if (frames === undefined) return undefined;
      const source = new ByteSource(frames);
      const cluster = source.text();
      const life = { node: source.text(), incarnation: source.number() };
      if (cluster === this.#parts.cluster) {
        return { cluster, life, received: source.number(), to: source.remaining > 0 ? source.number() : undefined };
      }
      this.#warn(`node ${quote(life.node)} of cluster ${quote(cluster)} connects, which is not this one`);
      return undefined;
    } finally {
      cancel();
    }
  }

  /** The link to a life, once it has come by in the log. */
  async #linkTo(life: Life): Promise<Link | undefined> {
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

function keyOf({ node, incarnation }: Life): string {
  return `${incarnation}/${node}`;
}

async function say(transport: Transport, { cluster, life, received, to = 0 }: Hello): Promise<void> {
  const out = new OutputBuffer();
  for (let i = 0; i < BATCH_HEAD_BYTES / 4; i++) out.u32(0);
  writeText(out, cluster);
  writeText(out, life.node);
  writeNumber(out, life.incarnation);
  writeNumber(out, received);
  writeNumber(out, to);
  const bytes = out.take();
  sealBatch(bytes);
  await transport.write(bytes);
}
