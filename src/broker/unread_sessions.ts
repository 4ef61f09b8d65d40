import type { Logger } from "../logger.ts";
import { quote } from "../quote.ts";
import type { Clock } from "../runtime/environment.ts";
import type { Sessions } from "../session/sessions.ts";
import { StoreError } from "../store/store.ts";

/** How long to wait after a fault before the store is read again, and after one that will not pass by itself. */
const FAULT_MS = 1000;
const LASTING_FAULT_MS = 60_000;

/** What {@linkcode UnreadSessions} works with. */
export interface UnreadSessionsParts {
  readonly sessions: Sessions;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
  /** Aborted at shutdown, when nothing is read any longer. */
  readonly signal: AbortSignal;
}

/** Sessions whose messages could not be read from the store, and when to try again. */
export class UnreadSessions {
  readonly #parts: UnreadSessionsParts;
  readonly #dueAtMs = new Map<string, number>();

  constructor(parts: UnreadSessionsParts) {
    this.#parts = parts;
  }

  /** Reading has failed. */
  add(clientIdentifier: string, error: unknown): void {
    const { signal, logger, clock } = this.#parts;
    if (signal.aborted || this.#dueAtMs.has(clientIdentifier)) return;
    logger.error(`messages of client ${quote(clientIdentifier)} cannot be read: ${error}`);
    const waitMs = error instanceof StoreError && error.lasting ? LASTING_FAULT_MS : FAULT_MS;
    this.#dueAtMs.set(clientIdentifier, clock.now() + waitMs);
  }

  /** Called by the broker's coarse timer. */
  tick(nowMs: number): void {
    for (const [clientIdentifier, dueAtMs] of [...this.#dueAtMs]) {
      if (nowMs < dueAtMs) continue;
      this.#dueAtMs.delete(clientIdentifier);
      this.#parts.sessions.get(clientIdentifier)?.sender.pump();
    }
  }
}
