import type { QoS } from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { DropReason, Message } from "../message.ts";
import type { Availability } from "../topics/subscriptions.ts";
import type { Delivery, DeliveryNote } from "./delivery.ts";
import { Fifo } from "./fifo.ts";
import type { SessionJournal } from "./journal.ts";
import { MessageQueue, type QueueLimits } from "./message_queue.ts";
import { PacketIdentifiers } from "./packet_identifiers.ts";

/** A session's way to its client while that is connected. */
export interface OutboundLink {
  /** So many bytes wait for the socket that nothing more should be added. */
  readonly congested: boolean;
  /** QoS 1 and 2 messages that the client takes at once, 1 to 65,535 (MQTT 5.0 §4.9). */
  readonly receiveMaximum: number;
  /** Why the client must not be given the message; `undefined`: it may. */
  refusal(delivery: Delivery): DropReason | undefined;
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
  /** The time, by the clock that messages expire by. */
  readonly now: () => number;
  /** Told of every message that is given up. */
  readonly onDrop: (message: Message, reason: DropReason) => void;
  /** Told of every message that begins to wait for a client that is offline. */
  readonly onQueue: (message: Message) => void;
  /** Told when queued messages cannot be read from the store. */
  readonly onFault: (error: unknown) => void;
  /**
   * Asked to give a message of a shared subscription to another member, when the client has gone (`detached`) or its
   * session has ended (`ended`). False: nobody else takes it.
   */
  readonly onReturn: (delivery: Delivery, why: "detached" | "ended") => boolean;
}

/** A delivery at QoS 2 of which the client has the message: only the identifier is still to be released. */
interface Released extends DeliveryNote {
  readonly message: undefined;
}

/** What a store has of a session's messages under way: a message, or the note of one that the client has (QoS 2). */
export interface RestoredDelivery {
  readonly packetIdentifier: number;
  readonly delivery: Delivery | undefined;
  readonly released: DeliveryNote | undefined;
}

/** Retained messages that may wait from several SUBSCRIBEs together; one SUBSCRIBE may bring more. */
const MAXIMUM_BACKLOG = 100_000;

/** The outbound half of a session: what is under way to the client, and what waits (MQTT 3.1.1 §4.3, MQTT 5.0 §4.3). */
export class Sender {
  readonly #options: SenderOptions;
  readonly #journal: SessionJournal | undefined;
  readonly #identifiers = new PacketIdentifiers();
  /** By packet identifier, in the order of sending. */
  readonly #inflight = new Map<number, Delivery | Released>();
  #inflightBytes = 0;
  readonly #queue: MessageQueue;
  /** Retained messages for new subscriptions; the broker keeps them anyway, so they wait outside the queue's limits. */
  readonly #backlog = new Fifo<Delivery>();
  /** Packet identifiers that are still to be sent again after the client has come back. */
  readonly #resend = new Set<number>();
  #link: OutboundLink | undefined;
  #sequence = 0;

  /** @param journal what is told of every QoS 1 and 2 delivery; `undefined`: the session ends with the process */
  constructor(options: SenderOptions, journal?: SessionJournal) {
    this.#options = options;
    this.#journal = journal;
    this.#queue = new MessageQueue({
      limits: options.queue,
      journal,
      onDrop: (delivery) => this.#drop(delivery, "queue-limit"),
      now: options.now,
      onExpired: (delivery) => this.#drop(delivery, "message-expired"),
      onLoaded: () => this.pump(),
      onFault: options.onFault,
    });
  }

  /** QoS 1 and 2 messages under way. */
  get inflight(): number {
    return this.#inflight.size;
  }

  /** Messages that wait. */
  get queued(): number {
    return this.#queue.length + this.#backlog.length;
  }

  /** Bytes of the messages in memory. */
  get memoryBytes(): number {
    return this.#inflightBytes + this.#queue.memoryBytes;
  }

  /** Whether a QoS 1 or 2 message would leave at once. */
  get availability(): Availability {
    const link = this.#link;
    if (!link) return "offline";
    return this.queued === 0 && this.#hasRoom(link) ? "ready" : "busy";
  }

  /** Takes a message: sends it, lets it wait, or drops one. False: the queue is full, and this QoS 1 or 2 message went. */
  offer(delivery: Delivery): boolean {
    const link = this.#link;
    if (delivery.qos === 0) {
      this.#offerAtMostOnce(link, delivery);
      return true;
    }
    this.#enter(delivery);
    if (!link || this.queued > 0 || !this.#hasRoom(link)) return this.#wait(delivery);
    this.#send(link, delivery);
    return true;
  }

  /** Takes what is retained for a new subscription: it is sent as the client takes it, before anything newer. */
  offerRetained(deliveries: readonly Delivery[]): void {
    const most = Math.max(MAXIMUM_BACKLOG, deliveries.length);
    for (const delivery of deliveries) this.#backlog.push(delivery);
    while (this.#backlog.length > most) this.#options.onDrop(this.#backlog.shift()!.message, "queue-limit");
    this.pump();
  }

  /** The session was read from a store: what waits there, and the highest sequence that was given. */
  restore(stored: { messages: number; bytes: number; lastSequence: number }): void {
    this.#queue.restore(stored.messages, stored.bytes);
    this.#sequence = stored.lastSequence;
  }

  /** What was under way when the process ended; the client has not been told anything yet. */
  restoreInflight(deliveries: readonly RestoredDelivery[]): void {
    for (const { delivery, packetIdentifier, released } of deliveries) {
      if (released) this.#inflight.set(packetIdentifier, noteOf(released));
      if (!delivery) continue;
      this.#inflight.set(packetIdentifier, delivery);
      this.#inflightBytes += delivery.message.sizeBytes;
    }
  }

  /** The client is back: what is under way goes out again in its order, then what waited. */
  attach(link: OutboundLink): void {
    this.#link = link;
    // [MQTT-4.4.0-1], [MQTT-4.6.0-1] 3.1.1; [MQTT-4.4.0-1], [MQTT-4.6.0-1] 5.0
    this.#resend.clear();
    for (const packetIdentifier of this.#inflight.keys()) this.#resend.add(packetIdentifier);
    this.pump();
  }

  /** The client has gone. What other members of a shared subscription can take goes to them. */
  detach(): void {
    this.#link = undefined;
    for (const delivery of this.#queue.takeShared()) {
      if (this.#options.onReturn(delivery, "detached")) this.#journal?.settled(delivery);
      else this.#queue.push(delivery);
    }
  }

  /** PUBACK: the message has arrived, or is refused. False if the identifier is not that of a QoS 1 message under way. */
  puback(packetIdentifier: number, reasonCode: ReasonCode = ReasonCode.Success): boolean {
    const delivery = this.#letGo(packetIdentifier, 1, reasonCode);
    if (delivery) this.#settle(packetIdentifier, delivery);
    return delivery !== undefined;
  }

  /**
   * PUBREC: the client has the message and its identifier is to be released, or it refuses the message. False if the
   * identifier is not known.
   */
  pubrec(packetIdentifier: number, reasonCode: ReasonCode = ReasonCode.Success): boolean {
    const released = this.#released(packetIdentifier);
    const delivery = released ?? this.#letGo(packetIdentifier, 2, reasonCode);
    if (!delivery) return false;
    // [MQTT-4.8.2-6] 5.0: a message that was refused goes to nobody, other members of a share included.
    if (reasonCode >= ReasonCode.UnspecifiedError) this.#settle(packetIdentifier, delivery);
    else if (released) {
      this.#resend.delete(packetIdentifier);
      this.#link?.sendPubrel(packetIdentifier);
    } else this.#release(packetIdentifier, delivery);
    return true;
  }

  /** PUBCOMP: the client has released the identifier. False if it was not waited for. */
  pubcomp(packetIdentifier: number): boolean {
    const released = this.#released(packetIdentifier);
    if (released) this.#settle(packetIdentifier, released);
    return released !== undefined;
  }

  /** Sends what waits as far as there is room: what has to be sent again, what is retained, what is queued. */
  pump(): void {
    const link = this.#link;
    // A hook that sees what is sent may cut the client off, so the link is looked at each time.
    for (const packetIdentifier of this.#resend) {
      if (!link || link !== this.#link || !this.#mayResend(link, packetIdentifier)) break;
      this.#resend.delete(packetIdentifier);
      this.#sendAgain(link, packetIdentifier);
    }
    while (link && link === this.#link && this.#hasRoom(link)) {
      const retained = this.#backlog.shift();
      if (retained && retained.qos > 0) this.#enter(retained);
      const delivery = retained ?? this.#queue.shift();
      if (!delivery) return;
      this.#send(link, delivery);
      if (retained && retained.qos > 0) this.#queue.passed(retained);
    }
  }

  /** Lets waiting messages out of memory that a store has. Returns how many bytes that was. */
  spill(): number {
    return this.#queue.spill();
  }

  /** Gives up the oldest messages that wait in memory and nowhere else, QoS 0 first, until so many bytes are free. */
  shed(bytes: number): void {
    const enough = this.#queue.memoryBytes - bytes;
    while (this.#queue.memoryBytes > enough) {
      const delivery = this.#queue.dropOldest({ onlyQoS0: this.#journal !== undefined });
      if (!delivery) return;
      this.#drop(delivery, "max-total-bytes");
    }
  }

  /** The session has ended: everything is given up, but for what other members of a shared subscription can take. */
  end(): void {
    this.#link = undefined;
    const rest = [...this.#inflight.values()];
    this.#inflight.clear();
    this.#inflightBytes = 0;
    while (this.#backlog.shift());
    // [MQTT-4.8.2-5] 5.0: what is under way at QoS 2 is for this client alone.
    for (const delivery of rest) if (delivery.message) this.#giveUp(delivery, delivery.qos === 1);
    for (const delivery of this.#queue.end()) this.#giveUp(delivery, true);
  }

  /** The session keeps the delivery from now on, until it is settled. */
  #enter(delivery: Delivery): void {
    delivery.sequence = ++this.#sequence;
    delivery.message.keepBriefly();
    this.#journal?.queued(delivery);
  }

  #drop(delivery: Delivery, reason: DropReason): void {
    if (delivery.qos > 0) this.#journal?.settled(delivery);
    this.#options.onDrop(delivery.message, reason);
  }

  #giveUp(delivery: Delivery, shareable: boolean): void {
    this.#journal?.forgotten(delivery);
    const taken = shareable && delivery.share !== undefined && this.#options.onReturn(delivery, "ended");
    if (!taken) this.#options.onDrop(delivery.message, "session-ended");
  }

  #wait(delivery: Delivery): boolean {
    if (!this.#queue.push(delivery)) return false;
    if (!this.#link) this.#options.onQueue(delivery.message);
    return true;
  }

  #offerAtMostOnce(link: OutboundLink | undefined, delivery: Delivery): void {
    if (link?.congested) return this.#options.onDrop(delivery.message, "max-outbound-bytes");
    if (link && !this.#queue.hasQoS0 && this.#backlog.length === 0) return this.#send(link, delivery);
    if (!link && !this.#options.queueQoS0) return this.#options.onDrop(delivery.message, "offline-qos0");
    delivery.sequence = ++this.#sequence;
    this.#wait(delivery);
  }

  #hasRoom(link: OutboundLink): boolean {
    return this.#resend.size === 0 && this.#hasQuota(link) &&
      this.#inflightBytes < this.#options.queue.maximumBytes &&
      !link.congested;
  }

  /** What is still to be sent again takes none of the quota, which began anew with the connection. */
  #hasQuota(link: OutboundLink): boolean {
    const outstanding = this.#inflight.size - this.#resend.size;
    return outstanding < this.#options.maximumInflight && outstanding < link.receiveMaximum;
  }

  /** A PUBREL takes no quota. */
  #mayResend(link: OutboundLink, packetIdentifier: number): boolean {
    return !link.congested && (!this.#inflight.get(packetIdentifier)?.message || this.#hasQuota(link));
  }

  #sendAgain(link: OutboundLink, packetIdentifier: number): void {
    const delivery = this.#inflight.get(packetIdentifier);
    if (!delivery) return;
    if (!delivery.message) return link.sendPubrel(packetIdentifier);
    const refusal = link.refusal(delivery);
    if (link !== this.#link) return;
    // Its delivery has begun, so its time does not count any longer (MQTT 5.0 §3.3.2.3.3).
    if (refusal === undefined || refusal === "message-expired") {
      return link.sendPublish(delivery, packetIdentifier, true);
    }
    this.#letGo(packetIdentifier, delivery.qos);
    this.#options.onDrop(delivery.message, refusal);
    // The client may have the identifier already, so it has to hear that it is free again.
    if (delivery.qos === 2) return this.#release(packetIdentifier, delivery);
    this.#inflight.delete(packetIdentifier);
    this.#journal?.settled(delivery);
  }

  #send(link: OutboundLink, delivery: Delivery): void {
    const refusal = link.refusal(delivery);
    // A plugin that is asked may cut the client off: the message is then sent when it is back.
    const gone = link !== this.#link;
    if (refusal !== undefined && !gone) return this.#drop(delivery, refusal);
    if (delivery.qos === 0) return gone ? this.#drop(delivery, "offline-qos0") : link.sendPublish(delivery, 0, false);
    const packetIdentifier = this.#identifiers.next(this.#inflight);
    this.#inflight.set(packetIdentifier, delivery);
    this.#inflightBytes += delivery.message.sizeBytes;
    this.#journal?.sent(delivery, packetIdentifier);
    if (!gone) link.sendPublish(delivery, packetIdentifier, false);
  }

  /** The client has the message: its bytes count no longer. `undefined` if no message of this QoS is under way so. */
  #letGo(packetIdentifier: number, qos: QoS, reasonCode: ReasonCode = ReasonCode.Success): Delivery | undefined {
    const delivery = this.#inflight.get(packetIdentifier);
    if (!delivery?.message || delivery.qos !== qos) return undefined;
    this.#inflightBytes -= delivery.message.sizeBytes;
    if (reasonCode >= ReasonCode.UnspecifiedError) this.#options.onDrop(delivery.message, "refused-by-client");
    return delivery;
  }

  #released(packetIdentifier: number): Released | undefined {
    const entry = this.#inflight.get(packetIdentifier);
    return entry?.message ? undefined : entry as Released | undefined;
  }

  /** The client has the message, so the identifier is all there is to remember. */
  #release(packetIdentifier: number, delivery: DeliveryNote): void {
    this.#resend.delete(packetIdentifier);
    this.#journal?.released(delivery);
    this.#inflight.set(packetIdentifier, noteOf(delivery));
    this.#link?.sendPubrel(packetIdentifier);
  }

  /** Frees identifier and quota together, and uses the quota. */
  #settle(packetIdentifier: number, delivery: DeliveryNote): void {
    this.#inflight.delete(packetIdentifier);
    this.#resend.delete(packetIdentifier);
    this.#journal?.settled(delivery);
    this.pump();
  }
}

function noteOf({ sequence, note }: DeliveryNote): Released {
  return { message: undefined, sequence, note };
}

/** The quality of service that a message is delivered with ([MQTT-3.8.4-6] 3.1.1, [MQTT-3.8.4-8] 5.0). */
export function deliveryQoS(published: QoS, granted: QoS): QoS {
  return published < granted ? published : granted;
}
