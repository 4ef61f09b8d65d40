/** What of this node's clients goes by the log: retained messages, and wills. */
import type { Message } from "../message.ts";
import { Receipt } from "../receipt.ts";
import type { LoggedWay } from "../routing/router.ts";
import type { StoredWill } from "../store/store.ts";
import type { Life } from "./cluster_state.ts";
import { encodeMessage, encodeWill, encodeWillEnd, willKey } from "./entries.ts";
import type { LogSpeaker } from "./log_speaker.ts";

/** A message that all nodes must have in one order is at most this large with its properties. */
const LARGEST_LOGGED_BYTES = 512 * 1024;

/** What a {@linkcode Logged} works with. */
export interface LoggedParts {
  /** Who this node is now. */
  life(): Life;
  /** Says things for it. */
  speaker(): LogSpeaker;
  /** The log is out of reach. */
  isCutOff(): boolean;
  /** By the clock that messages expire by. */
  now(): number;
}

/** The way by the log. */
export class Logged implements LoggedWay {
  readonly #parts: LoggedParts;
  /** By client identifier: wills that have not come by in the log, and who waits for them. */
  readonly #unseenWills = new Map<string, Receipt>();
  readonly #willWaiting = new Set<() => void>();

  constructor(parts: LoggedParts) {
    this.#parts = parts;
  }

  goesByLog({ retain, trail, topicName }: Message): boolean {
    const isFromElsewhere = trail?.fromNode !== undefined;
    return (retain || trail?.will !== undefined) && !isFromElsewhere && !topicName.startsWith("$");
  }

  /** Why a message cannot go by the log; `undefined`: it can, or goes another way. */
  refusalOf(message: Message): string | undefined {
    if (!this.goesByLog(message)) return undefined;
    const isWill = message.trail?.will !== undefined;
    // A will waits for the log: it was promised.
    if (this.#parts.isCutOff() && !isWill) return "the log of the cluster is out of reach";
    const { sizeBytes } = message;
    if (sizeBytes <= LARGEST_LOGGED_BYTES) return undefined;
    const what = isWill ? "will" : "retained message";
    return `a ${what} may have ${LARGEST_LOGGED_BYTES} bytes at most in a cluster: got ${sizeBytes}`;
  }

  /** Why a client cannot leave a will, which is never too large: a CONNECT is not. `undefined`: it can. */
  get refusalOfWills(): string | undefined {
    return this.#parts.speaker().isFull ? "the log of the cluster takes no more wills for now" : undefined;
  }

  append(message: Message): void {
    const receipt = new Receipt();
    message.trail = { ...message.trail, receipt };
    const speaker = this.#parts.speaker();
    speaker.tell(encodeMessage(message, this.#parts.now()), receipt);
    if (speaker.isFull) receipt.full = speaker;
  }

  /** A client leaves a will, in place of its last. */
  will(stored: StoredWill): void {
    const receipt = new Receipt();
    this.#parts.speaker().tell(encodeWill(stored), receipt);
    const { clientIdentifier } = stored;
    this.#unseenWills.set(clientIdentifier, receipt);
    receipt.whenSettled(() => {
      if (this.#unseenWills.get(clientIdentifier) === receipt) this.#unseenWills.delete(clientIdentifier);
    });
  }

  /** A client's will is spent. */
  willEnd(clientIdentifier: string): void {
    this.#parts.speaker().tell(encodeWillEnd(this.willKey(clientIdentifier)));
  }

  /** Names the will of a client of this node. */
  willKey(clientIdentifier: string): string {
    return willKey(this.#parts.life(), clientIdentifier);
  }

  /** Resolves when a client's will has come by in the log, or nobody can tell; `undefined`: that is so, or it has none. */
  willKnown(clientIdentifier: string): Promise<void> | undefined {
    const receipt = this.#unseenWills.get(clientIdentifier);
    if (receipt === undefined || this.#parts.isCutOff()) return undefined;
    return new Promise((resolve) => {
      receipt.whenSettled(() => {
        this.#willWaiting.delete(resolve);
        resolve();
      });
      if (receipt.pending) this.#willWaiting.add(resolve);
    });
  }

  /** Nobody waits any longer. */
  wakeAll(): void {
    for (const resolve of this.#willWaiting) resolve();
    this.#willWaiting.clear();
  }
}
