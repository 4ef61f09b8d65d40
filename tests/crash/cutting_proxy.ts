import { delay } from "./part.ts";

/** Passes TCP connections on to a port that may change, cuts them, and keeps them open without passing anything. */
export class CuttingProxy {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;
  #thawed: Promise<void> = Promise.resolve();
  /** Where connections go. */
  target = 0;

  constructor() {
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Breaks off all that goes through it now. */
  cut(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  /** Passes nothing for a while, and what has come meanwhile after it. */
  freeze(ms: number): void {
    this.#thawed = delay(ms);
  }

  async close(): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) void this.#serve(client);
  }

  async #serve(client: Deno.Conn): Promise<void> {
    this.#open.add(client);
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
      this.#open.add(server);
      await Promise.all([this.#pass(client, server), this.#pass(server, client)]);
    } catch {
      close(client);
    }
  }

  async #pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const chunk = new Uint8Array(16_384);
    try {
      for (let count = await from.read(chunk); count !== null; count = await from.read(chunk)) {
        await this.#thawed;
        for (let at = 0; at < count;) at += await to.write(chunk.subarray(at, count));
      }
    } catch {
      // Cut on either side.
    }
    for (const conn of [from, to]) {
      close(conn);
      this.#open.delete(conn);
    }
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was before.
  }
}
