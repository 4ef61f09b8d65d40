import type { DropReason, Message } from "../message.ts";
import { quote } from "../quote.ts";
import type { Subscriber } from "../topics/subscriber.ts";
import { ProgramQueue } from "./program_queue.ts";
import type { ReceivedMessage, Subscribed } from "./subscribing.ts";

/** What an in-process subscriber is made with. */
export interface InProcessSubscriberOptions {
  /** As the program gave it. */
  readonly topicFilter: string;
  /** Messages that may wait. */
  readonly maximumMessages: number;
  /** Bytes that may wait. */
  readonly maximumBytes: number;
  /** What happens to one too many: the oldest goes, or the subscription ends with an error. */
  readonly onOverflow: "drop" | "throw";
  readonly onDrop: (message: Message, reason: DropReason) => void;
  /** Called once, when nobody listens any longer. */
  readonly onEnd: () => void;
}

/** A subscription of the host program: an async iterator over what arrives, with a bounded queue. */
export class InProcessSubscriber extends ProgramQueue<Message, ReceivedMessage> implements Subscriber, Subscribed {
  readonly clientIdentifier = undefined;
  readonly availability = "ready";
  /** Messages that were there before the subscription: the first ones. */
  #replays = 0;

  constructor({ topicFilter, maximumMessages, maximumBytes, onOverflow, onDrop, onEnd }: InProcessSubscriberOptions) {
    super({
      limit: maximumMessages,
      limitBytes: maximumBytes,
      sizeBytes: (message) => message.sizeBytes,
      onOverflow,
      overflow: () =>
        new Error(
          `Cannot go on with the subscription to ${
            quote(topicFilter)
          }: more messages wait than ${maximumMessages} (limit)` +
            ` or ${maximumBytes} bytes (queue-limit-bytes)`,
        ),
      onDrop: (message) => onDrop(message, "queue-limit"),
      onEnd,
    }, (message, place) => received(message, place < this.#replays));
  }

  /** What is retained; offered before everything else. */
  replay(messages: readonly Message[]): void {
    this.#replays = messages.length;
    for (const message of messages) this.offer(message);
  }

  offer(message: Message): boolean {
    return this.push(message.keep());
  }
}

/** A message for the program: a frozen object that lasts, whose properties are read when they are asked for. */
export function received(
  { topicName, payload, qos, retain, publisher, body }: Message,
  replayed: boolean,
): ReceivedMessage {
  return Object.freeze({
    topicName,
    payload,
    qos,
    retain,
    get properties() {
      return body.properties;
    },
    publisher,
    replayed,
  });
}
