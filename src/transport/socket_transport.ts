import type { RemoteAddress, Transport } from "./transport.ts";
import type { UnsentBytes } from "./unsent_bytes.ts";
import type { HostConnection } from "../runtime/host.ts";

/** Carries bytes over a connection of the runtime's own; an idle one holds only the buffer of its pending read. */
export class SocketTransport implements Transport {
  readonly acceptedAt: number = performance.now();
  takenBytes = 0;
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(
    private readonly connection: HostConnection,
    readonly kind: "tcp" | "unix",
    readonly remote: RemoteAddress,
    private readonly unsent?: UnsentBytes,
    readonly secure: boolean = false,
  ) {}

  unsentBytes(): Promise<number | undefined> {
    const { localAddr: local, remoteAddr: remote } = this.connection;
    if (this.#closed || !this.unsent || local.transport !== "tcp" || remote.transport !== "tcp") {
      return Promise.resolve(undefined);
    }
    return this.unsent.of({ local, remote });
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.connection.read(into);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#writing = this.#writeAll(bytes);
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#writing;
      await this.connection.closeWrite();
    } catch {
      // The peer or close() was first: our side has ended already.
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.connection.close();
  }

  /** The system may take less than it is given. */
  async #writeAll(bytes: Uint8Array): Promise<void> {
    let sent = await this.connection.write(bytes);
    this.takenBytes += sent;
    while (sent < bytes.length) {
      const more = await this.connection.write(bytes.subarray(sent));
      this.takenBytes += more;
      sent += more;
    }
  }
}
