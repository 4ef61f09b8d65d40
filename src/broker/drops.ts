import type { ConnectedClients } from "../connection/connected_clients.ts";
import type { HookChain } from "../hooks/chain.ts";
import type { DropReason, Message } from "../message.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Losses } from "./losses.ts";
import type { Statistics } from "./statistics.ts";

/** What {@linkcode Drops} works with. */
export interface DropsParts {
  readonly hooks: HookChain;
  readonly statistics: Statistics;
  readonly losses: Losses;
  readonly sessions: Sessions;
  readonly connectionBySession: ConnectedClients;
}

/** Who else looks at messages that are given up. */
export interface DropWatcher {
  dropped(clientIdentifier: string | undefined, message: Message, reason: DropReason): void;
}

/** Counts the messages that are given up, for the broker and for each session, and tells the plugins of them. */
export class Drops {
  readonly #parts: DropsParts;
  readonly #watcher: () => DropWatcher | undefined;

  /** @param watcher gives who looks now; `undefined`: nobody */
  constructor(parts: DropsParts, watcher: () => DropWatcher | undefined) {
    this.#watcher = watcher;
    this.#parts = parts;
  }

  /** A message is given up; `undefined`: for everybody. */
  drop(clientIdentifier: string | undefined, message: Message, reason: DropReason): void {
    this.count(clientIdentifier, reason, 1);
    this.#watcher()?.dropped(clientIdentifier, message, reason);
    this.#parts.hooks.messageDropped?.(clientIdentifier, message.snapshot(), reason);
  }

  /** A session has given a message up, which may cost its client the connection. */
  dropFor(clientIdentifier: string, message: Message, reason: DropReason): void {
    this.drop(clientIdentifier, message, reason);
    if (reason !== "queue-limit") return;
    const session = this.#parts.sessions.get(clientIdentifier);
    const owner = session && this.#parts.connectionBySession.get(session);
    if (owner?.listener.limits.queuePolicy !== "disconnect") return;
    const text = "its queue is full (queue-limit, queue-policy: disconnect)";
    // At the end of the turn: a hook may have published while the client is being served.
    queueMicrotask(() => owner.close({ reasonCode: ReasonCode.QuotaExceeded, reason: text }));
  }

  /** Messages are given up that are not in memory, so that they cannot be shown to a plugin. */
  count(clientIdentifier: string | undefined, reason: DropReason, messages: number): void {
    this.#parts.statistics.messagesDropped[reason] += messages;
    // The client may have another session by now.
    if (clientIdentifier !== undefined && reason !== "session-ended") {
      this.#parts.losses.count(clientIdentifier, reason, messages);
    }
  }
}
