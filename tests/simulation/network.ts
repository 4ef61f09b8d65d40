/** One simulated connection: bytes take their time, come in pieces, or are lost with it. */
import type { Transport } from "../../src/transport/transport.ts";
import type { Random } from "../support/random.ts";
import type { Process, World } from "./world.ts";
import { isUnchanged, type PendingRead, type PendingWrite, takePiece } from "./pieces.ts";

/** How a connection behaves. */
export interface Line {
  /** Milliseconds each way: the least, and what chance adds at most. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Bytes that the broker is given at once. */
  readonly pieceBytes: number;
  /** Bytes that wait for the client before the broker's writes do. */
  readonly windowBytes: number;
}

/** What the client's end tells. */
export interface LineEnds {
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onEnd: () => void;
}

/** A connection between a simulated client and the broker's process. */
export class Wire {
  /** The broker's end. */
  readonly transport: Transport;
  /** Told of what no transport may see. */
  onFault: (text: string) => void = () => {};
  readonly #world: World;
  readonly #process: Process;
  readonly #line: Line;
  readonly #random: Random;
  readonly #ends: LineEnds;
  /** What has arrived at the broker; `null`: the client's side has ended there. */
  readonly #inbox: (Uint8Array | null)[] = [];
  #read: PendingRead | undefined;
  #write: PendingWrite | undefined;
  /** What has arrived at the client and was not taken by it; `null`: the end. */
  readonly #arrived: (Uint8Array | null)[] = [];
  #waitingBytes = 0;
  #lastToBroker = 0;
  #lastToClient = 0;
  #broken: Error | undefined;
  /** The client does not take part any longer. */
  #clientGone = false;
  /** Nothing gets through, and nobody is told. */
  #isDead = false;
  #isPaused = false;

  constructor(process: Process, line: Line, random: Random, ends: LineEnds) {
    this.#world = process.world;
    this.#process = process;
    this.#line = line;
    this.#random = random;
    this.#ends = ends;
    this.transport = {
      kind: "stream",
      secure: false,
      remote: {},
      acceptedAt: process.machine.now(0),
      read: (into) => this.#brokerReads(into),
      write: (bytes) => this.#brokerWrites(bytes),
      closeWrite: () => this.#brokerEnds(),
      close: () => this.#brokerCloses(),
    };
  }

  /** When the broker's end was over. */
  endedAtMs = Infinity;
  /** The broker has closed its end. */
  get closedByBroker(): boolean {
    return this.#broken !== undefined;
  }

  /** The client sends. */
  send(bytes: Uint8Array): void {
    if (!this.#clientGone && bytes.length > 0) this.#toBroker(() => this.#arriveAtBroker(bytes));
  }

  /** The client has said all and goes: what it sent still arrives. */
  close(): void {
    if (this.#clientGone) return;
    this.#clientGone = true;
    this.#toBroker(() => this.#arriveAtBroker(null));
    this.#takeAway();
  }

  /** The connection breaks: what is under way to the broker may be lost. */
  cut(): void {
    this.#clientGone = true;
    this.#isDead = this.#random.chance(0.5);
    this.#world.after(this.#delay(), () => this.#breakOff(new Error("Connection reset by peer")));
    this.#takeAway();
  }

  /** The client is gone, and the broker is not told. */
  vanish(): void {
    this.#clientGone = true;
    this.#isDead = true;
  }

  /** The client takes nothing for a while. */
  pause(ms: number): void {
    this.#isPaused = true;
    this.#world.after(ms, () => {
      this.#isPaused = false;
      this.#giveClient();
    });
  }

  /** The broker's process has ended. */
  processEnded(): void {
    this.endedAtMs = Math.min(this.endedAtMs, this.#world.nowMs);
    this.#broken ??= new Error("the process has ended");
    this.#toClient(null);
  }

  #delay(): number {
    return this.#line.delayMs + this.#random.between(0, this.#line.jitterMs);
  }

  #toBroker(arrive: () => void): void {
    this.#lastToBroker = Math.max(this.#lastToBroker, this.#world.nowMs + this.#delay());
    this.#world.after(this.#lastToBroker - this.#world.nowMs, () => {
      this.#process.notice(() => !this.#isDead && !this.#broken && arrive());
    });
  }

  #toClient(bytes: Uint8Array | null): void {
    this.#lastToClient = Math.max(this.#lastToClient, this.#world.nowMs + this.#delay());
    this.#world.after(this.#lastToClient - this.#world.nowMs, () => {
      if (this.#clientGone) return;
      this.#arrived.push(bytes);
      this.#giveClient();
    });
  }

  #giveClient(): void {
    while (!this.#clientGone && !this.#isPaused && this.#arrived.length > 0) {
      const bytes = this.#arrived.shift()!;
      if (bytes === null) {
        this.#clientGone = true;
        this.#ends.onEnd();
        if (this.#broken === undefined) this.#toBroker(() => this.#arriveAtBroker(null));
      } else {
        this.#waitingBytes -= bytes.length;
        this.#world.note(bytes);
        this.#ends.onBytes(bytes);
      }
    }
    this.#letWrite();
  }

  /** Nobody will take what waits for the client. */
  #takeAway(): void {
    this.#waitingBytes = 0;
    this.#letWrite();
  }

  #arriveAtBroker(bytes: Uint8Array | null): void {
    this.#inbox.push(bytes);
    const read = this.#read;
    this.#read = undefined;
    if (read) read.resolve(this.#fill(read.into));
  }

  #fill(into: Uint8Array): number | null {
    return takePiece(this.#inbox, into, this.#line.pieceBytes);
  }

  #brokerReads(into: Uint8Array): Promise<number | null> {
    if (this.#read) this.onFault("two reads of a transport were under way");
    if (this.#broken) return Promise.reject(this.#broken);
    if (this.#inbox.length > 0) return Promise.resolve(this.#fill(into));
    return new Promise((resolve, reject) => this.#read = { into, resolve, reject });
  }

  #brokerWrites(bytes: Uint8Array): Promise<void> {
    if (this.#write) this.onFault("two writes of a transport were under way");
    if (this.#broken) return Promise.reject(this.#broken);
    if (!this.#process.alive) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      this.#write = { bytes, copy: bytes.slice(), resolve, reject };
      // A system that takes something at once is the rule.
      if (this.#random.chance(0.9)) this.#letWrite();
      else this.#world.after(1, () => this.#letWrite());
    });
  }

  #letWrite(): void {
    const write = this.#write;
    if (!write || this.#broken || !this.#process.alive) return;
    const swallowed = this.#clientGone && !this.#isDead;
    if (!swallowed && this.#waitingBytes > 0 && this.#waitingBytes + write.copy.length > this.#line.windowBytes) return;
    this.#write = undefined;
    if (!isUnchanged(write)) this.onFault("bytes changed while they were being written");
    if (!swallowed) {
      this.#waitingBytes += write.copy.length;
      this.#toClient(write.copy);
    }
    this.#process.notice(() => write.resolve());
  }

  async #brokerEnds(): Promise<void> {
    await Promise.resolve();
    if (this.#broken) return;
    this.endedAtMs = Math.min(this.endedAtMs, this.#world.nowMs);
    this.#toClient(null);
  }

  #brokerCloses(): void {
    if (this.#broken) return;
    this.#breakOff(new Error("Cannot use the stream: it was closed"));
    this.#toClient(null);
  }

  #breakOff(error: Error): void {
    this.endedAtMs = Math.min(this.endedAtMs, this.#world.nowMs);
    this.#broken ??= error;
    const [read, write] = [this.#read, this.#write];
    this.#read = this.#write = undefined;
    this.#process.notice(() => {
      read?.reject(error);
      write?.reject(error);
    });
  }
}
