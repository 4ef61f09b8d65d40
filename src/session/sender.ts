import type { QoS } from "../packet/packets.ts";
import type { DropReason, Message } from "../message.ts";
import { Fifo } from "./fifo.ts";
import { type Delivery, MessageQueue, type QueueLimits } from "./message_queue.ts";
import { PacketIdentifiers } from "./packet_identifiers.ts";

/** A session's way to its client while that is connected. */
export interface OutboundLink {
  /** So many bytes wait for the socket that nothing more should be added. */
  readonly congested: boolean;
  /** Whether the client may be given the message now. */
  mayReceive(message: Message): boolean;
  /** Appends a PUBLISH; `packetIdentifier` is 0 at QoS 0. */
  sendPublish(delivery: Delivery, packetIdentifier: number, dup: boolean): void;
  /** Appends a PUBREL. */
  sendPubrel(packetIdentifier: number): void;
}

/** What a {@linkcode Sender} needs to know. */
export interface SenderOptions {
  /** QoS 1 and 2 messages under way at once, 1 to 65,534. */
  readonly maximumInflight: number;
  readonly queue: QueueLimits;
  /** Whether QoS 0 messages wait for a client that is offline. */
  readonly queueQoS0: boolean;
  /** Told of every message that is given up. */
  readonly onDrop: (message: Message, reason: DropReason) => void;
  /** Told of every message that begins to wait for a client that is offline. */
  readonly onQueue: (message: Message) => void;
}

/** Retained messages that may wait from several SUBSCRIBEs together; one SUBSCRIBE may bring more. */
const MAXIMUM_BACKLOG = 100_000;

/** The outbound half of a session: what is under way to the client, and what waits (MQTT 3.1.1 §4.3, MQTT 5.0 §4.3). */
export class Sender {
  readonly #options: SenderOptions;
  readonly #identifiers = new PacketIdentifiers();
  /** By packet identifier, in the order of sending: the message, or `released` once the client has it (QoS 2). */
  readonly #inflight = new Map<number, Delivery | "released">();
  #inflightBytes = 0;
  readonly #queue: MessageQueue;
  /** Retained messages for new subscriptions; the broker keeps them anyway, so they wait outside the queue's limits. */
  readonly #backlog = new Fifo<Delivery>();
  /** Packet identifiers that are still to be sent again after the client has come back. */
  #resend = new Fifo<number>();
  #link: OutboundLink | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#queue = new MessageQueue(options.queue, ({ message }) => options.onDrop(message, "queue-limit"));
  }

  /** QoS 1 and 2 messages under way. */
  get inflight(): number {
    return this.#inflight.size;
  }

  /** Messages that wait. */
  get queued(): number {
    return this.#queue.length + this.#backlog.length;
  }

  /** Takes a message: sends it, lets it wait, or drops it by the limits. */
  offer(delivery: Delivery): void {
    const link = this.#link;
    if (!link) return this.#wait(delivery);
    if (delivery.qos === 0) return this.#offerAtMostOnce(link, delivery);
    if (this.queued > 0 || !this.#hasRoom(link)) return void this.#queue.push(delivery);
    this.#send(link, delivery);
  }

  /** Takes what is retained for a new subscription: it is sent as the client takes it, before anything newer. */
  offerRetained(deliveries: readonly Delivery[]): void {
    const most = Math.max(MAXIMUM_BACKLOG, deliveries.length);
    for (const delivery of deliveries) this.#backlog.push(delivery);
    while (this.#backlog.length > most) this.#options.onDrop(this.#backlog.shift()!.message, "queue-limit");
    this.pump();
  }

  /** The client is back: what is under way goes out again in its order, then what waited. */
  attach(link: OutboundLink): void {
    this.#link = link;
    // [MQTT-4.4.0-1], [MQTT-4.6.0-1] 3.1.1; [MQTT-4.4.0-1], [MQTT-4.6.0-1] 5.0
    this.#resend = new Fifo();
    for (const packetIdentifier of this.#inflight.keys()) this.#resend.push(packetIdentifier);
    this.pump();
  }

  /** The client has gone. */
  detach(): void {
    this.#link = undefined;
  }

  /** PUBACK: the message has arrived. False if the identifier is not that of a QoS 1 message under way. */
  puback(packetIdentifier: number): boolean {
    if (!this.#letGo(packetIdentifier, 1)) return false;
    this.#settle(packetIdentifier);
    return true;
  }

  /** PUBREC: the client has the message and its identifier is to be released. False if it is not known. */
  pubrec(packetIdentifier: number): boolean {
    if (this.#inflight.get(packetIdentifier) !== "released" && !this.#letGo(packetIdentifier, 2)) return false;
    // The client has the message, so the identifier is all there is to remember.
    this.#inflight.set(packetIdentifier, "released");
    this.#link?.sendPubrel(packetIdentifier);
    return true;
  }

  /** PUBCOMP: the client has released the identifier. False if it was not waited for. */
  pubcomp(packetIdentifier: number): boolean {
    if (this.#inflight.get(packetIdentifier) !== "released") return false;
    this.#settle(packetIdentifier);
    return true;
  }

  /** Sends what waits as far as there is room: what has to be sent again, what is retained, what is queued. */
  pump(): void {
    const link = this.#link;
    // A hook that sees what is sent may cut the client off, so the link is looked at each time.
    while (link && link === this.#link && this.#resend.length > 0 && !link.congested) {
      this.#sendAgain(link, this.#resend.shift()!);
    }
    while (link && link === this.#link && this.#hasRoom(link)) {
      const delivery = this.#backlog.shift() ?? this.#queue.shift();
      if (!delivery) return;
      this.#send(link, delivery);
    }
  }

  /** The session has ended: everything is given up. */
  end(): void {
    this.#link = undefined;
    for (const delivery of this.#inflight.values()) {
      if (delivery !== "released") this.#options.onDrop(delivery.message, "session-ended");
    }
    this.#inflight.clear();
    while (this.#backlog.shift());
    for (let delivery = this.#queue.shift(); delivery; delivery = this.#queue.shift()) {
      this.#options.onDrop(delivery.message, "session-ended");
    }
  }

  #wait(delivery: Delivery): void {
    if (delivery.qos === 0 && !this.#options.queueQoS0) {
      return this.#options.onDrop(delivery.message, "offline-qos0");
    }
    if (this.#queue.push(delivery)) this.#options.onQueue(delivery.message);
  }

  #offerAtMostOnce(link: OutboundLink, delivery: Delivery): void {
    if (link.congested) this.#options.onDrop(delivery.message, "max-outbound-bytes");
    else if (this.#queue.hasQoS0 || this.#backlog.length > 0) this.#queue.push(delivery);
    else this.#send(link, delivery);
  }

  #hasRoom(link: OutboundLink): boolean {
    const { maximumInflight, queue } = this.#options;
    return this.#resend.length === 0 && this.#inflight.size < maximumInflight &&
      this.#inflightBytes < queue.maximumBytes && !link.congested;
  }

  #sendAgain(link: OutboundLink, packetIdentifier: number): void {
    const delivery = this.#inflight.get(packetIdentifier);
    if (delivery === "released") link.sendPubrel(packetIdentifier);
    else if (delivery) link.sendPublish(delivery, packetIdentifier, true);
  }

  #send(link: OutboundLink, delivery: Delivery): void {
    if (!link.mayReceive(delivery.message)) return this.#options.onDrop(delivery.message, "receive-denied");
    if (delivery.qos === 0) return link.sendPublish(delivery, 0, false);
    const packetIdentifier = this.#identifiers.next(this.#inflight);
    delivery.message.keep();
    this.#inflight.set(packetIdentifier, delivery);
    this.#inflightBytes += delivery.message.sizeBytes;
    link.sendPublish(delivery, packetIdentifier, false);
  }

  /** The client has the message: its bytes count no longer. False if no message of this QoS is under way so. */
  #letGo(packetIdentifier: number, qos: QoS): boolean {
    const delivery = this.#inflight.get(packetIdentifier);
    if (delivery === undefined || delivery === "released" || delivery.qos !== qos) return false;
    this.#inflightBytes -= delivery.message.sizeBytes;
    return true;
  }

  /** Frees identifier and quota together, and uses the quota. */
  #settle(packetIdentifier: number): void {
    this.#inflight.delete(packetIdentifier);
    this.pump();
  }
}

/** The quality of service that a message is delivered with ([MQTT-3.8.4-6] 3.1.1, [MQTT-3.8.4-8] 5.0). */
export function deliveryQoS(published: QoS, granted: QoS): QoS {
  return published < granted ? published : granted;
}
