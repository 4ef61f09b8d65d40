import type { QoS } from "../packet/packets.ts";
import type { Message } from "../message.ts";
import { Fifo } from "./fifo.ts";

/** A message on its way to one subscriber. */
export interface Delivery {
  readonly message: Message;
  /** The lower of the message's and the subscription's. */
  readonly qos: QoS;
  /** The RETAIN flag it is sent with. */
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
}

/** Ceilings of one session's queue. */
export interface QueueLimits {
  readonly maximumMessages: number;
  readonly maximumBytes: number;
}

interface Entry {
  readonly sequence: number;
  readonly delivery: Delivery;
}

/**
 * What waits for one session, oldest first, bounded in number and bytes. When it is full the oldest QoS 0 message goes
 * first, then the oldest of all.
 */
export class MessageQueue {
  readonly #limits: QueueLimits;
  readonly #onDrop: (delivery: Delivery) => void;
  /** QoS 0 apart from QoS 1 and 2, so that the first to go is found at once; `sequence` keeps their common order. */
  readonly #atMostOnce = new Fifo<Entry>();
  readonly #acknowledged = new Fifo<Entry>();
  #sequence = 0;
  #bytes = 0;

  /** @param onDrop told of every message that has to go */
  constructor(limits: QueueLimits, onDrop: (delivery: Delivery) => void) {
    this.#limits = limits;
    this.#onDrop = onDrop;
  }

  get length(): number {
    return this.#atMostOnce.length + this.#acknowledged.length;
  }

  /** Whether a QoS 0 message waits, which a newer one must not overtake. */
  get hasQoS0(): boolean {
    return this.#atMostOnce.length > 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False if it was dropped at once, because it is larger than all the room there is or of less worth than what waits. */
  push(delivery: Delivery): boolean {
    if (delivery.message.sizeBytes > this.#limits.maximumBytes) {
      this.#onDrop(delivery);
      return false;
    }
    delivery.message.keep();
    (delivery.qos === 0 ? this.#atMostOnce : this.#acknowledged).push({ sequence: this.#sequence++, delivery });
    this.#bytes += delivery.message.sizeBytes;
    while (this.length > this.#limits.maximumMessages || this.#bytes > this.#limits.maximumBytes) {
      if (this.#dropOne() === delivery) return false;
    }
    return true;
  }

  shift(): Delivery | undefined {
    const first = this.#atMostOnce.peek();
    const second = this.#acknowledged.peek();
    if (!first && !second) return undefined;
    return this.#take(!second || (first && first.sequence < second.sequence) ? this.#atMostOnce : this.#acknowledged);
  }

  #dropOne(): Delivery {
    const delivery = this.#take(this.#atMostOnce.length > 0 ? this.#atMostOnce : this.#acknowledged);
    this.#onDrop(delivery);
    return delivery;
  }

  #take(entries: Fifo<Entry>): Delivery {
    const { delivery } = entries.shift()!;
    this.#bytes -= delivery.message.sizeBytes;
    return delivery;
  }
}
