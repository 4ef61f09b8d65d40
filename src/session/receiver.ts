import type { Receipt } from "../receipt.ts";
import type { SessionLog } from "./session_log.ts";

/**
 * The inbound half of QoS 2 (MQTT 3.1.1 §4.3.3, MQTT 5.0 §4.3.3): which packet identifiers have been received and not
 * been released yet. Messages are passed on when they arrive, so an identifier is all there is to remember.
 */
export class Receiver {
  /** `undefined`: there have never been any. */
  #unreleased: Set<number> | undefined;
  /** Those of earlier connections: the client's send quota began anew with the connection (MQTT 5.0 §4.9). */
  #earlier: Set<number> | undefined;
  /** Messages that other nodes of a cluster do not have yet; `undefined`: there have never been any. */
  #receipts: Map<number, Receipt> | undefined;
  readonly #log: SessionLog | undefined;

  /**
   * @param log what is told of every identifier; `undefined`: the session ends with the process
   * @param unreleased those that a store has
   */
  constructor(log?: SessionLog, unreleased: readonly number[] = []) {
    this.#log = log;
    if (unreleased.length > 0) this.#unreleased = new Set(unreleased);
  }

  /** QoS 2 messages that wait for their PUBREL; never more than there are packet identifiers. */
  get inflight(): number {
    return this.#unreleased?.size ?? 0;
  }

  /** Those of them that came through the present connection. */
  get inflightNow(): number {
    return this.inflight - (this.#earlier?.size ?? 0);
  }

  /** Whether a PUBLISH with this identifier was accepted before: it is a duplicate and must not be passed on again. */
  has(packetIdentifier: number): boolean {
    return this.#unreleased?.has(packetIdentifier) ?? false;
  }

  /** A new connection begins. */
  attach(): void {
    this.#earlier = this.inflight > 0 ? new Set(this.#unreleased) : undefined;
  }

  /** The other side has no session any longer: what it sends from now on is new, whatever its identifier. */
  forget(): void {
    for (const packetIdentifier of [...this.#unreleased ?? []]) this.release(packetIdentifier);
  }

  /** Enters the identifier of a message that was passed on. */
  accept(packetIdentifier: number): void {
    (this.#unreleased ??= new Set()).add(packetIdentifier);
    this.#log?.accepted(packetIdentifier);
  }

  /** A message that was passed on may be acknowledged when others have it, over whichever connection that is. */
  acknowledgeAfter(packetIdentifier: number, receipt: Receipt): void {
    const receipts = this.#receipts ??= new Map();
    receipts.set(packetIdentifier, receipt);
    receipt.whenSettled(() => {
      if (receipts.get(packetIdentifier) === receipt) receipts.delete(packetIdentifier);
    });
  }

  /** What its acknowledgement waits for; `undefined`: nothing. */
  receiptOf(packetIdentifier: number): Receipt | undefined {
    return this.#receipts?.get(packetIdentifier);
  }

  /** PUBREL has come. False if the identifier was not known. */
  release(packetIdentifier: number): boolean {
    this.#earlier?.delete(packetIdentifier);
    this.#receipts?.delete(packetIdentifier);
    if (!this.#unreleased?.delete(packetIdentifier)) return false;
    this.#log?.freed(packetIdentifier);
    return true;
  }
}
