import type { ConnectionContext } from "./connection_context.ts";
import type { Outbox } from "./outbox.ts";
import type { PacketWriter } from "./packet_writer.ts";

/** Changes that may wait to be stored before those who make them are read no further. */
const MAXIMUM_UNSTORED_CHANGES = 20_000;
/** The same for the bytes of their messages. */
const MAXIMUM_UNSTORED_BYTES = 8 * 2 ** 20;

/** Tells what has to be waited for before a client is read further. */
export class Throttle {
  readonly #context: ConnectionContext;
  readonly #outbox: Outbox;
  readonly #writer: PacketWriter;
  #hasFilled = false;

  constructor(context: ConnectionContext, outbox: Outbox, writer: PacketWriter) {
    this.#context = context;
    this.#outbox = outbox;
    this.#writer = writer;
  }

  /** The client has sent something that may last in memory. */
  fills(): void {
    this.#hasFilled = true;
  }

  /** What to wait for; each is waited for before the next is asked for. */
  *pauses(): Generator<Promise<void>> {
    // A client that does not take its answers is not read until it does, nor one that they cannot be given to yet.
    if (this.#outbox.congested) yield this.#outbox.relieved();
    if (this.#writer.waits && this.#hasManyUnstored) yield this.#context.persistence!.writeQueue.settled();
    // Near the ceiling of all memory whoever fills it is slowed down; others notice little of it.
    if (!this.#hasFilled || !this.#context.memory.near) return;
    this.#hasFilled = false;
    yield this.#context.memory.nextLook();
  }

  /** Changes that nobody waits for pile up in memory, so that who makes them is slowed down. */
  get #hasManyUnstored(): boolean {
    const { position, committed, unstoredBytes } = this.#context.persistence!.writeQueue;
    return position - committed >= MAXIMUM_UNSTORED_CHANGES || unstoredBytes >= MAXIMUM_UNSTORED_BYTES;
  }
}
