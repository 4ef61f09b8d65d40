import { protocolError } from "../packet/protocol_error.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { DropReason } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { SearchBudget } from "../topics/retained_search.ts";
import type { Availability, Subscription } from "../topics/subscriber.ts";
import type { Delivery } from "./delivery.ts";
import type { StoredHandOver } from "./stored_hand_over.ts";
import { Inflight, type Released } from "./inflight.ts";
import type { SessionLog } from "./session_log.ts";
import type { RetainedPosition } from "./retained_promise.ts";
import { RetainedPromises } from "./retained_promises.ts";
import { byAndBy, endDeliveries, isReturned } from "./sender_end.ts";
import type { OutboundLink, RestoredSender, SenderLimits, SenderOptions } from "./sender_options.ts";
import { Waiting } from "./waiting.ts";

export { deliveryQoS } from "./delivery_qos.ts";
export type { OutboundLink, ReturnReason, SenderLimits, SenderOptions } from "./sender_options.ts";

/** Messages that are sent to one client in one go, before it is looked whether others have their turn. */
const SENT_AT_ONCE = 200;

/** The outbound half of a session: what is under way to the client, and what waits (MQTT 3.1.1 §4.3, MQTT 5.0 §4.3). */
export class Sender {
  readonly #options: SenderOptions;
  readonly #log: SessionLog | undefined;
  readonly #onReturn: SenderOptions["onReturn"];
  #limits: SenderLimits;
  readonly #inflight: Inflight;
  /** `undefined`: no message has had to wait yet. */
  #waiting: Waiting | undefined;
  /** Something may wait there: who was offline once is served as quickly afterwards as who never was. */
  #mayWait = false;
  /** `undefined`: no subscription has brought anything retained yet. */
  #promises: RetainedPromises | undefined;
  #link: OutboundLink | undefined;
  #isHeld = false;
  /** The client has signed in, though it may not be attached yet. */
  #expected = false;
  #sequence = 0;
  /** What an earlier run has left may have come through shared subscriptions. */
  #restoredMayBeShared = false;
  /** What is under way is sent as if for the first time. */
  #isAnew = false;
  /** How often the client has gone. */
  #detachments = 0;
  /** What has waited with a sequence up to this one has waited for the client to come back. */
  #attachedAt = 0;

  /**
   * @param options may be shared by many
   * @param log what is told of every QoS 1 and 2 delivery; `undefined`: the session ends with the process
   * @param onReturn this sender's own, instead of that of the options
   */
  constructor(options: SenderOptions, log?: SessionLog, onReturn = options.onReturn) {
    this.#options = options;
    this.#limits = options;
    this.#log = log;
    this.#onReturn = onReturn;
    this.#inflight = new Inflight(log);
  }

  /** The client has come by a way that has limits of its own. What is over them already stays. */
  limitTo(limits: SenderLimits): void {
    this.#limits = limits;
    this.#waiting?.limitTo(limits.queue);
  }

  /** QoS 1 and 2 messages under way. */
  get inflight(): number {
    return this.#inflight.size;
  }

  /** Those of them that were sent on this connection and wait for an answer. */
  get outstanding(): number {
    return this.#inflight.outstanding;
  }

  /** Messages that wait. */
  get queued(): number {
    return (this.#mayWait ? this.inQueue : 0) + (this.#promises?.waiting ?? 0);
  }

  /** Messages in its queue, which {@linkcode Sender.queueLimit} is for: what is still to come of the retained ones is not there. */
  get inQueue(): number {
    return this.#waiting?.length ?? 0;
  }

  /** `queue-limit` of the listener that the client has come by last. */
  get queueLimit(): number {
    return this.#limits.queue.maximumMessages;
  }

  /** The first so many messages that wait and are in memory, and how many only the store has. */
  firstWaiting(atMost: number): { readonly deliveries: readonly Delivery[]; readonly stored: number } {
    return { deliveries: this.#waiting?.first(atMost) ?? [], stored: this.#waiting?.stored ?? 0 };
  }

  /** The oldest so many that are under way and in memory, by packet identifier. */
  firstUnderWay(atMost: number): readonly (readonly [number, Delivery])[] {
    return this.#inflight.first(atMost);
  }

  /** What its subscriptions still have to bring of the retained messages; `undefined`: nothing was ever promised. */
  get promises(): RetainedPromises | undefined {
    return this.#promises;
  }

  /** As {@linkcode Sender.promises}; made if there are none, and something is retained. */
  makePromises(): RetainedPromises | undefined {
    if (!this.#promises && this.#options.retained.count > 0) this.#promises = this.#newPromises();
    return this.#promises;
  }

  /** The session was read from a store, with what its subscriptions still have to bring. */
  restorePromises(promises: Iterable<readonly [TopicFilter, Subscription, RetainedPosition]>): void {
    for (const [key, subscription, position] of promises) {
      this.#promises ??= this.#newPromises();
      this.#promises.restore(key, subscription, position);
    }
  }

  /** Bytes of the messages in memory, with the objects around them. */
  get memoryBytes(): number {
    return this.#inflight.memoryBytes + (this.#waiting?.memoryBytes ?? 0);
  }

  /** Messages under way are in the store only: {@linkcode Sender.readInflight} comes before the client is attached. */
  get isUnread(): boolean {
    return this.#inflight.isUnread;
  }

  /** Whether a QoS 1 or 2 message would leave at once. */
  get availability(): Availability {
    const link = this.#link;
    if (!link) return "offline";
    return !this.#isHeld && this.queued === 0 && this.#hasRoom(link) ? "ready" : "busy";
  }

  /** Whether the client may be such that {@linkcode Sender.refuses} something. */
  get isSelective(): boolean {
    return this.#link?.isSelective ?? false;
  }

  /** Whether the client is connected and can never be given this, young as it is. */
  refuses(delivery: Delivery): boolean {
    return isOnlyForOthers(this.#link?.refusal(delivery));
  }

  /** Takes a message: sends it, lets it wait, or drops one. False: the queue is full, and this QoS 1 or 2 message went. */
  offer(delivery: Delivery): boolean {
    const link = this.#link;
    if (delivery.qos === 0) {
      this.#offerAtMostOnce(link, delivery);
      return true;
    }
    if (link === undefined || this.#isHeld || this.#isBehind(delivery) || !this.#hasRoom(link)) {
      return this.#queue(delivery);
    }
    this.#enter(delivery);
    this.#send(link, delivery);
    // What was sent from where it was read need not be looked at again where it is kept.
    delivery.message.keepBriefly();
    return true;
  }

  /**
   * Looks for what subscriptions still have to bring of the retained messages, and sends it as the client takes it, before
   * what is queued ([MQTT-3.3.1-6] 3.1.1, [MQTT-3.3.1-9] 5.0).
   *
   * @returns whether there is more to look for
   */
  findRetained(budget: SearchBudget): boolean {
    if (!this.#link || !this.#promises) return false;
    const more = this.#promises.find(budget);
    this.pump();
    if (!this.#promises?.isPending) this.#promises = undefined;
    return more;
  }

  /** The subscription is over, and brings nothing more that is retained. */
  forgetRetained(key: TopicFilter): void {
    if (!this.#promises?.isPending) return;
    this.#promises.forget(key);
    this.pump();
  }

  /** The session was read from a store. */
  restore({ underWay, lastSequence, mayBeShared, ...waiting }: RestoredSender): void {
    if (waiting.messages > 0) this.#wait().restore({ ...waiting, mayBeShared });
    this.#sequence = lastSequence;
    this.#inflight.expect(underWay);
    this.#restoredMayBeShared = mayBeShared;
  }

  /** Reads from the store what is under way. Rejects if that fails, and can then be tried again. */
  readInflight(): Promise<void> {
    return this.#inflight.read();
  }

  /** Whether the packet identifier is that of something under way. */
  uses(packetIdentifier: number): boolean {
    return this.#inflight.has(packetIdentifier);
  }

  /** The QoS of the message with this packet identifier; `undefined`: there is none, or it is only to be released. */
  qosOf(packetIdentifier: number): QoS | undefined {
    return this.#inflight.message(packetIdentifier)?.qos;
  }

  /**
   * The other side has lost its session: what it was to release is over, and the rest is sent as if for the first time.
   * To be called before it is attached, when all that is under way was read.
   */
  startAnew(): void {
    this.#inflight.forgetReleased();
    this.#isAnew = true;
  }

  /** The client has signed in: what is under way stays in memory until it is attached, and as long as it is. */
  expect(): void {
    this.#expected = true;
  }

  /** The client is back: what is under way goes out again in its order, then what waited. */
  attach(link: OutboundLink): void {
    this.#link = link;
    // [MQTT-4.4.0-1], [MQTT-4.6.0-1] 3.1.1; [MQTT-4.4.0-1], [MQTT-4.6.0-1] 5.0
    this.#inflight.beginAgain();
    this.#promises?.attach();
    this.#attachedAt = this.#sequence;
    this.pump();
  }

  /** The client has gone. What other members of a shared subscription can take goes to them, by and by. */
  detach(): void {
    this.#link = undefined;
    this.#isHeld = false;
    this.#isAnew = false;
    this.#expected = false;
    this.#inflight.detach();
    this.#promises?.detach();
    const detachment = ++this.#detachments;
    if (!this.#waiting) return;
    const parts = { onReturn: this.#onReturn, log: this.#log };
    const taken = (delivery: Delivery) => isReturned(parts, delivery, "detached");
    const goesOn = () => this.#link === undefined && this.#detachments === detachment;
    const work = this.#waiting.returnShared(taken, goesOn);
    if (!work.next().done) byAndBy(this.#options, work, 0);
  }

  /**
   * PUBACK: the message has arrived, or is refused. False if the identifier is not known.
   *
   * @throws {ProtocolError} 0x82 if the identifier is that of a QoS 2 message
   */
  puback(packetIdentifier: number, reasonCode: ReasonCode = ReasonCode.Success): boolean {
    const delivery = this.#inflight.messageAt(1, packetIdentifier);
    if (delivery === undefined) return this.#unknown("PUBACK", packetIdentifier);
    if (reasonCode >= ReasonCode.UnspecifiedError) this.#options.onDrop(delivery.message, "refused-by-client");
    this.#settle(packetIdentifier, delivery);
    return true;
  }

  /**
   * PUBREC: the client has the message and its identifier is to be released, or it refuses the message. False if the
   * identifier is not known.
   *
   * @throws {ProtocolError} 0x82 if the identifier is that of a QoS 1 message
   */
  pubrec(packetIdentifier: number, reasonCode: ReasonCode = ReasonCode.Success): boolean {
    const delivery = this.#inflight.messageAt(2, packetIdentifier);
    const known = delivery ?? this.#inflight.released(packetIdentifier);
    if (!known) return this.#unknown("PUBREC", packetIdentifier);
    if (reasonCode >= ReasonCode.UnspecifiedError) {
      // [MQTT-4.8.2-6] 5.0: a message that was refused goes to nobody, other members of a share included.
      if (delivery) this.#options.onDrop(delivery.message, "refused-by-client");
      this.#settle(packetIdentifier, known);
    } else {
      if (delivery) this.#inflight.release(packetIdentifier, delivery);
      else this.#inflight.sentAgain(packetIdentifier);
      this.#link?.sendPubrel(packetIdentifier);
    }
    return true;
  }

  /**
   * PUBCOMP: the client has released the identifier. False if the identifier is not known.
   *
   * @throws {ProtocolError} 0x82 if the identifier is that of a QoS 1 message, or the client has not sent PUBREC for it
   */
  pubcomp(packetIdentifier: number): boolean {
    const released = this.#inflight.released(packetIdentifier);
    if (!released) return this.#unknown("PUBCOMP", packetIdentifier);
    this.#settle(packetIdentifier, released);
    return true;
  }

  /** What comes from now on waits until {@linkcode Sender.release}, or until the client has gone. */
  hold(): void {
    this.#isHeld = this.#link !== undefined;
  }

  /** Sends what has been held. */
  release(): void {
    this.#isHeld = false;
    this.pump();
  }

  /**
   * What is under way was refused for now: the first of it goes out again alone. The rest and what is held follow with
   * {@linkcode Sender.release}.
   *
   * @returns its packet identifier; `undefined`: there is nothing to be tried, and what was held is sent
   */
  probe(): number | undefined {
    const link = this.#link;
    this.#inflight.beginAgain();
    for (let next = this.#inflight.nextAgain(); link && next !== undefined; next = this.#inflight.nextAgain()) {
      this.#inflight.sentAgain(next);
      if (this.#sendAgain(link, next)) return next;
    }
    this.release();
    return undefined;
  }

  /** The other side has refused it and may be sent it again: gives it up if its time is over. True: it did. */
  expireRefused(packetIdentifier: number): boolean {
    const delivery = this.#inflight.message(packetIdentifier);
    if (!delivery || this.#link?.refusal(delivery) !== "message-expired") return false;
    this.#options.onDrop(delivery.message, "message-expired");
    this.#settle(packetIdentifier, delivery);
    return true;
  }

  /** Whether something waits that a QoS 1 or 2 message must not overtake. */
  #isBehind(delivery: Delivery): boolean {
    // Mostly nothing can wait, and the engine has to take in no more than this where a message is offered.
    return (this.#mayWait || this.#promises !== undefined) && this.#mustWait(delivery);
  }

  #mustWait(delivery: Delivery): boolean {
    return this.queued > 0 || (this.#promises?.owes(delivery.message.topicName) ?? false);
  }

  /** Sends what waits as far as there is room: what has to be sent again, what is retained, what is queued. */
  pump(): void {
    const link = this.#link;
    if (link === undefined || this.#isHeld) return;
    // After most acknowledgements nothing can wait.
    if (this.#mayWait || this.#promises !== undefined || this.#inflight.isResending) this.#sendOn(link);
  }

  #sendOn(link: OutboundLink): void {
    if (this.#inflight.isResending) this.#resend(link);
    // A hook that is told of a drop may close a client of the program, so the link is looked at each time.
    for (let sent = 0; link === this.#link && !this.#inflight.isResending && !link.congested; sent++) {
      if (this.#pauses(link, sent)) return;
      const hasRoom = this.#hasRoom(link);
      const retained = this.#promises?.next(hasRoom);
      if (retained && retained.qos > 0) this.#enter(retained);
      // What is retained comes first, found or not.
      const delivery = retained ?? (hasRoom && this.#mayWait && !this.#promises?.isPending ? this.#next() : undefined);
      if (!delivery) return;
      this.#send(link, delivery);
    }
  }

  #next(): Delivery | undefined {
    const delivery = this.#waiting?.shift();
    this.#mayWait = delivery !== undefined || this.inQueue > 0;
    return delivery;
  }

  /** Whether others have their turn before more is sent: it goes on then. */
  #pauses(link: OutboundLink, sent: number): boolean {
    // Who looks for what is retained takes turns with others already.
    if (sent === 0 || sent % SENT_AT_ONCE !== 0 || this.#promises?.isPending) return false;
    return link.pauses?.(SENT_AT_ONCE, () => link === this.#link && this.pump()) ?? false;
  }

  /** Lets messages out of memory that a store has: those that wait, and while the client is away those under way. */
  spill(): void {
    this.#waiting?.spill();
    if (!this.#link && !this.#expected) this.#inflight.spill();
  }

  /** Lets messages share memory with those alone that are still needed. */
  repack(): void {
    this.#inflight.repack();
    this.#waiting?.repack();
  }

  /** Gives up the oldest messages that wait in memory and nowhere else, QoS 0 first, until so many bytes are free. */
  shed(bytes: number): void {
    this.#waiting?.shed(bytes, (delivery) => this.#drop(delivery, "max-total-bytes"));
  }

  /**
   * The session has ended: everything is given up by and by, but for what other members of a shared subscription can take.
   * If the store has some of that, or it is much, the rest of the messages is left to be read from there, in its order.
   *
   * @returns what is left to be read; `undefined`: nothing is
   */
  end(): StoredHandOver | undefined {
    this.#link = undefined;
    const retained = this.#promises?.waiting ?? 0;
    this.#promises = undefined;
    return endDeliveries({
      options: this.#options,
      onReturn: this.#onReturn,
      log: this.#log,
      inflight: this.#inflight,
      waiting: this.#waiting,
      retained,
      restoredMayBeShared: this.#restoredMayBeShared,
    });
  }

  /** The session keeps the delivery from now on, until it is settled. */
  #enter(delivery: Delivery): void {
    delivery.sequence = ++this.#sequence;
    this.#log?.queued(delivery);
  }

  #drop(delivery: Delivery, reason: DropReason): void {
    if (delivery.qos > 0) this.#log?.settled(delivery);
    this.#options.onDrop(delivery.message, reason);
  }

  /** The client cannot be given the message. */
  #refuse(delivery: Delivery, refusal: DropReason): void {
    if (!this.#isTakenByOthers(delivery, refusal)) this.#drop(delivery, refusal);
    else if (delivery.qos > 0) this.#log?.settled(delivery);
  }

  /** Gives a message of a shared subscription that only this member cannot be given to another one. */
  #isTakenByOthers(delivery: Delivery, refusal: DropReason): boolean {
    return delivery.share !== undefined && isOnlyForOthers(refusal) && (this.#onReturn?.(delivery, "refused") ?? false);
  }

  /** A QoS 1 or 2 message cannot leave at once. */
  #queue(delivery: Delivery): boolean {
    if (delivery.message.isForNow) {
      this.#options.onDrop(delivery.message, "message-expired");
      return true;
    }
    this.#enter(delivery);
    return this.#push(delivery);
  }

  #push(delivery: Delivery): boolean {
    if (!this.#wait().push(delivery)) return false;
    if (!this.#link) this.#options.onQueue(delivery.message);
    return true;
  }

  #newPromises(): RetainedPromises {
    const { retained, now } = this.#options;
    const queueQoS0 = () => this.#limits.queueQoS0;
    return new RetainedPromises({ retained, now, queueQoS0, log: this.#log });
  }

  /** The room for what waits, which there is from now on. */
  #wait(): Waiting {
    const { now } = this.#options;
    this.#mayWait = true;
    return this.#waiting ??= new Waiting({
      limits: this.#limits.queue,
      log: this.#log,
      now,
      onDrop: (delivery) => this.#drop(delivery, "queue-limit"),
      onExpired: (delivery) => this.#drop(delivery, "message-expired"),
      onLoaded: () => this.pump(),
      onFault: (error) => this.#options.onFault(error),
    });
  }

  #offerAtMostOnce(link: OutboundLink | undefined, delivery: Delivery): void {
    if (link?.congested) return this.#options.onDrop(delivery.message, "max-outbound-bytes");
    const { topicName } = delivery.message;
    if (
      link && !this.#isHeld && !(this.#mayWait && this.#waiting?.holdsQoS0(topicName, this.#attachedAt)) &&
      !this.#promises?.owes(topicName)
    ) {
      return this.#send(link, delivery);
    }
    if (!link && !this.#limits.queueQoS0) return this.#options.onDrop(delivery.message, "offline-qos0");
    if (delivery.message.isForNow) return this.#options.onDrop(delivery.message, "message-expired");
    // It gets a place, and is this session's alone from now on.
    delivery.message.plainDelivery = undefined;
    delivery.sequence = ++this.#sequence;
    this.#push(delivery);
  }

  #hasRoom(link: OutboundLink): boolean {
    return !this.#inflight.isResending && this.#hasQuota(link) &&
      this.#inflight.bytes < this.#limits.queue.maximumBytes &&
      !link.congested;
  }

  #hasQuota(link: OutboundLink): boolean {
    const { outstanding } = this.#inflight;
    return outstanding < this.#limits.maximumInflight && outstanding < link.receiveMaximum;
  }

  #resend(link: OutboundLink): void {
    const inflight = this.#inflight;
    let sent = 0;
    for (let next = inflight.nextAgain(); next !== undefined; next = inflight.nextAgain()) {
      if (this.#pauses(link, sent++)) return;
      // A PUBREL takes no quota.
      const mayLeave = !inflight.message(next) || this.#hasQuota(link);
      if (link !== this.#link || link.congested || !mayLeave) return;
      inflight.sentAgain(next);
      this.#sendAgain(link, next);
    }
  }

  /** True: the message was sent, and not only its PUBREL or nothing. */
  #sendAgain(link: OutboundLink, packetIdentifier: number): boolean {
    const delivery = this.#inflight.message(packetIdentifier);
    if (!delivery) {
      link.sendPubrel(packetIdentifier);
      return false;
    }
    const refusal = link.refusal(delivery);
    // Its delivery has begun, so its time does not count any longer (MQTT 5.0 §3.3.2.3.3).
    if (refusal === undefined || refusal === "message-expired") {
      link.sendPublish(delivery, packetIdentifier, !this.#isAnew);
      return true;
    }
    if (delivery.qos === 1) {
      const taken = this.#isTakenByOthers(delivery, refusal);
      if (!taken) this.#options.onDrop(delivery.message, refusal);
      this.#inflight.remove(packetIdentifier, delivery);
      return false;
    }
    this.#options.onDrop(delivery.message, refusal);
    // The client may have the identifier already, so it has to hear that it is free again.
    this.#inflight.release(packetIdentifier, delivery);
    this.#link?.sendPubrel(packetIdentifier);
    return false;
  }

  #send(link: OutboundLink, delivery: Delivery): void {
    const refusal = link.refusal(delivery);
    if (refusal !== undefined) return this.#refuse(delivery, refusal);
    if (delivery.qos === 0) return link.sendPublish(delivery, 0, false);
    if (delivery.sequence < this.#inflight.newest) this.#renew(delivery);
    link.sendPublish(delivery, this.#inflight.enter(delivery), false);
  }

  /**
   * Something that came later has left before it, so that its sequence would bring it back in another order than that of
   * sending ([MQTT-4.6.0-1] 3.1.1, [MQTT-4.6.0-1] 5.0).
   */
  #renew(delivery: Delivery): void {
    const { sequence, note } = delivery;
    this.#enter(delivery);
    this.#log?.settled({ sequence, note });
  }

  /** Nothing waits for this acknowledgement (MQTT 5.0 §4.3). False: the identifier is not in use at all. */
  #unknown(packet: string, packetIdentifier: number): false {
    if (!this.#inflight.has(packetIdentifier)) return false;
    throw protocolError(`${packet} must answer what was sent: packet identifier ${packetIdentifier} waits for another`);
  }

  /** Frees identifier and quota together, and uses the quota. */
  #settle(packetIdentifier: number, delivery: Delivery | Released): void {
    this.#inflight.remove(packetIdentifier, delivery);
    this.pump();
  }
}

/** Whether another client may well be given what this one is not. */
function isOnlyForOthers(refusal: DropReason | undefined): boolean {
  return refusal === "maximum-packet-size" || refusal === "receive-denied";
}
