/** A machine whose TCP connections take no more than a test lets them, as a peer's full socket does. */
import type { HostConnectOptions, HostTcpConnection } from "../../src/runtime/host_types.ts";
import { type Machine, systemMachine } from "../../src/runtime/machine.ts";

/** What a machine connects to: bytes wait as long as there is no room for them. */
export class NarrowLink {
  /** To be handed to the broker that connects. */
  readonly machine: Machine;
  #room = Infinity;
  #roomier = Promise.withResolvers<void>();
  /** Bytes that have left, of all connections. */
  taken = 0;

  constructor() {
    const machine = systemMachine();
    this.machine = { ...machine, connect: async (options) => this.#narrow(await connect(options)) };
  }

  /** So many bytes more are taken from now on; 0: none, as by a peer that reads no longer. */
  letThrough(bytes: number): void {
    this.#room = bytes;
    const { resolve } = this.#roomier;
    this.#roomier = Promise.withResolvers();
    resolve();
  }

  #narrow(connection: HostTcpConnection): HostTcpConnection {
    let isClosed = false;
    return {
      localAddr: connection.localAddr,
      remoteAddr: connection.remoteAddr,
      read: (into) => connection.read(into),
      write: async (bytes) => {
        while (this.#room === 0 && !isClosed) await this.#roomier.promise;
        const count = await connection.write(bytes.subarray(0, Math.min(bytes.length, this.#room)));
        this.#room -= count;
        this.taken += count;
        return count;
      },
      closeWrite: () => connection.closeWrite(),
      close: () => {
        isClosed = true;
        this.#roomier.resolve();
        connection.close();
      },
      setNoDelay: (noDelay) => connection.setNoDelay(noDelay),
    };
  }
}

function connect(options: HostConnectOptions): Promise<HostTcpConnection> {
  return Deno.connect({ ...options });
}
