/** Stands before a node's address for links: cuts what goes through it, or lets nothing pass. */
import { freePort } from "../support/ports.ts";

export class LinkProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #pairs = new Set<readonly [Deno.TcpConn, Deno.TcpConn]>();
  readonly #running: Promise<void>[] = [];
  readonly #target: number;
  #frozen: PromiseWithResolvers<void> | undefined;
  /** Nobody gets through. */
  isShut = false;
  /** Whatever passes does so after this, in milliseconds. */
  delayMs = 0;

  constructor(target: number) {
    this.#target = target;
    this.#running.push(this.#accept());
  }

  /** Stands before the links of a node that is still to come. */
  static beforeNode(): LinkProxy {
    return new LinkProxy(freePort());
  }

  /** Where that node listens, and where the others find it, as its section `cluster` says. */
  get place(): { readonly bind: string; readonly advertise: string } {
    return { bind: `127.0.0.1:${this.#target}`, advertise: this.address };
  }

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Breaks off all connections. */
  cut(): void {
    for (const pair of this.#pairs) for (const end of pair) close(end);
  }

  /** Ends one direction of each connection, to or from the node that it stands before, and lets the other be. */
  halfClose(towards: "node" | "peer" = "node"): void {
    for (const [client, server] of this.#pairs) {
      (towards === "node" ? server : client).closeWrite().catch(() => {
        // It is closed.
      });
    }
  }

  /** Nothing more passes, though no connection breaks. */
  freeze(): void {
    this.#frozen ??= Promise.withResolvers();
  }

  /** Ends {@linkcode LinkProxy.freeze}. */
  thaw(): void {
    this.#frozen?.resolve();
    this.#frozen = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.thaw();
    this.cut();
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) this.#running.push(this.#serve(client));
    } catch {
      // It is closed.
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    if (this.isShut) return close(client);
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target }).catch(() => undefined);
    if (server === undefined) return close(client);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    await Promise.all([this.#pump(client, server), this.#pump(server, client)]);
    this.#pairs.delete(pair);
  }

  async #pump(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
        await this.#frozen?.promise;
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
    } catch {
      // One end is broken.
    }
    close(from);
    close(to);
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was closed before.
  }
}
