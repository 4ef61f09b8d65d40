/**
 * The inbound half of QoS 2 (MQTT 3.1.1 §4.3.3, MQTT 5.0 §4.3.3): which packet identifiers have been received and not
 * been released yet. Messages are passed on when they arrive, so an identifier is all there is to remember.
 */
export class Receiver {
  readonly #unreleased = new Set<number>();

  /** QoS 2 messages that wait for their PUBREL; never more than there are packet identifiers. */
  get inflight(): number {
    return this.#unreleased.size;
  }

  /** Whether a PUBLISH with this identifier was accepted before: it is a duplicate and must not be passed on again. */
  has(packetIdentifier: number): boolean {
    return this.#unreleased.has(packetIdentifier);
  }

  /** Enters the identifier of a message that was passed on. */
  accept(packetIdentifier: number): void {
    this.#unreleased.add(packetIdentifier);
  }

  /** PUBREL has come. False if the identifier was not known. */
  release(packetIdentifier: number): boolean {
    return this.#unreleased.delete(packetIdentifier);
  }
}
