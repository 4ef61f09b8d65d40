/** Plain TCP. */
import type { Logger } from "../logger.ts";
import { Acceptor } from "./accept.ts";
import { formatAddress } from "./address.ts";
import type { Descriptors } from "./descriptors.ts";
import { cannotListen } from "./listen_error.ts";
import { SocketTransport } from "./socket_transport.ts";
import type { Listener, Transport } from "./transport.ts";
import { UnsentBytes } from "./unsent_bytes.ts";
import { host, type HostTcpConnection, type HostTcpListener } from "../runtime/host.ts";

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
export async function listenTcp(options: TcpListenOptions): Promise<Listener> {
  try {
    return new TcpListener(await host.listen({ hostname: options.hostname, port: options.port }), options);
  } catch (error) {
    throw cannotListen(options.hostname, options.port, error);
  }
}

class TcpListener implements Listener {
  readonly certificateValidity = undefined;
  readonly address: Listener["address"];
  readonly #acceptor: Acceptor<HostTcpConnection>;
  readonly #unsent = new UnsentBytes();

  constructor(listener: HostTcpListener, { logger, descriptors }: TcpListenOptions) {
    const { hostname, port } = listener.addr;
    this.address = { hostname, port };
    this.#acceptor = new Acceptor(listener, { name: formatAddress(hostname, port), logger, descriptors });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Transport, void, undefined> {
    for (let connection; (connection = await this.#acceptor.next());) {
      sendWithoutDelay(connection);
      const { hostname, port } = connection.remoteAddr;
      yield new SocketTransport(connection, "tcp", { hostname, port }, this.#unsent);
    }
  }

  /** There is nothing to read again. */
  reload(): Promise<void> {
    return Promise.resolve();
  }

  refresh(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async close(): Promise<void> {
    await this.#acceptor.stop();
    await this.#unsent.close();
  }
}

/** Small packets leave at once (no Nagle); a peer that has gone already shows itself at the first read. */
function sendWithoutDelay(connection: HostTcpConnection): void {
  try {
    connection.setNoDelay(true);
  } catch {
    // Nothing left to speed up.
  }
}
