import type { Shown, View } from "../connection/client_view.ts";
import type { Message } from "../message.ts";
import type { ProtocolVersion } from "../packet/packets.ts";
import type { Crossings } from "./crossing.ts";

/** Shows messages to one remote. */
export class RemoteView implements View {
  readonly #crossings: Crossings;
  readonly #version: ProtocolVersion;
  /** It is asked whether a message may be sent, and how, one right after the other. */
  #last: Message | undefined;
  #shown: Shown | undefined;

  /** @param version that the remote speaks */
  constructor(crossings: Crossings, version: ProtocolVersion) {
    this.#crossings = crossings;
    this.#version = version;
  }

  show(message: Message): Shown | undefined {
    if (this.#last === message) return this.#shown;
    const shown = this.#crossings.out(message, this.#version);
    this.#shown = shown;
    this.#last = shown && message;
    return shown;
  }

  forget(): void {
    this.#last = undefined;
    this.#shown = undefined;
  }
}
