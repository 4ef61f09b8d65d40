import type { Shown, View } from "../connection/client_view.ts";
import type { Message } from "../message.ts";
import type { Crossings, RemoteCapabilities } from "./crossing.ts";

/** Shows messages to one remote. */
export class RemoteView implements View {
  readonly #crossings: Crossings;
  readonly #remote: RemoteCapabilities;
  /** It is asked whether a message may be sent, and how, one right after the other. */
  #last: Message | undefined;
  #shown: Shown | undefined;

  constructor(crossings: Crossings, remote: RemoteCapabilities) {
    this.#crossings = crossings;
    this.#remote = remote;
  }

  show(message: Message): Shown | undefined {
    if (this.#last === message) return this.#shown;
    const shown = this.#crossings.out(message, this.#remote);
    // Only a body that was made need not be made twice: the rest costs less than to remember it.
    if (shown === undefined || shown.body === message.body) return shown;
    this.#shown = shown;
    this.#last = message;
    return shown;
  }

  forget(): void {
    if (this.#last === undefined) return;
    this.#last = undefined;
    this.#shown = undefined;
  }
}
