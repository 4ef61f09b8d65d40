import type { Message } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import type { Delivery, DeliveryNote, RestoredDelivery } from "./delivery.ts";
import { IdentifierMap } from "./identifier_map.ts";
import type { SessionLog } from "./session_log.ts";
import { PacketIdentifiers } from "./packet_identifiers.ts";

/** What the objects around a message that waits take beside what is counted of the message; measured roughly. */
export const DELIVERY_BYTES = 512;

/** A delivery at QoS 2 of which the client has the message: only the identifier is still to be released. */
export class Released implements DeliveryNote {
  readonly message = undefined;
  sequence: number;
  note: unknown;

  /** @param delivery what it is left of */
  constructor({ sequence, note }: DeliveryNote) {
    this.sequence = sequence;
    this.note = note;
  }
}

/** In the place of a message that was let out of memory. */
const STORED = null;
type Entry = Delivery | Released | typeof STORED;

/** What is under way to one client by packet identifier, in the order of sending, and what of it is to be sent again. */
export class Inflight {
  readonly #log: SessionLog | undefined;
  readonly #identifiers = new PacketIdentifiers();
  readonly #entries = new IdentifierMap<Entry>();
  #bytes = 0;
  /** Messages in memory. */
  #messages = 0;
  #stored = 0;
  /** Messages of an earlier run, which only the store has. */
  #earlier = 0;
  #newest = 0;
  /** What is still to be sent again, and its order, the last first; there some are left that need it no longer. */
  #again: Set<number> | undefined;
  #order: number[] | undefined;
  /** The store has something that is missing here: {@linkcode Inflight.read} comes before anything is sent. */
  isUnread = false;

  /** @param log what is told of everything here; `undefined`: nothing outlives the process */
  constructor(log?: SessionLog) {
    this.#log = log;
  }

  /** Packet identifiers in use. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of the messages in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The same with the objects around them. */
  get memoryBytes(): number {
    return this.#bytes + this.#messages * DELIVERY_BYTES;
  }

  /** Messages that only the store has. */
  get stored(): number {
    return this.#stored + this.#earlier;
  }

  /** Highest sequence of all that has ever been under way, as far as it was in memory; sequences only grow. */
  get newest(): number {
    return this.#newest;
  }

  /** The store has so many messages of an earlier run, and perhaps more that were released. */
  expect(messages: number): void {
    this.#earlier = messages;
    this.isUnread = true;
  }

  /** Whether there is something that is still to be sent again. */
  get isResending(): boolean {
    return this.#again !== undefined;
  }

  /** What takes of the quota: that began anew with the connection, so nothing that is still to be sent again does. */
  get outstanding(): number {
    return this.#entries.size - (this.#again?.size ?? 0);
  }

  /** Enters a message as the newest; fewer than 65,535 are under way. Returns its packet identifier. */
  enter(delivery: Delivery): number {
    const packetIdentifier = this.#identifiers.next(this.#entries);
    this.#set(packetIdentifier, delivery);
    this.#log?.sent(delivery, packetIdentifier);
    return packetIdentifier;
  }

  /** Whether the packet identifier is in use. */
  has(packetIdentifier: number): boolean {
    return this.#entries.has(packetIdentifier);
  }

  /** The message with this identifier; `undefined`: there is none in memory. */
  message(packetIdentifier: number): Delivery | undefined {
    const entry = this.#entries.get(packetIdentifier);
    return entry?.message === undefined ? undefined : entry as Delivery;
  }

  /** The oldest so many that are in memory, by packet identifier. */
  first(atMost: number): [number, Delivery][] {
    const found: [number, Delivery][] = [];
    for (const packetIdentifier of this.#entries.identifiers()) {
      if (found.length >= atMost) break;
      const delivery = this.message(packetIdentifier);
      if (delivery) found.push([packetIdentifier, delivery]);
    }
    return found;
  }

  /** As {@linkcode Inflight.message}, if it is of this QoS. */
  messageAt(qos: QoS, packetIdentifier: number): Delivery | undefined {
    const delivery = this.message(packetIdentifier);
    return delivery !== undefined && delivery.qos === qos ? delivery : undefined;
  }

  /** What is left of a message that the client has; `undefined`: there is nothing that waits to be released so. */
  released(packetIdentifier: number): Released | undefined {
    const entry = this.#entries.get(packetIdentifier);
    return entry && !entry.message ? entry as Released : undefined;
  }

  /** The client has the message, so the identifier is all there is to remember. */
  release(packetIdentifier: number, delivery: Delivery): void {
    this.sentAgain(packetIdentifier);
    this.#count(delivery.message, -1);
    this.#entries.set(packetIdentifier, new Released(delivery));
    this.#log?.released(delivery);
  }

  /** It is over: frees the identifier, and with it the quota. */
  remove(packetIdentifier: number, delivery: Delivery | Released): void {
    if (this.#again !== undefined) this.sentAgain(packetIdentifier);
    if (this.#entries.delete(packetIdentifier) && delivery.message) this.#count(delivery.message, -1);
    this.#log?.settled(delivery);
  }

  /** The other side has no session any longer, so that nothing of it waits to be released. */
  forgetReleased(): void {
    for (const packetIdentifier of this.#entries.identifiers()) {
      const released = this.released(packetIdentifier);
      if (released) this.remove(packetIdentifier, released);
    }
  }

  /** The session has ended: takes everything out, and returns the messages that are in memory. */
  end(): Delivery[] {
    const messages = this.#entries.identifiers().flatMap((packetIdentifier) => this.message(packetIdentifier) ?? []);
    this.#entries.clear();
    this.#again = this.#order = undefined;
    this.#bytes =
      this.#messages =
      this.#stored =
      this.#earlier =
        0;
    this.isUnread = false;
    return messages;
  }

  /** A connection begins: everything is to be sent again. */
  beginAgain(): void {
    if (this.size === 0) return;
    const identifiers = this.#entries.identifiers();
    this.#again = new Set(identifiers);
    this.#order = identifiers.reverse();
  }

  /** The connection has ended: what only it needed goes. */
  detach(): void {
    this.#again = this.#order = undefined;
    if (this.size === 0) this.#entries.clear();
  }

  /** The first that is still to be sent again; `undefined`: nothing is. */
  nextAgain(): number | undefined {
    const order = this.#order ?? [];
    while (order.length > 0 && !this.#again?.has(order.at(-1)!)) order.pop();
    return order.at(-1);
  }

  /** It was sent again, or need not be. */
  sentAgain(packetIdentifier: number): void {
    if (!this.#again?.delete(packetIdentifier) || this.#again.size > 0) return;
    this.#again = this.#order = undefined;
  }

  /** See {@linkcode Message.repack}. */
  repack(): void {
    this.#entries.forEach((entry) => entry?.message?.repack());
  }

  /** Lets messages out of memory that the log's store has; to be called only while there is no client. */
  spill(): void {
    if (!this.#log) return;
    for (const packetIdentifier of this.#entries.identifiers()) {
      const delivery = this.message(packetIdentifier);
      // [MQTT-4.8.2-5] 5.0: what is shared goes to others if the session ends, unless it is under way at QoS 2.
      if (!delivery || (delivery.share && delivery.qos === 1)) continue;
      this.#count(delivery.message, -1);
      this.#stored++;
      this.#entries.set(packetIdentifier, STORED);
      this.#log.forgotten(delivery);
      this.isUnread = true;
    }
  }

  /** Reads what is missing here. Rejects if the store fails. */
  async read(): Promise<void> {
    const deliveries = await this.#log?.loadInflight() ?? [];
    // The session may have ended meanwhile.
    if (this.isUnread) this.restore(deliveries);
  }

  /** Takes in what a store has: what was let out of memory comes in its place, what is not known at all as the newest. */
  restore(deliveries: readonly RestoredDelivery[]): void {
    this.isUnread = false;
    this.#earlier = 0;
    for (const { packetIdentifier, delivery, released } of deliveries) {
      if (this.#entries.get(packetIdentifier)) continue;
      if (delivery) this.#set(packetIdentifier, delivery);
      else if (released) {
        this.#entries.set(packetIdentifier, new Released(released));
        this.#newest = Math.max(this.#newest, released.sequence);
      }
    }
    if (this.#stored === 0) return;
    this.#stored = 0;
    // What the store does not have any longer cannot be waited for.
    for (const packetIdentifier of this.#entries.identifiers()) {
      if (this.#entries.get(packetIdentifier) === STORED) this.#entries.delete(packetIdentifier);
    }
  }

  #count({ sizeBytes }: Message, sign: 1 | -1): void {
    this.#bytes += sign * sizeBytes;
    this.#messages += sign;
  }

  #set(packetIdentifier: number, delivery: Delivery): void {
    this.#count(delivery.message, 1);
    if (delivery.sequence > this.#newest) this.#newest = delivery.sequence;
    this.#entries.set(packetIdentifier, delivery);
  }
}
