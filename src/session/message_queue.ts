import type { TopicName } from "../packet/topic.ts";
import type { Delivery } from "./delivery.ts";
import { Fifo } from "./fifo.ts";
import type { SessionLog } from "./session_log.ts";

/** Which message goes when a queue is full: the oldest (QoS 0 first), or the one that comes. */
export type DropPolicy = "oldest" | "newest";

/** Ceilings of one session's queue. */
export interface QueueLimits {
  readonly maximumMessages: number;
  readonly maximumBytes: number;
  readonly policy: DropPolicy;
}

/** Messages and bytes that are kept in memory where a log has the rest. */
const WINDOW_MESSAGES = 1000;
const WINDOW_BYTES = 2 ** 20;

/** How often a full queue is looked through for what has expired. */
const PURGE_PERIOD_MS = 1000;

/** What a {@linkcode MessageQueue} works with. */
export interface QueueParts {
  /** Those that hold now. */
  limits: QueueLimits;
  /** Keeps what goes beyond the window; `undefined`: everything is kept in memory. */
  readonly log: SessionLog | undefined;
  /** Told of every message that has to go. */
  readonly onDrop: (delivery: Delivery) => void;
  /** The time, by the clock that messages expire by. */
  readonly now: () => number;
  /** Told of every message that has expired here. */
  readonly onExpired: (delivery: Delivery) => void;
  /** Messages have come into memory again. */
  readonly onLoaded: () => void;
  /** They could not be read. */
  readonly onFault: (error: unknown) => void;
}

/**
 * What waits for one session, oldest first, bounded in number and bytes. With a log only the first of it are in
 * memory; the others, the tail, are read again when their turn comes.
 */
export class MessageQueue {
  readonly #parts: QueueParts;
  /** QoS 0 apart from QoS 1 and 2, so that the first to go is found at once; sequences keep their common order. */
  readonly #atMostOnce = new Fifo<Delivery>();
  readonly #acknowledged = new Fifo<Delivery>();
  /** How many QoS 0 messages there are of each topic; `undefined`: there have never been any. */
  #topics: Map<TopicName, number> | undefined;
  #bytes = 0;
  /** Messages in memory that expire some time. */
  #expiring = 0;
  #nextPurgeMs = 0;
  #tailMessages = 0;
  #tailBytes = 0;
  /** The tail's deliveries have higher sequences. */
  #tailAfter = 0;
  /** Some of the tail may have come through shared subscriptions. */
  #tailMayBeShared = false;
  /** How often the tail has changed otherwise than at its end: what is being read of it is then out of date. */
  #tailVersion = 0;
  #loading = false;
  #ended = false;
  /** Handed over, and still in their places; `undefined`: none is. */
  #gone: Set<Delivery> | undefined;
  /** Counts when something may have left otherwise. */
  #departures = 0;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** Messages in memory and in the tail. */
  get length(): number {
    return this.#atMostOnce.length + this.#acknowledged.length + this.#tailMessages - (this.#gone?.size ?? 0);
  }

  /** Messages in the tail. */
  get tailLength(): number {
    return this.#tailMessages;
  }

  /** Whether something of the tail may have come through a shared subscription. */
  get tailMayBeShared(): boolean {
    return this.#tailMayBeShared && this.#tailMessages > 0;
  }

  /**
   * Whether a QoS 0 message waits that one of this topic must not overtake: it is of the same topic.
   *
   * @param sequence none overtakes those up to this one, whatever their topic
   */
  holdsQoS0(topicName: TopicName, sequence: number): boolean {
    if (this.#gone) this.#clearOut();
    const first = this.#atMostOnce.peek();
    return first !== undefined && (first.sequence <= sequence || this.#topics!.has(topicName));
  }

  /** Bytes of all that waits. */
  get bytes(): number {
    return this.#bytes + this.#tailBytes;
  }

  /** Bytes of what is in memory. */
  get memoryBytes(): number {
    return this.#bytes;
  }

  /** The session was read from a store: so much waits there, and some of it may be shared. */
  restore({ messages, bytes, mayBeShared }: { messages: number; bytes: number; mayBeShared: boolean }): void {
    this.#tailMessages = messages;
    this.#tailBytes = bytes;
    this.#tailMayBeShared = mayBeShared;
  }

  /** Takes a delivery that has its sequence. False if it was dropped at once. */
  push(delivery: Delivery): boolean {
    const { limits, onDrop } = this.#parts;
    const { sizeBytes } = delivery.message;
    if (!this.#hasRoom(sizeBytes)) this.#dropExpired();
    const fits = this.#hasRoom(sizeBytes);
    if (sizeBytes > limits.maximumBytes || (limits.policy === "newest" && !fits)) {
      onDrop(delivery);
      return false;
    }
    this.#add(delivery);
    return fits || this.#dropUntilFits(delivery);
  }

  /** The next one in memory; `undefined` if there is none, though there may be a tail that is being read. */
  shift(): Delivery | undefined {
    this.#departs();
    const first = this.#atMostOnce.peek();
    const second = this.#acknowledged.peek();
    if (first && (!second || first.sequence < second.sequence)) {
      // What is newer than the tail's first has to wait for it.
      if (second || this.#tailMessages === 0 || first.sequence <= this.#tailAfter) return this.#take(this.#atMostOnce);
    }
    if (this.#acknowledged.length <= WINDOW_MESSAGES / 2) this.#load();
    return second && this.#take(this.#acknowledged);
  }

  /** The first so many that are in memory, in their order; they stay. */
  first(atMost: number): Delivery[] {
    const both = [...this.#atMostOnce.first(atMost), ...this.#acknowledged.first(atMost)];
    return both.sort((a, b) => a.sequence - b.sequence).slice(0, atMost);
  }

  /** Takes out the oldest that is in memory, QoS 0 first. */
  dropOldest({ onlyQoS0 = false }: { readonly onlyQoS0?: boolean } = {}): Delivery | undefined {
    this.#departs();
    const entries = onlyQoS0 || this.#atMostOnce.length > 0 ? this.#atMostOnce : this.#acknowledged;
    return entries.length > 0 ? this.#take(entries) : undefined;
  }

  /**
   * Offers what comes from shared subscriptions and is in memory to somebody else, one after the other, as long as
   * `goesOn` says yes; what is not taken keeps its place. The queue may be used between the steps.
   */
  *returnShared(taken: (delivery: Delivery) => boolean, goesOn: () => boolean): Generator<void, void> {
    for (const entries of [this.#atMostOnce, this.#acknowledged]) {
      let after = -Infinity;
      for (let departures = NaN; departures !== this.#departures;) {
        departures = this.#departures;
        for (const delivery of entries.filter(({ share, sequence }) => share !== undefined && sequence > after)) {
          if (!goesOn()) return this.#clearOut();
          after = delivery.sequence;
          if (taken(delivery) && this.#isIn(entries, delivery, departures)) this.#handedOver(delivery);
          yield;
          if (departures !== this.#departures) break;
        }
      }
    }
    this.#clearOut();
  }

  /** Who takes a delivery may bring about that it is dropped here. */
  #isIn(entries: Fifo<Delivery>, delivery: Delivery, departures: number): boolean {
    return departures === this.#departures || entries.filter((one) => one === delivery).length > 0;
  }

  /** It stays in its place until others are looked at, which is then done for many at once. */
  #handedOver(delivery: Delivery): void {
    (this.#gone ??= new Set()).add(delivery);
    this.#taken(delivery);
  }

  #clearOut(): void {
    const gone = this.#gone;
    if (!gone) return;
    this.#gone = undefined;
    for (const entries of [this.#atMostOnce, this.#acknowledged]) entries.extract((one) => gone.has(one));
  }

  /** Something is going to leave otherwise than to be handed over. */
  #departs(): void {
    this.#departures++;
    this.#clearOut();
  }

  /**
   * The same for the tail, which is read for it, as long as somebody takes something and `goesOn` says yes. Rejects if
   * that fails.
   */
  async returnTail(taken: (delivery: Delivery) => boolean, goesOn: () => boolean): Promise<void> {
    const { log } = this.#parts;
    for (let after = this.#tailAfter, some = true; some && this.tailMayBeShared;) {
      const version = this.#tailVersion;
      const page = await log?.load(after) ?? [];
      if (this.#ended || !goesOn()) return;
      some = version !== this.#tailVersion;
      if (some) continue;
      for (const delivery of page) {
        after = delivery.sequence;
        // It may have come into memory meanwhile.
        const isOfTail = delivery.sequence > this.#tailAfter;
        if (isOfTail && delivery.share !== undefined && taken(delivery)) some = this.#leaveTail(delivery);
      }
    }
  }

  /**
   * Lets out of memory what the log has.
   *
   * @returns how many bytes that was
   */
  spill(): number {
    this.#departs();
    const first = this.#acknowledged.peek();
    if (!this.#parts.log || !first) return 0;
    const before = this.#bytes;
    this.#tailAfter = first.sequence - 1;
    this.#tailVersion++;
    for (const delivery of this.#acknowledged.extract(() => true)) this.#letOut(delivery);
    return before - this.#bytes;
  }

  /** The session has ended: gives up everything that is in memory. */
  *end(): Generator<Delivery> {
    this.#ended = true;
    this.#tailMessages = this.#tailBytes = 0;
    for (let delivery = this.shift(); delivery; delivery = this.shift()) yield delivery;
  }

  #hasRoom(sizeBytes: number): boolean {
    const { maximumMessages, maximumBytes } = this.#parts.limits;
    return this.length < maximumMessages && this.bytes + sizeBytes <= maximumBytes;
  }

  /** What is worth nothing any longer goes before anything else does; looked for now and then only. */
  #dropExpired(): void {
    const nowMs = this.#parts.now();
    if (this.#expiring === 0 || nowMs < this.#nextPurgeMs) return;
    this.#nextPurgeMs = nowMs + PURGE_PERIOD_MS;
    this.#departs();
    const expired = ({ message }: Delivery) => message.isExpired(nowMs);
    for (const delivery of [...this.#atMostOnce.extract(expired), ...this.#acknowledged.extract(expired)]) {
      this.#taken(delivery);
      this.#parts.onExpired(delivery);
    }
  }

  #entered({ message, qos }: Delivery): void {
    this.#bytes += message.sizeBytes;
    if (qos === 0) this.#count(message.topicName, 1);
    if (message.expiresAtMs !== undefined) this.#expiring++;
  }

  #taken({ message, qos }: Delivery): void {
    this.#bytes -= message.sizeBytes;
    if (qos === 0) this.#count(message.topicName, -1);
    if (message.expiresAtMs !== undefined) this.#expiring--;
  }

  #count(topicName: TopicName, change: number): void {
    const topics = this.#topics ??= new Map();
    const count = (topics.get(topicName) ?? 0) + change;
    if (count > 0) topics.set(topicName, count);
    else topics.delete(topicName);
  }

  /** See {@linkcode Message.repack}. */
  repack(): void {
    const repackOne = ({ message }: Delivery) => message.repack();
    this.#atMostOnce.forEach(repackOne);
    this.#acknowledged.forEach(repackOne);
  }

  #add(delivery: Delivery): void {
    delivery.message.keepBriefly();
    this.#entered(delivery);
    if (delivery.qos === 0) return this.#atMostOnce.push(delivery);
    const { log } = this.#parts;
    const full = this.#acknowledged.length >= WINDOW_MESSAGES || this.#bytes > WINDOW_BYTES;
    if (!log || (this.#tailMessages === 0 && !full)) return this.#acknowledged.push(delivery);
    if (this.#tailMessages === 0) this.#tailAfter = delivery.sequence - 1;
    this.#letOut(delivery);
  }

  #letOut(delivery: Delivery): void {
    const { message } = delivery;
    this.#taken(delivery);
    this.#parts.log?.forgotten(delivery);
    this.#tailMessages++;
    this.#tailBytes += message.sizeBytes;
    if (delivery.share !== undefined) this.#tailMayBeShared = true;
  }

  /** Somebody else has got it. */
  #leaveTail({ message }: Delivery): true {
    this.#tailVersion++;
    this.#tailMessages--;
    this.#tailBytes -= message.sizeBytes;
    return true;
  }

  /** False if `newest` was among those that had to go: it is the last of all, if it is given. */
  #dropUntilFits(newest?: Delivery): boolean {
    const { maximumMessages, maximumBytes } = this.#parts.limits;
    while (this.length > maximumMessages || this.bytes > maximumBytes) {
      const delivery = this.dropOldest();
      if (!delivery) {
        // The oldest are in the tail: they go when they have been read.
        this.#load();
        return true;
      }
      this.#parts.onDrop(delivery);
      if (delivery === newest) return false;
    }
    return true;
  }

  #take(entries: Fifo<Delivery>): Delivery {
    const delivery = entries.shift()!;
    this.#taken(delivery);
    return delivery;
  }

  /** Reads a part of the tail, if there is one and it is not being read already. */
  #load(): void {
    const { log } = this.#parts;
    if (!log || this.#loading || this.#tailMessages === 0) return;
    this.#loading = true;
    const version = this.#tailVersion;
    log.load(this.#tailAfter).then((page) => this.#loaded(version, page), (error) => {
      this.#loading = false;
      this.#parts.onFault(error);
    });
  }

  #loaded(version: number, page: readonly Delivery[]): void {
    this.#loading = false;
    if (this.#ended) return;
    // What has been let out of memory meanwhile comes before this page, and others may have got some of it.
    if (version !== this.#tailVersion) return this.#load();
    for (const delivery of page) {
      this.#tailAfter = delivery.sequence;
      const { sizeBytes } = delivery.message;
      this.#tailMessages--;
      this.#tailBytes -= sizeBytes;
      this.#entered(delivery);
      this.#acknowledged.push(delivery);
    }
    // What was counted and is not there any longer has nothing to be waited for.
    if (page.length === 0 || this.#tailMessages <= 0) this.#tailMessages = this.#tailBytes = 0;
    this.#dropUntilFits();
    this.#parts.onLoaded();
  }
}
