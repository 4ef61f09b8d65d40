const HIGHEST = 65535;

/**
 * Finds packet identifiers for what the broker sends (MQTT 3.1.1 §2.3.1, MQTT 5.0 §2.2.1). They go round, so one that
 * was freed is not given again soon.
 */
export class PacketIdentifiers {
  #last = 0;

  /**
   * @param inUse those that must not be given, fewer than 65,535 of them
   * @returns 1 to 65,535
   */
  next(inUse: { has(packetIdentifier: number): boolean }): number {
    // [MQTT-2.3.1-4] 3.1.1, [MQTT-2.2.1-3] 5.0
    do {
      this.#last = this.#last === HIGHEST ? 1 : this.#last + 1;
    } while (inUse.has(this.#last));
    return this.#last;
  }
}
