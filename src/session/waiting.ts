import type { TopicName } from "../packet/topic.ts";
import type { Delivery } from "./delivery.ts";
import { DELIVERY_BYTES } from "./inflight.ts";
import { MessageQueue, type QueueLimits, type QueueParts } from "./message_queue.ts";

/** What waits for one client. */
export class Waiting {
  readonly #parts: QueueParts;
  readonly #queue: MessageQueue;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#queue = new MessageQueue(parts);
  }

  /** Other limits hold from now on. */
  limitTo(limits: QueueLimits): void {
    this.#parts.limits = limits;
  }

  /** As {@linkcode MessageQueue.length}. */
  get length(): number {
    return this.#queue.length;
  }

  /** Bytes of what is in memory, with the objects around it. */
  get memoryBytes(): number {
    const { memoryBytes, length, tailLength } = this.#queue;
    return memoryBytes + (length - tailLength) * DELIVERY_BYTES;
  }

  /** Queued messages that only the log's store has. */
  get stored(): number {
    return this.#queue.tailLength;
  }

  /** Whether some of those may have come through a shared subscription. */
  get storedMayBeShared(): boolean {
    return this.#queue.tailMayBeShared;
  }

  /** As {@linkcode MessageQueue.holdsQoS0}. */
  holdsQoS0(topicName: TopicName, sequence: number): boolean {
    return this.#queue.holdsQoS0(topicName, sequence);
  }

  /** As {@linkcode MessageQueue.restore}. */
  restore(stored: Parameters<MessageQueue["restore"]>[0]): void {
    this.#queue.restore(stored);
  }

  /** As {@linkcode MessageQueue.push}. */
  push(delivery: Delivery): boolean {
    return this.#queue.push(delivery);
  }

  /** As {@linkcode MessageQueue.first}. */
  first(atMost: number): Delivery[] {
    return this.#queue.first(atMost);
  }

  /** As {@linkcode MessageQueue.shift}. */
  shift(): Delivery | undefined {
    return this.#queue.shift();
  }

  /** As {@linkcode MessageQueue.returnShared}, and as {@linkcode MessageQueue.returnTail} behind it. */
  *returnShared(taken: (delivery: Delivery) => boolean, goesOn: () => boolean): Generator<void, void> {
    yield* this.#queue.returnShared(taken, goesOn);
    if (!goesOn()) return;
    if (this.#queue.tailMayBeShared) this.#queue.returnTail(taken, goesOn).catch(this.#parts.onFault);
  }

  /** As {@linkcode MessageQueue.repack}. */
  repack(): void {
    this.#queue.repack();
  }

  /** As {@linkcode MessageQueue.spill}. */
  spill(): void {
    this.#queue.spill();
  }

  /** Takes the oldest out that wait in memory and nowhere else, QoS 0 first, until so many bytes are free. */
  shed(bytes: number, onShed: (delivery: Delivery) => void): void {
    const enough = this.memoryBytes - bytes;
    while (this.memoryBytes > enough) {
      const delivery = this.#queue.dropOldest({ onlyQoS0: this.#parts.log !== undefined });
      if (!delivery) return;
      onShed(delivery);
    }
  }

  /** The session has ended: gives up what is queued and in memory, and forgets the rest. */
  end(): Iterable<Delivery> {
    return this.#queue.end();
  }
}
