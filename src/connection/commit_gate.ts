import type { CommitWaiter, WriteQueue } from "../persistence/write_queue.ts";
import { OutputBuffer } from "../packet/output_buffer.ts";
import { ProtocolError } from "../packet/protocol_error.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { matches, type TopicFilter, type TopicName } from "../packet/topic.ts";
import { Fifo } from "../session/fifo.ts";
import type { Outbox } from "./outbox.ts";

/** What one position of the write queue holds back. */
interface Held {
  readonly position: number;
  readonly bytes: OutputBuffer;
  /** How many answers are in it. */
  answers: number;
  /** How many messages are in it. */
  messages: number;
}

/** What the objects take that hold one position's answers. */
const HELD_BYTES = 256;

/** As many packets as a client can have under way: it has no more packet identifiers. */
const MAXIMUM_ANSWERS = 65_535;
/** Behind more filters than these no message passes by, since comparing them all would take too long. */
const MOST_COMPARED = 64;

/**
 * Holds back what one client must not be told before it is stored: acknowledgements, and messages at QoS 2. What is held
 * keeps its order, and so do messages at QoS 1 behind those at QoS 2; everything else passes by, but for messages whose
 * SUBACK is held.
 *
 * While the store fails, that lasts until it works again, however long. What a client has sent before has gone its way
 * then, to other clients too, so that it cannot be refused any longer: a PUBREC with 0x97 would make the client send it
 * anew under another identifier, and it would come twice. A client that does not want to wait disconnects; when it is
 * back, the identifiers that its session has accepted are still known.
 */
export class CommitGate implements CommitWaiter {
  readonly #writeQueue: WriteQueue;
  readonly #outbox: Outbox;
  readonly #held = new Fifo<Held>();
  #last: Held | undefined;
  /** What is told from now on waits for this position. */
  #behind = 0;
  /** The write queue's position when the present packet came. */
  #before = 0;
  /** Answers that are held back. */
  #answers = 0;
  /** Messages that are held back. */
  #messages = 0;
  /** Messages of what was just subscribed to stay behind this, which is held; `undefined`: there is nothing such. */
  #fence: Held | undefined;
  readonly #fenced: TopicFilter[] = [];
  /** Bytes of what is held, but for the last. */
  #heldBytes = 0;

  constructor(writeQueue: WriteQueue, outbox: Outbox) {
    this.#writeQueue = writeQueue;
    this.#outbox = outbox;
    this.#before = writeQueue.position;
  }

  /** Something is held back. */
  get holds(): boolean {
    return this.#last !== undefined;
  }

  /** What is held back, in bytes, with the objects around it. */
  get heldBytes(): number {
    return this.#held.length * HELD_BYTES + this.#heldBytes + (this.#last?.bytes.size ?? 0);
  }

  /** A message is held back. */
  get holdsMessages(): boolean {
    return this.#messages > 0;
  }

  /** A packet has come: what it changes from now on has to be stored before it is acknowledged. */
  begin(): void {
    this.#before = this.#writeQueue.position;
  }

  /**
   * Where to append an answer to the present packet.
   *
   * @throws {ProtocolError} 0x93 if the client goes on though it has got no answer to more packets than it may send
   */
  forAnswer(): OutputBuffer {
    if (this.#writeQueue.position !== this.#before) this.#behind = this.#writeQueue.position;
    const buffer = this.#buffer();
    if (this.#last?.bytes === buffer) this.#countAnswer(this.#last);
    return buffer;
  }

  /** Where to append a message at QoS 2 whose sending was noted just now. */
  forMessage(): OutputBuffer {
    this.#behind = this.#writeQueue.position;
    const buffer = this.#buffer();
    if (this.#last?.bytes === buffer) this.#countMessage(this.#last);
    return buffer;
  }

  /**
   * Where to append a message that waits for nothing, but must not leave before others that were sent earlier: they are
   * sent again in the order of sending ([MQTT-4.6.0-1] 3.1.1, [MQTT-4.6.0-1] 5.0).
   */
  behindMessages(): OutputBuffer {
    if (this.#messages === 0 || !this.#last) return this.#outbox.open();
    // It is held itself now, perhaps longer than what it waits for.
    return this.#countMessage(this.#last);
  }

  /** A SUBACK has just been appended: what these subscriptions bring comes after it ({@linkcode CommitGate.holdsBack}). */
  fence(topicFilters: readonly TopicFilter[]): void {
    if (!this.#last) return;
    this.#fence = this.#last;
    for (const topicFilter of topicFilters) this.#fenced.push(topicFilter);
  }

  /** Whether a message of this topic, for which nothing has to be stored, must not pass by a SUBACK that is held. */
  holdsBack(topicName: TopicName): boolean {
    if (!this.#fence) return false;
    return this.#fenced.length > MOST_COMPARED || this.#fenced.some((topicFilter) => matches(topicFilter, topicName));
  }

  /**
   * Where to append a message that {@linkcode CommitGate.holdsBack} speaks of.
   *
   * @param options whether those at QoS 1 and 2 that are sent later must not leave before
   */
  behindSuback({ inOrder }: { readonly inOrder: boolean }): OutputBuffer {
    const last = this.#last;
    if (!last) return this.#outbox.open();
    // Messages of one topic keep their order, also with those that come when the SUBACK has left.
    this.#fence = last;
    this.#outbox.heldBytes = this.#heldBytes + last.bytes.size;
    return inOrder ? this.#countMessage(last) : last.bytes;
  }

  committed(position: number): void {
    for (let held = this.#held.peek(); held && held.position <= position; held = this.#held.peek()) {
      if (held !== this.#last) this.#heldBytes -= held.bytes.size;
      held.bytes.moveTo(this.#outbox.open());
      this.#held.shift();
      this.#answers -= held.answers;
      this.#messages -= held.messages;
      if (held === this.#fence) this.#unfence();
      if (held === this.#last) this.#stop();
    }
  }

  /** The connection has ended: what is held will not be said. */
  close(): void {
    if (this.#last) this.#stop();
  }

  #countMessage(held: Held): OutputBuffer {
    held.messages++;
    this.#messages++;
    return held.bytes;
  }

  #countAnswer(held: Held): void {
    held.answers++;
    if (++this.#answers <= MAXIMUM_ANSWERS) return;
    const reason = `more than ${MAXIMUM_ANSWERS} packets wait for their acknowledgement`;
    throw new ProtocolError(ReasonCode.ReceiveMaximumExceeded, reason);
  }

  #stop(): void {
    this.#last = undefined;
    this.#heldBytes = 0;
    this.#unfence();
    this.#writeQueue.unsubscribe(this);
  }

  #unfence(): void {
    this.#fence = undefined;
    this.#fenced.length = 0;
    this.#outbox.heldBytes = 0;
  }

  #buffer(): OutputBuffer {
    if (this.#behind <= this.#writeQueue.committed) return this.#outbox.open();
    if (this.#last?.position === this.#behind) return this.#last.bytes;
    if (this.#last) this.#heldBytes += this.#last.bytes.size;
    else this.#writeQueue.subscribe(this);
    this.#last = { position: this.#behind, bytes: new OutputBuffer(), answers: 0, messages: 0 };
    this.#held.push(this.#last);
    return this.#last.bytes;
  }
}
