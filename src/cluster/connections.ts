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
}

/** Makes and takes connections, and gives them to the links. */
export class Connections {
  readonly #parts: ConnectionsParts;
  readonly #links = new Map<string, Link>();
  readonly #arrivals = new Map<string, (() => void)[]>();
  readonly #transports = new Set<Transport>();
  readonly #timers = new Set<() => void>();
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(parts: ConnectionsParts) {
    this.#parts = parts;
    parts.carrier.accept((transport) => this.#run(this.#take(transport)));
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
          await say(transport, { cluster, life: life(), received: link.received });
          const reader = new BatchReader(transport);
          const hello = await this.#hear(reader, transport);
          if (hello === undefined || keyOf(hello.life) !== keyOf(link.peer)) {
            return logger.debug(`node ${quote(link.peer.node)} at ${address} is not there yet`);
          }
          await this.#serve(link, transport, reader, hello.received);
        });
      } catch (error) {
        logger.debug(`node ${quote(link.peer.node)} at ${address} is not reached: ${errorText(error)}`);
      }
      if (!link.ended && !this.#closed) await this.#pause(RETRY_MS);
    }
  }

  async #take(transport: Transport): Promise<void> {
    const { logger, cluster, life } = this.#parts;
    await this.#guarded(transport, async () => {
      const reader = new BatchReader(transport);
      const hello = await this.#hear(reader, transport);
      if (hello === undefined) return;
      const link = await this.#linkTo(hello.life);
      if (link === undefined) return logger.debug(`node ${quote(hello.life.node)} connects, but does not live`);
      await say(transport, { cluster, life: life(), received: link.received });
      await this.#serve(link, transport, reader, hello.received);
    }).catch((error) => logger.debug(`a connection of another node was not taken: ${errorText(error)}`));
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
      const frames = await reader.next();
      if (frames === undefined) return undefined;
      const source = new ByteSource(frames);
      const cluster = source.text();
      const life = { node: source.text(), incarnation: source.number() };
      if (cluster === this.#parts.cluster) return { cluster, life, received: source.number() };
      this.#parts.logger.warn(`node ${quote(life.node)} of cluster ${quote(cluster)} connects, which is not this one`);
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
      const cancel = this.#after(PATIENCE_MS, resolve);
      waiting.push(() => {
        cancel();
        resolve();
      });
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

async function say(transport: Transport, { cluster, life, received }: Hello): Promise<void> {
  const out = new OutputBuffer();
  for (let i = 0; i < BATCH_HEAD_BYTES / 4; i++) out.u32(0);
  writeText(out, cluster);
  writeText(out, life.node);
  writeNumber(out, life.incarnation);
  writeNumber(out, received);
  const bytes = out.take();
  sealBatch(bytes);
  await transport.write(bytes);
}
