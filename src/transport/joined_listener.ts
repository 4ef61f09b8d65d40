import type { Listener, Transport } from "./transport.ts";

/** Several listeners without handshakes as one. */
export class JoinedListener implements Listener {
  readonly address: Listener["address"];
  readonly certificateValidity = undefined;
  readonly #listeners: readonly Listener[];
  readonly #ready: Transport[] = [];
  #open: number;
  #fault: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  /**
   * @param listeners at least one, all on one port
   * @param hostname the name that all of them serve
   */
  constructor(listeners: readonly Listener[], hostname: string) {
    this.address = { hostname, port: listeners[0]!.address.port };
    this.#listeners = listeners;
    this.#open = listeners.length;
  }

  /** Ends when all of them have ended, or with the fault of one. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Transport, void, undefined> {
    for (const listener of this.#listeners) this.#take(listener);
    while (this.#open > 0 && !this.#fault) {
      const next = this.#ready.shift();
      if (next) yield next;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
    for (const transport of this.#ready.splice(0)) transport.close();
    if (this.#fault) throw this.#fault.error;
  }

  /** There is nothing to read again. */
  reload(): Promise<void> {
    return Promise.resolve();
  }

  refresh(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  async #take(listener: Listener): Promise<void> {
    try {
      for await (const transport of listener) {
        this.#ready.push(transport);
        this.#wake();
      }
    } catch (error) {
      this.#fault ??= { error };
    }
    this.#open--;
    this.#wake();
  }
}
