import type { QoS } from "../../src/packet/packets.ts";

/** A message of the traffic: its place in a publisher's sequence for one topic and QoS. */
export interface Sent {
  readonly publisher: string;
  readonly topicName: string;
  readonly qos: 1 | 2;
  /** Counts up. */
  readonly number: number;
}

/** What a subscriber was granted. */
export interface Grant {
  /** Granted QoS by topic name. */
  readonly topics: ReadonlyMap<string, QoS>;
  /** False for several members of a shared subscription, taken together. @default true */
  readonly ordered?: boolean;
}

interface Entry {
  readonly sent: Sent;
  /** When it was first sent, counted in events. */
  readonly attemptedAt: number;
  acknowledged: boolean;
  /** Why it must not be delivered. */
  forbidden: string | undefined;
}

interface Subscriber {
  readonly grant: Grant;
  /** When it was there, counted in events. */
  readonly since: number;
  /** How often each message came. */
  readonly counts: Map<string, number>;
  /** Last number that came first, by stream. */
  readonly last: Map<string, number>;
}

/** Texts that are told at most; a broken broker breaks a thousand promises. */
const MOST_FAULTS = 50;

/** What stands in the payload of a message. */
export function payloadOf({ publisher, topicName, qos, number }: Sent): string {
  return `${publisher} ${topicName} ${qos} ${number}`;
}

/** Accounts for messages: what was sent, acknowledged and delivered, in the order of the events. */
export class Ledger {
  readonly #messages = new Map<string, Entry>();
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #faults: string[] = [];
  #events = 0;
  #faultCount = 0;
  #deliveries = 0;
  #repeats = 0;

  /** Notes a broken promise that was seen elsewhere. */
  fault(text: string): void {
    if (this.#faultCount++ < MOST_FAULTS) this.#faults.push(text);
  }

  /** A publisher begins to send a message. */
  attempted(sent: Sent): void {
    this.#messages.set(payloadOf(sent), {
      sent,
      attemptedAt: ++this.#events,
      acknowledged: false,
      forbidden: undefined,
    });
  }

  /** The publisher has PUBACK or PUBREC. */
  acknowledged(sent: Sent): void {
    this.#entry(sent).acknowledged = true;
  }

  /** From now on the message must not be delivered any more. */
  forbid(sent: Sent, why: string): void {
    this.#entry(sent).forbidden = why;
  }

  /** A subscriber, or the members of a shared subscription together, has SUBACK for all its topics. */
  subscribed(name: string, grant: Grant): void {
    this.#subscribers.set(name, { grant, since: ++this.#events, counts: new Map(), last: new Map() });
  }

  /** The subscriber's application has got a message. */
  delivered(name: string, payload: string, qos: QoS): void {
    const subscriber = this.#subscribers.get(name);
    const entry = this.#messages.get(payload);
    this.#deliveries++;
    if (!subscriber || !entry) return this.fault(`${name}: got ${payload}, which was never sent to it`);
    const { sent, forbidden } = entry;
    if (forbidden !== undefined) this.fault(`${name}: got ${payload} in spite of ${forbidden}`);
    const granted = subscriber.grant.topics.get(sent.topicName);
    if (granted === undefined) return this.fault(`${name}: got ${payload} without a subscription`);
    const expected = Math.min(sent.qos, granted);
    if (qos !== expected) this.fault(`${name}: got ${payload} at QoS ${qos} in place of ${expected}`);
    const count = (subscriber.counts.get(payload) ?? 0) + 1;
    subscriber.counts.set(payload, count);
    if (count > 1) return this.#repeated(name, payload, expected);
    if (subscriber.grant.ordered ?? true) this.#checkOrder(name, subscriber, sent);
  }

  /** Messages that were acknowledged and have not come to the subscriber. */
  missing(): string[] {
    return [...this.#subscribers].flatMap(([name, { grant, since, counts }]) =>
      [...this.#messages]
        .filter(([payload, { sent, attemptedAt, acknowledged, forbidden }]) =>
          acknowledged && forbidden === undefined && attemptedAt > since && grant.topics.has(sent.topicName) &&
          !counts.has(payload)
        )
        .map(([payload]) => `${name}: ${payload} was acknowledged and is lost`)
    );
  }

  /** All that is wrong once everything has been drained. */
  faults(): string[] {
    const missing = this.missing();
    const all = [...this.#faults, ...missing.slice(0, MOST_FAULTS)];
    const untold = this.#faultCount - this.#faults.length + Math.max(0, missing.length - MOST_FAULTS);
    return untold > 0 ? [...all, `and ${untold} more`] : all;
  }

  /** What was counted. */
  get figures(): { messages: number; acknowledged: number; deliveries: number; repeats: number } {
    const acknowledged = [...this.#messages.values()].filter((entry) => entry.acknowledged).length;
    return {
      messages: this.#messages.size,
      acknowledged,
      deliveries: this.#deliveries,
      repeats: this.#repeats,
    };
  }

  #entry(sent: Sent): Entry {
    const entry = this.#messages.get(payloadOf(sent));
    if (!entry) throw new Error(`${payloadOf(sent)} was not attempted`);
    return entry;
  }

  #repeated(name: string, payload: string, qos: number): void {
    this.#repeats++;
    if (qos === 2) this.fault(`${name}: got ${payload} twice`);
  }

  #checkOrder(name: string, { last }: Subscriber, { publisher, topicName, qos, number }: Sent): void {
    const stream = `${publisher} ${topicName} ${qos}`;
    const before = last.get(stream) ?? -1;
    if (number < before) this.fault(`${name}: got ${stream} ${number} after ${before}`);
    else last.set(stream, number);
  }
}
