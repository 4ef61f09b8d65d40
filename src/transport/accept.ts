/** The accept loop that every listener on the runtime's own sockets runs. */
import type { Logger } from "../logger.ts";
import type { Descriptors } from "./descriptors.ts";
import { codeOf } from "./listen_error.ts";
import { host, type HostConnection } from "../runtime/host.ts";

const FIRST_PAUSE_MILLISECONDS = 10;
const LONGEST_PAUSE_MILLISECONDS = 1000;
/** So long there was no shortage when another one is worth a line: at the limit, each connection that goes ends one. */
const QUIET_MILLISECONDS = 60_000;

/** The process or the machine is short of something: it will not get better by trying at once. */
const SHORTAGES: ReadonlySet<string | undefined> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);
/** The listening socket itself is of no use any more. */
const BROKEN: ReadonlySet<string | undefined> = new Set(["EBADF", "EINVAL", "ENOTSOCK", "EOPNOTSUPP"]);

/** What an {@linkcode Acceptor} works with. */
export interface AcceptorOptions {
  /** Where it listens, for the log. */
  readonly name: string;
  readonly logger: Logger;
  /** Asked before each connection. @default accepts until the system refuses */
  readonly descriptors?: Descriptors;
  /** Calls `wake` after that time, unless what it returns is called before. @default a timer of the system's */
  readonly after?: (milliseconds: number, wake: () => void) => () => void;
  /** Milliseconds that never go back. @default those of the process */
  readonly now?: () => number;
}

/**
 * Accepts connections until it is stopped. It pauses when the process runs short of descriptors or memory; any other fault
 * is that of the one connection that waited to be accepted, and delays nobody.
 */
export class Acceptor<C extends HostConnection> {
  #stopped = false;
  #pauseMilliseconds = 0;
  /** When there was a shortage last. */
  #shortAt = -Infinity;
  /** Ends the pause. */
  #wake: () => void = () => {};
  #accepting: Promise<C> | undefined;

  constructor(private readonly listener: AcceptSource<C>, private readonly options: AcceptorOptions) {}

  /**
   * The next connection, or `undefined` once the listener is stopped.
   *
   * @throws if the listening socket is broken
   */
  async next(): Promise<C | undefined> {
    const { descriptors, logger, name } = this.options;
    while (!this.#stopped) {
      const shortage = descriptors?.take();
      if (shortage !== undefined) {
        await this.#pause(shortage);
        continue;
      }
      try {
        const connection = await (this.#accepting = this.listener.accept());
        this.#pauseMilliseconds = 0;
        return connection;
      } catch (error) {
        if (this.#stopped) break;
        if (isBroken(error)) throw error;
        if (SHORTAGES.has(codeOf(error))) await this.#pause(error);
        else logger.debug(`A connection to ${name} was gone before it was accepted: ${error}`);
      }
    }
    return undefined;
  }

  /** Closes the listening socket and ends a pending {@linkcode next}. Resolves when the address is free again. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.listener.close();
    this.#wake();
    await this.#accepting?.catch(() => {});
  }

  /** Waits longer with each shortage in a row, so that a lasting one neither spins nor floods the log. */
  #pause(reason: unknown): Promise<void> {
    const { logger, name, after = systemTimer, now = () => performance.now() } = this.options;
    const at = now();
    if (at - this.#shortAt >= QUIET_MILLISECONDS) {
      logger.warn(`Cannot accept a connection on ${name}, trying again: ${reason}`);
    }
    this.#shortAt = at;
    this.#pauseMilliseconds = Math.min(
      Math.max(2 * this.#pauseMilliseconds, FIRST_PAUSE_MILLISECONDS),
      LONGEST_PAUSE_MILLISECONDS,
    );
    return new Promise((resolve) => {
      const cancel = after(this.#pauseMilliseconds, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function systemTimer(milliseconds: number, wake: () => void): () => void {
  const timer = setTimeout(wake, milliseconds);
  return () => clearTimeout(timer);
}

/** What the loop needs of a listening socket. */
export interface AcceptSource<C extends HostConnection> {
  accept(): Promise<C>;
  close(): void;
}

function isBroken(error: unknown): boolean {
  return error instanceof host.errors.BadResource || BROKEN.has(codeOf(error));
}
