import type { ApplicationMessage, DropReason, Message } from "../message.ts";
import { Fifo } from "../session/fifo.ts";
import type { Route, Subscriber } from "../topics/subscriber.ts";

/** What an in-process subscriber is made with. */
export interface InProcessSubscriberOptions {
  /** Messages that may wait; the oldest goes first. */
  readonly maximumMessages: number;
  /** Bytes that may wait. */
  readonly maximumBytes: number;
  readonly onDrop: (message: Message, reason: DropReason) => void;
  /** Called once, when nobody listens any longer. */
  readonly onEnd: () => void;
}

/** A subscription of the host program: an async iterator over what arrives, with a bounded queue. */
export class InProcessSubscriber implements Subscriber, AsyncIterableIterator<ApplicationMessage> {
  readonly clientIdentifier = undefined;
  readonly availability = "ready";
  readonly #options: InProcessSubscriberOptions;
  readonly #queue = new Fifo<Message>();
  readonly #waiting = new Fifo<(result: IteratorResult<ApplicationMessage>) => void>();
  #bytes = 0;
  #ended = false;

  constructor(options: InProcessSubscriberOptions) {
    this.#options = options;
  }

  offer(message: Message, _route?: Route): boolean {
    if (this.#ended) return false;
    const taker = this.#waiting.shift();
    if (taker) {
      taker({ done: false, value: message.snapshot() });
      return true;
    }
    this.#queue.push(message.keep());
    this.#bytes += message.sizeBytes;
    const { maximumMessages, maximumBytes, onDrop } = this.#options;
    while (this.#queue.length > maximumMessages || this.#bytes > maximumBytes) onDrop(this.#take()!, "queue-limit");
    return true;
  }

  next(): Promise<IteratorResult<ApplicationMessage>> {
    const message = this.#take();
    if (message) return Promise.resolve({ done: false, value: message.snapshot() });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<ApplicationMessage>> {
    while (this.#take());
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** No more messages come; those that wait can still be taken. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onEnd();
    for (let taker = this.#waiting.shift(); taker; taker = this.#waiting.shift()) {
      taker({ done: true, value: undefined });
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): Message | undefined {
    const message = this.#queue.shift();
    if (message) this.#bytes -= message.sizeBytes;
    return message;
  }
}
