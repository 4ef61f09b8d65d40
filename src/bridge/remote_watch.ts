import type { Outbox } from "../connection/outbox.ts";
import { SignsOfLife } from "./signs_of_life.ts";

/** What a {@linkcode RemoteWatch} goes by. */
export interface RemoteWatchOptions {
  /** 0: no signs of life are asked for. */
  readonly keepAliveSeconds: number;
  /** How long the remote may take nothing of what waits for it. */
  readonly stallTimeoutSeconds: number;
  /** How long it may take to answer what it is subscribed to. */
  readonly subscribeTimeoutSeconds: number;
  readonly nowMs: number;
}

/** Finds out whether the remote is still there: whether it takes what is sent, answers, and is heard of. */
export class RemoteWatch {
  readonly #outbox: Pick<Outbox, "stalledMs" | "waitingBytes">;
  readonly #signs: SignsOfLife;
  readonly #stallTimeoutMs: number;
  /** When the remote has to have answered what it was subscribed to. */
  #subscribedByMs: number;

  /** @param outbox the way out to it */
  constructor(outbox: Pick<Outbox, "stalledMs" | "waitingBytes">, options: RemoteWatchOptions) {
    const { keepAliveSeconds, stallTimeoutSeconds, subscribeTimeoutSeconds, nowMs } = options;
    this.#outbox = outbox;
    this.#signs = new SignsOfLife({ keepAliveSeconds, nowMs });
    this.#stallTimeoutMs = stallTimeoutSeconds * 1000;
    this.#subscribedByMs = nowMs + subscribeTimeoutSeconds * 1000;
  }

  said(nowMs: number): void {
    this.#signs.said(nowMs);
  }

  heard(nowMs: number): void {
    this.#signs.heard(nowMs);
  }

  /** The remote has answered what it was subscribed to. */
  subscribed(): void {
    this.#subscribedByMs = Infinity;
  }

  /**
   * What is to be done now: ask for a sign of life, or leave the remote, and why.
   *
   * @param isStuck an answer does not come for which all others wait
   */
  due(nowMs: number, isStuck: boolean): "ask" | { readonly over: string } | undefined {
    const stalledMs = this.#outbox.stalledMs(nowMs);
    if (this.#outbox.waitingBytes > 0) this.#signs.taken(nowMs - stalledMs);
    if (stalledMs >= this.#stallTimeoutMs) {
      return { over: "the remote took nothing of what waits for it in time (stall-timeout)" };
    }
    if (nowMs >= this.#subscribedByMs) {
      return { over: "the remote did not answer the subscriptions in time (connect-timeout)" };
    }
    if (isStuck) return { over: "the remote refused a message for now, and does not answer others" };
    const due = this.#signs.due(nowMs);
    return due === "over" ? { over: "nothing was heard of the remote in time (keep-alive)" } : due;
  }
}
