import type { Delivery } from "./delivery.ts";
import { Fifo } from "./fifo.ts";
import { MessageQueue, type QueueLimits, type QueueParts } from "./message_queue.ts";

/** Retained messages that may wait from several SUBSCRIBEs together; one SUBSCRIBE may bring more. */
const MAXIMUM_BACKLOG = 100_000;

/** What waits for one client: retained messages for new subscriptions, and behind them the queue. */
export class Waiting {
  readonly #parts: QueueParts;
  readonly #queue: MessageQueue;
  /** The broker keeps them anyway, so they wait outside the queue's limits. */
  readonly #backlog = new Fifo<Delivery>();
  /** Who waits for fewer retained messages than these. */
  #taken: { readonly messages: number; readonly resume: () => void } | undefined;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#queue = new MessageQueue(parts);
  }

  /** Other limits hold from now on. */
  limitTo(limits: QueueLimits): void {
    this.#parts.limits = limits;
  }

  /** Retained messages, and all that the queue has. */
  get length(): number {
    return this.#queue.length + this.#backlog.length;
  }

  /** Retained messages alone. */
  get retained(): number {
    return this.#backlog.length;
  }

  /** Bytes of what is queued and in memory. */
  get memoryBytes(): number {
    return this.#queue.memoryBytes;
  }

  /** Queued messages that only the journal's store has. */
  get stored(): number {
    return this.#queue.tailLength;
  }

  /** Whether some of those may have come through a shared subscription. */
  get storedMayBeShared(): boolean {
    return this.#queue.tailMayBeShared;
  }

  /** Whether a QoS 0 message must not overtake what waits. */
  get holdsBackQoS0(): boolean {
    return this.#queue.hasQoS0 || this.#backlog.length > 0;
  }

  /** As {@linkcode MessageQueue.restore}. */
  restore(stored: Parameters<MessageQueue["restore"]>[0]): void {
    this.#queue.restore(stored);
  }

  /** As {@linkcode MessageQueue.push}. */
  push(delivery: Delivery): boolean {
    return this.#queue.push(delivery);
  }

  /** Takes what is retained for a new subscription; too much of that drops what has waited longest. */
  pushRetained(deliveries: readonly Delivery[]): void {
    const most = Math.max(MAXIMUM_BACKLOG, deliveries.length);
    for (const delivery of deliveries) this.#backlog.push(delivery);
    while (this.#backlog.length > most) this.#parts.onDrop(this.#backlog.shift()!);
  }

  /** The next retained message. */
  shiftRetained(): Delivery | undefined {
    const delivery = this.#backlog.shift();
    const taken = this.#taken;
    if (!taken || this.#backlog.length >= taken.messages) return delivery;
    this.#taken = undefined;
    taken.resume();
    return delivery;
  }

  /** As {@linkcode Sender.whenRetainedTaken}; `resume` must change nothing at once. */
  whenRetainedTaken(messages: number, resume: () => void): void {
    this.#taken = { messages, resume };
  }

  forgetRetainedTaken(): void {
    this.#taken = undefined;
  }

  /** As {@linkcode MessageQueue.shift}; what is retained comes before. */
  shift(): Delivery | undefined {
    return this.#queue.shift();
  }

  /** As {@linkcode MessageQueue.returnShared}, and as {@linkcode MessageQueue.returnTail} behind it. */
  returnShared(taken: (delivery: Delivery) => boolean, goesOn: () => boolean): void {
    this.#queue.returnShared(taken);
    if (this.#queue.tailMayBeShared) this.#queue.returnTail(taken, goesOn).catch(this.#parts.onFault);
  }

  /** As {@linkcode MessageQueue.spill}. */
  spill(): void {
    this.#queue.spill();
  }

  /** Takes the oldest out that wait in memory and nowhere else, QoS 0 first, until so many bytes are free. */
  shed(bytes: number, onShed: (delivery: Delivery) => void): void {
    const enough = this.memoryBytes - bytes;
    while (this.memoryBytes > enough) {
      const delivery = this.#queue.dropOldest({ onlyQoS0: this.#parts.journal !== undefined });
      if (!delivery) return;
      onShed(delivery);
    }
  }

  /** The session has ended: gives up what is queued and in memory, and forgets the rest. */
  end(): Iterable<Delivery> {
    while (this.#backlog.shift());
    return this.#queue.end();
  }
}
