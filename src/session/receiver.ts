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

  /** Enters a QoS 2 PUBLISH; what is a `duplicate` must not be passed on again. */
  accept(packetIdentifier: number): "new" | "duplicate" {
    if (this.#unreleased.has(packetIdentifier)) return "duplicate";
    this.#unreleased.add(packetIdentifier);
    return "new";
  }

  /** PUBREL has come, or PUBREC refused the message. False if the identifier was not known. */
  release(packetIdentifier: number): boolean {
    return this.#unreleased.delete(packetIdentifier);
  }
}
