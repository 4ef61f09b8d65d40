import type { Transport } from "../transport/transport.ts";
import { errorText } from "../error_text.ts";
import type { Machine } from "../runtime/machine.ts";
import type { Outbox } from "./outbox.ts";
import { within } from "../runtime/within.ts";

/** How long a closing connection may take for what was said last. */
export const GRACE_MS = 1000;

/** The end of a network connection. */
export class GracefulClose {
  readonly #machine: Machine;
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #onFault: (reason: string) => void;

  /** @param onFault told if the connection does not close as it should */
  constructor(machine: Machine, transport: Transport, outbox: Outbox, onFault: (reason: string) => void) {
    this.#machine = machine;
    this.#transport = transport;
    this.#outbox = outbox;
    this.#onFault = onFault;
  }

  /** Breaks the connection off; what was not said is lost. */
  cut(): void {
    try {
      this.#transport.close();
    } catch (error) {
      this.#onFault(errorText(error));
    }
  }

  /** Gives what was written up to `GRACE_MS` of the machine's time to leave, then cuts. */
  async finish(): Promise<void> {
    await within(GRACE_MS, this.#outbox.drained(), this.#machine);
    this.cut();
  }

  /** Lets the peer take what was said last; an end with unread bytes would otherwise destroy it on its way. */
  async linger(): Promise<void> {
    const rest = new Uint8Array(2048);
    try {
      await this.#outbox.drained();
      await this.#transport.closeWrite();
      while (await this.#transport.read(rest) !== null);
    } catch {
      // The peer has gone already, or the coarse timer has cut it off.
    }
  }
}
