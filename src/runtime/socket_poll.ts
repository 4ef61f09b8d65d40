/**
 * Makes the runtime look at its sockets. While some socket always has something to read, it looks at the others only now and
 * then; a timer makes it look as well, but takes two milliseconds.
 */
import { type Host, host as runtime, type HostTcpConnection, type HostTcpListener } from "./host.ts";

const HOSTNAME = "127.0.0.1";
/** After the pair could not be opened it is tried again after so many looks. */
const LOOKS_BEFORE_RETRY = 1000;

/** Two connected sockets: what is written into one arrives at the other once the runtime has looked at all of them. */
interface Pair {
  readonly near: HostTcpConnection;
  readonly far: HostTcpConnection;
}

/** What a {@linkcode SocketPoll} works with. */
export type SocketPollHost = Pick<Host, "permissions" | "listen" | "connect">;

/**
 * Resolves {@linkcode SocketPoll.look} when every socket was looked at. It has a pair of loopback sockets from the first look
 * on, or a timer where it has no permission for that, or no descriptors.
 */
export class SocketPoll {
  readonly #byte = new Uint8Array(1);
  readonly #into = new Uint8Array(1);
  #pair: Pair | undefined;
  #opening: Promise<void> | undefined;
  /** Open for as long as the pair is being made. */
  #listener: HostTcpListener | undefined;
  #looksUntilOpening = 0;
  #closed = false;

  /** @param host opens the sockets. @default the runtime */
  constructor(private readonly host: SocketPollHost = runtime) {}

  /** Resolves once; looks must not overlap. Never rejects. */
  async look(): Promise<void> {
    if (!this.#pair) return await this.#lookByTimer();
    const { near, far } = this.#pair;
    try {
      const read = near.read(this.#into);
      await far.write(this.#byte);
      await read;
    } catch {
      // Closed meanwhile, or broken by somebody else: the next look is by timer.
      this.#drop();
    }
  }

  /** Frees the sockets; further looks are by timer. */
  async close(): Promise<void> {
    this.#closed = true;
    // What connects or accepts just now ends with it, whether or not it would have by itself.
    this.#listener?.close();
    await this.#opening;
    this.#drop();
  }

  async #lookByTimer(): Promise<void> {
    if (!this.#closed && !this.#opening && --this.#looksUntilOpening < 0) {
      this.#looksUntilOpening = LOOKS_BEFORE_RETRY;
      this.#opening = this.#open().catch(() => {}).finally(() => this.#opening = undefined);
    }
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }

  async #open(): Promise<void> {
    // Asking for a permission that is not granted would stop the program at a prompt.
    const { state } = await this.host.permissions.query({ name: "net", host: HOSTNAME });
    if (state !== "granted" || this.#closed) return;
    const listener = this.#listener = await this.host.listen({ hostname: HOSTNAME, port: 0 });
    try {
      if (this.#closed) return;
      const [near, far] = await this.#connectedPair(listener);
      this.#pair = { near, far };
      for (const end of [near, far]) end.setNoDelay(true);
    } finally {
      this.#listener = undefined;
      closeQuietly(listener);
      if (this.#closed) this.#drop();
    }
  }

  /** Another program of this machine may be quicker than we are. */
  async #connectedPair(listener: HostTcpListener): Promise<[HostTcpConnection, HostTcpConnection]> {
    const near = await this.host.connect({ hostname: HOSTNAME, port: listener.addr.port });
    try {
      for (;;) {
        const far = await listener.accept();
        if (far.remoteAddr.port === near.localAddr.port) return [near, far];
        far.close();
      }
    } catch (error) {
      near.close();
      throw error;
    }
  }

  #drop(): void {
    const pair = this.#pair;
    this.#pair = undefined;
    closeQuietly(pair?.near);
    closeQuietly(pair?.far);
  }
}

function closeQuietly(socket: { close(): void } | undefined): void {
  try {
    socket?.close();
  } catch {
    // It is closed already.
  }
}
