/**
 * The way from one node to another when their link is cut, and both reach the log: a connection like any other whose bytes go
 * through the log. All nodes read them there, so that it is for what must not be lost, until there is a link again.
 */
import { Receipt } from "../receipt.ts";
import { ByteQueue } from "../transport/byte_queue.ts";
import type { Transport } from "../transport/transport.ts";
import type { Life } from "./cluster_state.ts";
import { encodeParcel, type Parcel } from "./entries.ts";
import { keyOf } from "./handshake.ts";

/** So many bytes are in one entry of the log at most. */
const PARCEL_BYTES = 256 * 1024;
/** Links let each other have less under way: who sends more is no node of this kind. */
const MOST_BYTES = 32 * 2 ** 20;

/** What {@linkcode Detours} work with. */
export interface DetoursParts {
  /** Who this node is now. */
  life(): Life;
  /** Says something in the log. @param receipt told when it has come by, or never will */
  tell(content: Uint8Array, receipt: Receipt): void;
  /** Milliseconds on the clock of `Transport.acceptedAt`. */
  now(): number;
}

/** All connections of a node that go through the log. */
export class Detours {
  readonly #parts: DetoursParts;
  /** By the peer's life, the number, and who began it. */
  readonly #open = new Map<string, Detour>();
  #accept: (transport: Transport) => void = () => {};
  #last = 0;

  constructor(parts: DetoursParts) {
    this.#parts = parts;
  }

  /** How many there are. */
  get count(): number {
    return this.#open.size;
  }

  /** From now on connections of others are given to `take`. */
  accept(take: (transport: Transport) => void): void {
    this.#accept = take;
  }

  /** Begins one to a life of another node. */
  dial(to: Life): Transport {
    return this.#make(to, ++this.#last, true);
  }

  /** Something has come by in the log. */
  take(from: Life, { to, connection, isAnswer, part, bytes }: Parcel): void {
    if (keyOf(to) !== keyOf(this.#parts.life())) return;
    let detour = this.#open.get(placeOf(from, connection, isAnswer));
    if (detour === undefined && part === "first" && !isAnswer) {
      detour = this.#make(from, connection, false);
      this.#accept(detour);
    }
    // What belongs to one that was closed here is nobody's.
    if (part === "last") detour?.end();
    else detour?.take(bytes);
  }

  /** All that this life of the node had are over. */
  clear(): void {
    for (const detour of [...this.#open.values()]) detour.close();
  }

  #make(peer: Life, connection: number, isOwn: boolean): Detour {
    const place = placeOf(peer, connection, isOwn);
    const own = this.#parts.life();
    const detour = new Detour({
      acceptedAt: this.#parts.now(),
      send: (part, bytes) => this.#send({ to: peer, connection, isAnswer: !isOwn, part, bytes }, own),
      onClose: () => void this.#open.delete(place),
    });
    this.#open.set(place, detour);
    return detour;
  }

  async #send(parcel: Parcel, own: Life): Promise<void> {
    // What belongs to a life that is over is not said in the next.
    if (keyOf(own) !== keyOf(this.#parts.life())) throw new Error("this node has begun a new life");
    const receipt = new Receipt();
    this.#parts.tell(encodeParcel(parcel), receipt);
    await new Promise<void>((resolve) => receipt.whenSettled(resolve));
  }
}

function placeOf(peer: Life, connection: number, isOwn: boolean): string {
  return `${isOwn ? "to" : "from"} ${keyOf(peer)} ${connection}`;
}

interface DetourParts {
  readonly acceptedAt: number;
  /** Resolves when it has come by in the log. */
  send(part: Parcel["part"], bytes: Uint8Array): Promise<void>;
  onClose(): void;
}

/** One of them. */
class Detour implements Transport {
  readonly kind = "stream";
  readonly secure = false;
  readonly remote = {};
  readonly acceptedAt: number;
  readonly #parts: DetourParts;
  readonly #queue = new ByteQueue();
  #part: "first" | "more" = "first";
  #closed: Error | undefined;
  readonly #closing = Promise.withResolvers<never>();

  constructor(parts: DetourParts) {
    this.acceptedAt = parts.acceptedAt;
    this.#parts = parts;
    // Most often nobody writes when it is closed.
    this.#closing.promise.catch(() => {});
  }

  get bufferedBytes(): number {
    return this.#queue.length;
  }

  take(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    if (this.#queue.length > MOST_BYTES) this.close();
  }

  /** The peer has closed it. */
  end(): void {
    this.#queue.end();
    this.#end(false);
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#queue.read(into);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PARCEL_BYTES) {
      if (this.#closed) throw this.#closed;
      const sent = this.#parts.send(this.#part, bytes.subarray(at, at + PARCEL_BYTES));
      this.#part = "more";
      await Promise.race([sent, this.#closing.promise]);
    }
  }

  // deno-lint-ignore require-await
  async closeWrite(): Promise<void> {
    this.close();
  }

  close(): void {
    this.#end(true);
    this.#queue.fail(new Error("Cannot read: the way through the log was closed"));
  }

  #end(tellsPeer: boolean): void {
    if (this.#closed !== undefined) return;
    this.#closed = new Error("Cannot write: the way through the log was closed");
    this.#closing.reject(this.#closed);
    this.#parts.onClose();
    if (!tellsPeer) return;
    this.#parts.send("last", new Uint8Array(0)).catch(() => {
      // Then its life is over, which the peer knows.
    });
  }
}
