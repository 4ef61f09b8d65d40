/** A connection between two processes of a simulated world: slow, in pieces, frozen, half-open or broken. */
import type { HostTcpAddress, HostTcpConnection } from "../../../src/runtime/host_types.ts";
import type { Transport } from "../../../src/transport/transport.ts";
import type { Random } from "../../support/random.ts";
import type { Line } from "../network.ts";
import type { Process, World } from "../world.ts";
import { isUnchanged, type PendingRead, type PendingWrite, takePiece } from "../pieces.ts";

/** The two ends: who has connected, and who was connected to. */
export type End = "caller" | "called";

/** One direction: what is written at one end and read at the other. */
class Flow {
  /** Told of what no connection may see. */
  onFault: (text: string) => void = () => {};
  readonly #world: World;
  readonly #line: Line;
  readonly #random: Random;
  /** What has arrived and was not read; `null`: the end. */
  readonly #inbox: (Uint8Array | null)[] = [];
  /** What has come as far as where nothing goes on for a while. */
  #frozen: (Uint8Array | null)[] | undefined;
  #waitingBytes = 0;
  #lastAtMs = 0;
  #read: PendingRead | undefined;
  #write: PendingWrite<number> | undefined;
  #readerBroken: Error | undefined;
  #writerBroken: Error | undefined;
  #isDead = false;
  #hasEnded = false;

  constructor(world: World, line: Line, random: Random) {
    this.#world = world;
    this.#line = line;
    this.#random = random;
  }

  /** Takes some of it as soon as there is room. */
  write(bytes: Uint8Array): Promise<number> {
    if (this.#write) this.onFault("two writes of a connection were under way");
    if (this.#writerBroken) return Promise.reject(this.#writerBroken);
    return new Promise((resolve, reject) => {
      // No more of it can be taken.
      this.#write = { bytes, copy: bytes.slice(0, this.#line.windowBytes), resolve, reject };
      if (this.#random.chance(0.9)) this.#letWrite();
      else this.#world.after(1, () => this.#letWrite());
    });
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.#read) this.onFault("two reads of a connection were under way");
    if (this.#readerBroken) return Promise.reject(this.#readerBroken);
    if (this.#inbox.length > 0) return Promise.resolve(this.#fill(into));
    return new Promise((resolve, reject) => this.#read = { into, resolve, reject });
  }

  /** The writer has said all: what is under way still arrives. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#send(null);
  }

  /** Nothing gets through any longer, and nobody is told. */
  die(): void {
    this.#isDead = true;
  }

  /** Nothing gets through until it thaws; then all does, in its order. */
  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const frozen = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const bytes of frozen) this.#arrive(bytes);
  }

  breakReader(error: Error): void {
    this.#readerBroken ??= error;
    const read = this.#read;
    this.#read = undefined;
    read?.reject(this.#readerBroken);
    // Nobody will take what waits.
    this.#waitingBytes = 0;
    this.#letWrite();
  }

  breakWriter(error: Error): void {
    this.#writerBroken ??= error;
    const write = this.#write;
    this.#write = undefined;
    write?.reject(this.#writerBroken);
  }

  /** The reader's process is gone: nothing of it happens any longer. */
  forgetReader(): void {
    this.#read = undefined;
    this.#readerBroken = new Error("the process has ended");
  }

  forgetWriter(): void {
    this.#write = undefined;
    this.#writerBroken = new Error("the process has ended");
  }

  #letWrite(): void {
    const write = this.#write;
    if (!write) return;
    const { windowBytes } = this.#line;
    const isSwallowed = this.#readerBroken !== undefined && !this.#isDead;
    const room = isSwallowed ? Infinity : windowBytes - this.#waitingBytes;
    // Room is told of when it is worth while, as TCP has it.
    if (room < Math.min(write.copy.length, windowBytes / 2)) return;
    this.#write = undefined;
    const count = Math.min(room, write.copy.length);
    if (!isUnchanged(write)) this.onFault("bytes changed while they were written");
    if (!isSwallowed) {
      this.#waitingBytes += count;
      this.#send(write.copy.subarray(0, count));
    }
    write.resolve(count);
  }

  #send(bytes: Uint8Array | null): void {
    const { delayMs, jitterMs } = this.#line;
    this.#lastAtMs = Math.max(this.#lastAtMs, this.#world.nowMs + delayMs + this.#random.between(0, jitterMs));
    this.#world.after(this.#lastAtMs - this.#world.nowMs, () => {
      if (this.#isDead) return;
      if (this.#frozen) this.#frozen.push(bytes);
      else this.#arrive(bytes);
    });
  }

  #arrive(bytes: Uint8Array | null): void {
    if (this.#isDead || this.#readerBroken) return;
    if (bytes) this.#world.note(bytes);
    this.#inbox.push(bytes);
    const read = this.#read;
    this.#read = undefined;
    if (read) read.resolve(this.#fill(read.into));
  }

  #fill(into: Uint8Array): number | null {
    const count = takePiece(this.#inbox, into, this.#line.pieceBytes);
    if (count === null) return null;
    this.#waitingBytes -= count;
    this.#letWrite();
    return count;
  }
}

/** What a {@linkcode Pipe} joins. */
export interface PipeOptions {
  readonly world: World;
  readonly called: Process;
  readonly line: Line;
  readonly random: Random;
  readonly onFault: (text: string) => void;
}

/** Both directions of a connection, and what happens to it. */
export class Pipe {
  /** The end of who has connected. */
  readonly caller: HostTcpConnection;
  /** The end of who was connected to. */
  readonly called: Transport;
  readonly #world: World;
  readonly #random: Random;
  readonly #line: Line;
  readonly #flows: Record<End, Flow>;
  #isDead = false;
  #isOver = false;

  constructor({ world, called, line, random, onFault }: PipeOptions) {
    this.#world = world;
    this.#random = random;
    this.#line = line;
    // Each by who writes.
    this.#flows = { caller: new Flow(world, line, random), called: new Flow(world, line, random) };
    for (const flow of Object.values(this.#flows)) flow.onFault = onFault;
    this.caller = { ...this.#end("caller"), ...addresses, setNoDelay() {} };
    const end = this.#end("called");
    let takenBytes = 0;
    this.called = {
      get takenBytes() {
        return takenBytes;
      },
      kind: "stream",
      secure: false,
      remote: {},
      acceptedAt: called.machine.now(0),
      read: end.read,
      write: async (bytes) => {
        for (let at = 0; at < bytes.length;) {
          const count = await end.write(bytes.subarray(at));
          at += count;
          takenBytes += count;
        }
      },
      closeWrite: end.closeWrite,
      close: end.close,
    };
  }

  /** Nothing more can happen on it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** It breaks, and both ends are told: what is under way may be lost. */
  cut(): void {
    this.#isOver = true;
    if (this.#random.chance(0.5)) this.#die();
    for (const end of ends) this.#reset(end);
  }

  /** It breaks, and one end only is told. */
  cutFor(end: End): void {
    this.#die();
    this.#reset(end);
  }

  /** Nothing gets through any longer, and nobody is told. */
  vanish(): void {
    this.#die();
  }

  /** Nothing gets through for a while, and all of it then. */
  freeze(): void {
    for (const flow of Object.values(this.#flows)) flow.freeze();
  }

  thaw(): void {
    for (const flow of Object.values(this.#flows)) flow.thaw();
  }

  /** A process has ended: its system tells the other one, if it can. */
  processEnded(end: End): void {
    this.#flows[end].forgetWriter();
    this.#flows[other(end)].forgetReader();
    if (this.#isDead) return;
    this.#flows[end].end();
    this.#world.after(this.#line.delayMs, () => this.#flows[other(end)].breakWriter(new Error("Broken pipe")));
  }

  #die(): void {
    this.#isDead = true;
    for (const flow of Object.values(this.#flows)) flow.die();
  }

  #reset(end: End): void {
    const { delayMs, jitterMs } = this.#line;
    this.#world.after(delayMs + this.#random.between(0, jitterMs), () => {
      const error = new Error("Connection reset by peer");
      this.#flows[end].breakWriter(error);
      this.#flows[other(end)].breakReader(error);
    });
  }

  #end(end: End) {
    const [written, read] = [this.#flows[end], this.#flows[other(end)]];
    return {
      read: (into: Uint8Array) => read.read(into),
      write: (bytes: Uint8Array) => written.write(bytes),
      closeWrite: () => Promise.resolve(written.end()),
      close: () => {
        const error = new Error("Cannot use the connection: it was closed");
        written.breakWriter(error);
        if (!this.#isDead) written.end();
        read.breakReader(error);
      },
    };
  }
}

const ends: readonly End[] = ["caller", "called"];
const addressOf = (hostname: string): HostTcpAddress => ({ transport: "tcp", hostname, port: 1883 });
const addresses = { localAddr: addressOf("192.0.2.1"), remoteAddr: addressOf("192.0.2.2") };

function other(end: End): End {
  return end === "caller" ? "called" : "caller";
}
