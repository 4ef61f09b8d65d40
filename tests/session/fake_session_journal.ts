import type { Delivery, DeliveryNote } from "../../src/session/delivery.ts";
import type { RestoredDelivery } from "../../src/session/delivery.ts";
import type { SessionLog } from "../../src/session/session_log.ts";

interface Known {
  readonly delivery: Delivery;
  packetIdentifier: number;
  released: boolean;
}

/** Has everything that it was told of a session's deliveries, as a store would. */
export class FakeSessionJournal implements SessionLog {
  readonly #known = new Map<number, Known>();
  /** Topic names of what went out of memory. */
  readonly forgottenNames: string[] = [];
  /** What reading fails with. */
  failing: Error | undefined;

  changed(): void {}
  ended(): void {}
  subscribed(): void {}
  unsubscribed(): void {}
  retainedSent(..._: Parameters<SessionLog["retainedSent"]>): void {}
  accepted(): void {}
  freed(): void {}

  queued(delivery: Delivery): void {
    this.#known.set(delivery.sequence, { delivery, packetIdentifier: 0, released: false });
  }

  sent({ sequence }: Delivery, packetIdentifier: number): void {
    const known = this.#known.get(sequence);
    if (known) known.packetIdentifier = packetIdentifier;
  }

  released({ sequence }: DeliveryNote): void {
    const known = this.#known.get(sequence);
    if (known) known.released = true;
  }

  forgotten({ sequence }: DeliveryNote): void {
    this.forgottenNames.push(this.#known.get(sequence)?.delivery.message.topicName ?? "");
  }

  settled({ sequence }: DeliveryNote): void {
    this.#known.delete(sequence);
  }

  async load(afterSequence: number): Promise<readonly Delivery[]> {
    const waiting = (await this.#bySequence()).filter(({ packetIdentifier }) => packetIdentifier === 0);
    return waiting.map(({ delivery }) => ({ ...delivery })).filter(({ sequence }) => sequence > afterSequence);
  }

  async loadInflight(): Promise<readonly RestoredDelivery[]> {
    const underWay = (await this.#bySequence()).filter(({ packetIdentifier }) => packetIdentifier > 0);
    return underWay.map(({ delivery, packetIdentifier, released }) => {
      if (released) return { packetIdentifier, delivery: undefined, released: { ...delivery } };
      return { packetIdentifier, delivery: { ...delivery }, released: undefined };
    });
  }

  async #bySequence(): Promise<Known[]> {
    const found = [...this.#known.values()].sort((one, other) => one.delivery.sequence - other.delivery.sequence);
    await Promise.resolve();
    if (this.failing) throw this.failing;
    return found;
  }
}
