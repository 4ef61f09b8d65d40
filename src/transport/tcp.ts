/** Plain TCP. */
import type { Logger } from "../logger.ts";
import { Acceptor } from "./accept.ts";
import { formatAddress } from "./address.ts";
import type { Descriptors } from "./descriptors.ts";
import { cannotListen } from "./listen_error.ts";
import type { Listener, RemoteAddress, Transport } from "./transport.ts";

/** Where a TCP listener listens. */
export interface TcpListenOptions {
  readonly hostname: string;
  /** 0 to 65,535; 0 picks a free port. */
  readonly port: number;
  readonly logger: Logger;
  /** Asked before each connection is accepted. @default accepts until the system refuses */
  readonly descriptors?: Descriptors;
}

/**
 * Listens for TCP connections. A shortage of descriptors or memory is waited out; what fails for one peer delays no other.
 *
 * @throws {ListenError} if the address cannot be listened on: port in use, permission denied, unknown host, …
 */
export function listenTcp(options: TcpListenOptions): Listener {
  try {
    return new TcpListener(Deno.listen({ hostname: options.hostname, port: options.port }), options);
  } catch (error) {
    throw cannotListen(options.hostname, options.port, error);
  }
}

class TcpListener implements Listener {
  readonly certificateValidity = undefined;
  readonly address: { readonly hostname: string; readonly port: number };
  readonly #acceptor: Acceptor<Deno.TcpConn>;

  constructor(listener: Deno.TcpListener, { logger, descriptors }: TcpListenOptions) {
    const { hostname, port } = listener.addr;
    this.address = { hostname, port };
    this.#acceptor = new Acceptor(listener, { name: formatAddress(hostname, port), logger, descriptors });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Transport, void, undefined> {
    for (let connection; (connection = await this.#acceptor.next());) {
      sendWithoutDelay(connection);
      yield new TcpTransport(connection);
    }
  }

  /** There is nothing to read again. */
  reload(): Promise<void> {
    return Promise.resolve();
  }

  refresh(): Promise<boolean> {
    return Promise.resolve(false);
  }

  close(): Promise<void> {
    return this.#acceptor.stop();
  }
}

/** Carries bytes over a connection of Deno's own; an idle one holds only the buffer of its pending read. */
class TcpTransport implements Transport {
  readonly kind = "tcp";
  readonly secure = false;
  readonly remote: RemoteAddress;
  readonly acceptedAt: number = performance.now();
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(private readonly connection: Deno.TcpConn) {
    const { hostname, port } = connection.remoteAddr;
    this.remote = { hostname, port };
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
    while (sent < bytes.length) sent += await this.connection.write(bytes.subarray(sent));
  }
}

/** Small packets leave at once (no Nagle); a peer that has gone already shows itself at the first read. */
function sendWithoutDelay(connection: Deno.TcpConn): void {
  try {
    connection.setNoDelay(true);
  } catch {
    // Nothing left to speed up.
  }
}
