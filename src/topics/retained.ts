import type { TopicFilter, TopicName } from "../packet/topic.ts";
import type { Message } from "../message.ts";
import { RetainedOrder } from "./retained_order.ts";
import { TopicTree } from "./topic_tree.ts";

/** Ceilings of the retained messages. */
export interface RetainedLimits {
  readonly maximumMessages: number;
  readonly maximumBytes: number;
}

/** The last message of each topic that was published with RETAIN (MQTT 3.1.1 §3.3.1.3, MQTT 5.0 §3.3.1.3). */
export class RetainedMessages {
  readonly #tree = new TopicTree<Message>();
  readonly #limits: RetainedLimits;
  /** Those that expire, by topic name. */
  readonly #expiring = new Map<TopicName, Message>();
  /** Where {@linkcode RetainedMessages.expire} goes on: a Map's iterator follows the changes of its Map. */
  #rotation = this.#expiring.values();
  #bytes = 0;
  readonly #order = new RetainedOrder();
  #lastSerial = 0;
  /** Told of every change: the message that a topic has now, and the one that it had; `undefined`: none. */
  onChange: ((topicName: TopicName, message: Message | undefined, old: Message | undefined) => void) | undefined;

  constructor(limits: RetainedLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#tree.size;
  }

  /** What the messages take: themselves, and a level of the tree for each level of their topic names. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many bytes they may take. */
  get maximumBytes(): number {
    return this.#limits.maximumBytes;
  }

  /** The highest serial that was given: each message that is retained has a higher one than those before. */
  get lastSerial(): number {
    return this.#lastSerial;
  }

  /** Serials up to this one are taken, whether there is a message or not. */
  reserveSerial(serial: number): void {
    this.#lastSerial = Math.max(this.#lastSerial, serial);
  }

  /**
   * Replaces the topic's retained message, or clears it if the payload is empty or the message is not to last. A message that would exceed a ceiling
   * is not kept, and what it was to replace goes too: no subscriber shall be told a value that is no longer true.
   *
   * @param serial what it has had in a former life; a message that is retained now gets the next one
   */
  set(message: Message, serial?: number): "kept" | "cleared" | "full" {
    const old = this.#tree.get(message.topicName);
    // [MQTT-3.3.1-10] 3.1.1, [MQTT-3.3.1-6] 5.0
    if (clears(message)) {
      // Said also where there is none: that there is none may be a change of a moment ago.
      if (!this.delete(message.topicName)) this.onChange?.(message.topicName, undefined, undefined);
      return "cleared";
    }
    if (!this.hasRoom(message)) {
      this.delete(message.topicName);
      return "full";
    }
    this.#bytes += costBytes(message) - (old ? costBytes(old) : 0);
    this.#tree.set(message.topicName, message.keep());
    if (old) this.#forget(old);
    this.#give(message, serial);
    if (message.expiresAtMs === undefined) this.#expiring.delete(message.topicName);
    else this.#expiring.set(message.topicName, message);
    this.onChange?.(message.topicName, message, old);
    return "kept";
  }

  /** Whether a message can be kept in place of what its topic has now. */
  hasRoom(message: Message): boolean {
    if (clears(message)) return true;
    const old = this.#tree.get(message.topicName);
    const bytes = this.#bytes + costBytes(message) - (old ? costBytes(old) : 0);
    return bytes <= this.#limits.maximumBytes && this.count + (old ? 0 : 1) <= this.#limits.maximumMessages;
  }

  /**
   * The topic's retained message, unless it has expired.
   *
   * @param nowMs the time by the clock that messages expire by
   */
  get(topicName: TopicName, nowMs: number): Message | undefined {
    const message = this.#tree.get(topicName);
    return message?.isExpired(nowMs) ? undefined : message;
  }

  delete(topicName: TopicName): boolean {
    const old = this.#tree.get(topicName);
    if (!old) return false;
    this.#bytes -= costBytes(old);
    this.#expiring.delete(topicName);
    this.#forget(old);
    this.onChange?.(topicName, undefined, old);
    return this.#tree.delete(topicName);
  }

  /** Gives the topic's message the next serial, as if it had been retained just now. */
  renew(topicName: TopicName): void {
    const message = this.#tree.get(topicName);
    if (!message) return;
    this.#forget(message);
    this.#give(message);
  }

  /** The topic's retained message, expired or not. */
  last(topicName: TopicName): Message | undefined {
    return this.#tree.get(topicName);
  }

  /** As {@linkcode RetainedOrder.visit}. */
  inOrder(after: number, places: number, visit: (message: Message) => boolean): number {
    return this.#order.visit(after, places, visit);
  }

  /**
   * The retained messages that a topic filter matches, without those that have expired (MQTT 5.0 §3.3.2.3.3).
   *
   * @param nowMs the time by the clock that messages expire by
   */
  match(topicFilter: TopicFilter, nowMs: number): Message[] {
    const found: Message[] = [];
    for (const message of this.walk(topicFilter)) {
      if (message && !message.isExpired(nowMs)) found.push(message);
    }
    return found;
  }

  /**
   * Looks for the retained messages that a topic filter matches step by step: what comes is one of them, expired or not,
   * or `undefined` for a level of the tree that was looked at in vain. Messages may be retained and cleared between the
   * steps; those that are there from the first step to the last are found once.
   */
  walk(topicFilter: TopicFilter): IterableIterator<Message | undefined> {
    if (/[+#]/.test(topicFilter)) return this.#tree.matchFilter(topicFilter);
    return [this.#tree.get(topicFilter)].values();
  }

  /**
   * Removes messages that have expired. Meant to be called regularly: each call goes on where the last one stopped and
   * looks at a bounded number of the messages that expire at all, at none of them twice.
   *
   * @param nowMs the time by the clock that messages expire by
   * @param atMost how many messages to look at
   * @returns how many were removed
   */
  expire(nowMs: number, atMost = 1000): number {
    let removed = 0;
    for (let left = Math.min(atMost, this.#expiring.size); left > 0; left--) {
      const message = this.#nextExpiring();
      if (!message?.isExpired(nowMs)) continue;
      this.delete(message.topicName);
      removed++;
    }
    return removed;
  }

  #give(message: Message, serial = this.#lastSerial + 1): void {
    message.retainedSerial = serial;
    this.reserveSerial(serial);
    this.#order.add(message);
  }

  #forget(message: Message): void {
    this.#order.remove(message);
    message.retainedSerial = 0;
  }

  #nextExpiring(): Message | undefined {
    const { value } = this.#rotation.next();
    if (value) return value;
    this.#rotation = this.#expiring.values();
    return this.#rotation.next().value;
  }

  /** All of them, those of `$…` topics included, and those that have expired but are not removed yet. */
  [Symbol.iterator](): Generator<Message> {
    return this.#tree.values();
  }
}

/** What has message expiry interval 0 takes its predecessor's place and is over ([MQTT-3.3.1-5], §3.3.2.3.3 5.0). */
function clears(message: Message): boolean {
  return message.isForNow || message.payload.length === 0;
}

/** A level of the tree with its map, roughly; counted in full, though names with common levels share them. */
const LEVEL_BYTES = 200;

function costBytes(message: Message): number {
  return message.sizeBytes + message.topicName.split("/").length * LEVEL_BYTES;
}
