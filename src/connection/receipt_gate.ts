import type { Receipt } from "../receipt.ts";
import { Fifo } from "../session/fifo.ts";

/** By which way a client's messages go to other nodes. */
export type NodesWay = "link" | "log";

interface Held {
  readonly receipt: Receipt | undefined;
  readonly send: () => void;
}

/** A message that is to go to other nodes. */
export interface NodesTurn {
  readonly way: NodesWay;
  /** Acknowledgements that may be held back. */
  readonly mostHeld: number;
  /** Asked when it has had to wait: its connection has ended. */
  isOver(): boolean;
  publish(): void | Promise<void>;
}

/**
 * Holds back one client's acknowledgements until the other nodes of the cluster have its messages: in the order of its
 * messages, whatever came from whom first.
 */
export class ReceiptGate {
  readonly #held = new Fifo<Held>();
  /** That of the message that is being handled. */
  #latest: Receipt | undefined;
  /** How many messages others do not have yet. */
  #pending = 0;
  /** `undefined`: both. */
  #way: NodesWay | undefined = "link";
  #allArrived: PromiseWithResolvers<void> | undefined;
  #relief: PromiseWithResolvers<void> | undefined;

  /** The message that is being handled is on its way to other nodes. */
  took(receipt: Receipt): void {
    this.#latest = receipt;
    if (!receipt.pending) return;
    this.#pending++;
    receipt.whenSettled(() => this.#arrived());
  }

  /** An earlier connection has brought the message that is being handled, and which way it went is not known here. */
  tookAgain(receipt: Receipt): void {
    this.#way = undefined;
    this.took(receipt);
  }

  /**
   * The next message goes this way. It must not overtake those that go the other.
   *
   * @returns resolves when it may; `undefined`: now
   */
  enter(way: NodesWay): Promise<void> | undefined {
    if (this.#way !== way && this.#pending > 0) return (this.#allArrived ??= Promise.withResolvers()).promise;
    this.#way = way;
    return undefined;
  }

  /** Publishes a message when it may, and resolves when the next packet may be read; `undefined`: now. */
  inTurn(turn: NodesTurn): void | Promise<void> {
    if (turn.isOver()) return;
    const waits = this.enter(turn.way);
    if (waits) return waits.then(() => this.inTurn(turn));
    const published = turn.publish();
    return published ? published.then(() => this.pause(turn.mostHeld)) : this.pause(turn.mostHeld);
  }

  /** Sends the acknowledgement of the message that is being handled when its turn has come. */
  acknowledge(send: () => void): void {
    const receipt = this.#latest;
    if (this.#held.length === 0 && receipt?.pending !== true) return send();
    this.#held.push({ receipt, send });
  }

  /**
   * What the client has to wait for before its next packet is read; `undefined`: nothing.
   *
   * @param most acknowledgements that may be held back
   */
  pause(most: number): Promise<void> | undefined {
    const full = this.#latest?.full?.relieved();
    this.#latest = undefined;
    if (full) return full;
    return this.#held.length >= most ? (this.#relief ??= Promise.withResolvers()).promise : undefined;
  }

  #arrived(): void {
    this.#pending--;
    for (let one = this.#held.peek(); one && one.receipt?.pending !== true; one = this.#held.peek()) {
      this.#held.shift();
      one.send();
    }
    this.#relief?.resolve();
    this.#relief = undefined;
    if (this.#pending > 0) return;
    this.#allArrived?.resolve();
    this.#allArrived = undefined;
  }
}
