/** The accept loop that every listener on Deno's own sockets runs. */
import { formatAddress } from "./address.ts";
import type { Logger } from "../logger.ts";

const FIRST_PAUSE_MILLISECONDS = 10;
const LONGEST_PAUSE_MILLISECONDS = 1000;

/** Accepts connections until it is stopped. What fails once (no file descriptors left, say) is tried again. */
export class Acceptor<C extends Deno.Conn> {
  #stopped = false;
  #pauseMilliseconds = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wake: (() => void) | undefined;
  #accepting: Promise<C> | undefined;

  constructor(private readonly listener: AcceptSource<C>, private readonly logger: Logger) {}

  /** The next connection, or `undefined` once the listener is stopped. */
  async next(): Promise<C | undefined> {
    while (!this.#stopped) {
      try {
        const connection = await (this.#accepting = this.listener.accept());
        this.#pauseMilliseconds = 0;
        return connection;
      } catch (error) {
        if (!this.#stopped && !isPeersDoing(error)) await this.#pause(error);
      }
    }
    return undefined;
  }

  /** Closes the listening socket and ends a pending {@linkcode next}. Resolves when the port is free again. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.listener.close();
    clearTimeout(this.#timer);
    this.#wake?.();
    await this.#accepting?.catch(() => {});
  }

  /** Waits longer with each failure in a row, so that a lasting fault neither spins nor floods the log. */
  #pause(error: unknown): Promise<void> {
    const { hostname, port } = this.listener.addr as Deno.NetAddr;
    if (this.#pauseMilliseconds === 0) {
      this.logger.warn(`Cannot accept a connection on ${formatAddress(hostname, port)}, trying again: ${error}`);
    }
    this.#pauseMilliseconds = Math.min(
      Math.max(2 * this.#pauseMilliseconds, FIRST_PAUSE_MILLISECONDS),
      LONGEST_PAUSE_MILLISECONDS,
    );
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = setTimeout(resolve, this.#pauseMilliseconds);
    });
  }
}

/** What the loop needs of a `Deno.Listener`. */
export interface AcceptSource<C extends Deno.Conn> {
  readonly addr: Deno.Addr;
  accept(): Promise<C>;
  close(): void;
}

/** The peer went away while it waited to be accepted: nothing of ours is short, so there is nothing to wait for. */
function isPeersDoing(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.ConnectionReset;
}
