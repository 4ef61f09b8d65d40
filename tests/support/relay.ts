/** A TCP relay with a port that stays, in front of a broker whose port does not. */

/** Passes connections on to wherever it is told to, and can cut them. */
export class Relay implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;
  readonly #piping = new Set<Promise<void>>();
  /** Where connections go; `undefined`: they are closed at once. */
  target: { readonly hostname: string; readonly port: number } | undefined;
  /** Connections that have come. */
  connections = 0;

  constructor(target?: Relay["target"]) {
    this.target = target;
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Breaks off all that goes through it now. */
  cut(): void {
    for (const connection of this.#open) close(connection);
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
    await Promise.all(this.#piping);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.connections++;
      this.#open.add(client);
      const serving = this.#serve(client).finally(() => this.#piping.delete(serving));
      this.#piping.add(serving);
    }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    try {
      if (!this.target) return;
      const server = await Deno.connect(this.target);
      this.#open.add(server);
      await Promise.all([pipe(client, server), pipe(server, client)]);
    } catch {
      // Nobody is there.
    } finally {
      close(client);
    }
  }
}

async function pipe(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  try {
    await from.readable.pipeTo(to.writable);
  } catch {
    // Cut on either side.
  }
  close(from);
  close(to);
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was before.
  }
}
