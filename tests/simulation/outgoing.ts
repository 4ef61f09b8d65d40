/** What a simulated client sends and is not yet done with: its messages, subscriptions and packet identifiers. */
import { type InboundPacket, PacketType, type PublishPacket, type QoS } from "../../src/packet/packets.ts";
import type { ReasonCode } from "../../src/packet/reason_code.ts";
import { publishPacket, subscribePacket, unsubscribePacket } from "../support/client_packets.ts";
import type { ClientLedger, Profile, PublishWish } from "./profile.ts";
import { payloadOf, type Sent, type Wanted } from "./promises.ts";

interface Outbound {
  readonly sent: Sent;
  readonly packet: PublishPacket;
  released: boolean;
}

interface Asked {
  /** `undefined`: UNSUBSCRIBE. */
  readonly wanted: Wanted | undefined;
  readonly filter: string;
  readonly at: number;
}

/** The client's half of QoS 1 and 2 towards the broker, and its questions. */
export class Outgoing {
  /** What the broker takes at once. */
  receiveMaximum = 65_535;
  readonly #profile: Profile;
  readonly #ledger: ClientLedger;
  readonly #send: (packet: InboundPacket) => void;
  readonly #outbound = new Map<number, Outbound>();
  readonly #asked = new Map<number, Asked>();
  readonly #numbers = new Map<string, number>();
  /** What the broker has no room for. */
  #waiting: PublishWish[] = [];
  #lastIdentifier = 0;

  constructor(profile: Profile, ledger: ClientLedger, send: (packet: InboundPacket) => void) {
    this.#profile = profile;
    this.#ledger = ledger;
    this.#send = send;
  }

  /** What has not been answered yet, in words. */
  get unanswered(): string[] {
    const messages = [...this.#outbound.values()].map(({ sent }) =>
      `${payloadOf(sent)} is not acknowledged to its end`
    );
    const asked = [...this.#asked.values()].map(({ filter }) => `${this.#profile.name} has no answer for ${filter}`);
    return [...messages, ...asked];
  }

  /** Publishes the next message of a topic, as soon as the broker's receive maximum lets it. */
  publish(wish: PublishWish): void {
    if (wish.qos === 0) return this.#publish(wish);
    this.#waiting.push(wish);
    this.#publishWaiting();
  }

  subscribe(wanted: Wanted): void {
    const { filter, qos, noLocal } = wanted;
    this.#ledger.subscribing(this.#profile.name, wanted);
    const identifier = this.#ask({ wanted, filter, at: this.#ledger.now });
    this.#send(subscribePacket(identifier, [{ topicFilter: filter, qos, noLocal }]));
  }

  unsubscribe(filter: string): void {
    this.#ledger.unsubscribing(this.#profile.name, filter);
    const identifier = this.#ask({ wanted: undefined, filter, at: this.#ledger.now });
    this.#send(unsubscribePacket(identifier, [filter]));
  }

  /** The session is another one. */
  forget(): void {
    for (const { sent } of this.#outbound.values()) this.#ledger.mayComeLate(sent);
    this.#outbound.clear();
  }

  /** Whether the broker has got it in this session is not known. */
  doubt(): void {
    for (const { sent } of this.#outbound.values()) this.#ledger.mayRepeat(sent);
  }

  /** The connection is over: what was not sent, or was asked on it, is given up. */
  disconnected(): void {
    this.#waiting = [];
  }

  /** The client is back in its session. */
  resend(): void {
    this.#asked.clear();
    for (const [packetIdentifier, { packet, released, sent }] of this.#outbound) {
      if (released) this.#sendPubrel(packetIdentifier);
      else {
        this.#ledger.sentAgain(sent);
        this.#send({ ...packet, dup: true });
      }
    }
  }

  /** PUBACK, or PUBREC, has come. */
  acknowledged(packetIdentifier: number, qos: QoS, reasonCode: number): void {
    const one = this.#outbound.get(packetIdentifier);
    if (!one || one.sent.qos !== qos) return this.#fault(`got an acknowledgement for ${packetIdentifier} without need`);
    const isRefused = reasonCode >= 0x80;
    if (!isRefused) this.#ledger.acknowledged(one.sent);
    if (qos === 2 && !isRefused) {
      one.released = true;
      return this.#sendPubrel(packetIdentifier);
    }
    this.#outbound.delete(packetIdentifier);
    this.#publishWaiting();
  }

  /** PUBCOMP has come. */
  completed(packetIdentifier: number): void {
    if (!this.#outbound.get(packetIdentifier)?.released) this.#fault("got PUBCOMP without need");
    this.#outbound.delete(packetIdentifier);
    this.#publishWaiting();
  }

  /** SUBACK or UNSUBACK has come. */
  answered(packetIdentifier: number, reasonCodes: readonly number[], isSuback: boolean): void {
    const asked = this.#asked.get(packetIdentifier);
    if (!asked || isSuback !== (asked.wanted !== undefined)) return this.#fault("got an answer to nothing");
    this.#asked.delete(packetIdentifier);
    const { name } = this.#profile;
    if (asked.wanted) this.#ledger.subscribed(name, asked.wanted, reasonCodes[0]! >= 0x80);
    else this.#ledger.unsubscribed(name, asked.filter, asked.at);
  }

  #publishWaiting(): void {
    while (this.#waiting.length > 0 && this.#outbound.size < this.receiveMaximum) {
      this.#publish(this.#waiting.shift()!);
    }
  }

  #publish({ topicName, qos, retain, clears, expirySeconds, bytes }: PublishWish): void {
    const { name, version } = this.#profile;
    const stream = `${topicName} ${qos}`;
    const number = (this.#numbers.get(stream) ?? 0) + 1;
    this.#numbers.set(stream, number);
    const sent: Sent = { publisher: name, topicName, qos, number, retain, clears };
    const identifier = qos === 0 ? 0 : this.#identifier();
    const messageExpiryIntervalSeconds = version === 5 ? expirySeconds : undefined;
    const payload = clears ? "" : payloadOf(sent).padEnd(bytes, ".");
    const packet = publishPacket(identifier, topicName, payload, {
      qos,
      retain,
      ...messageExpiryIntervalSeconds !== undefined && { properties: { messageExpiryIntervalSeconds } },
    });
    this.#ledger.attempted(sent, { bytes: payload.length, expirySeconds: messageExpiryIntervalSeconds });
    if (qos > 0) this.#outbound.set(identifier, { sent, packet, released: false });
    this.#send(packet);
  }

  #sendPubrel(packetIdentifier: number): void {
    this.#send({ type: PacketType.Pubrel, packetIdentifier, reasonCode: 0 as ReasonCode } as InboundPacket);
  }

  #ask(asked: Asked): number {
    const identifier = this.#identifier();
    this.#asked.set(identifier, asked);
    return identifier;
  }

  #identifier(): number {
    do this.#lastIdentifier = this.#lastIdentifier % 65_535 + 1; while (
      this.#outbound.has(this.#lastIdentifier) || this.#asked.has(this.#lastIdentifier)
    );
    return this.#lastIdentifier;
  }

  #fault(text: string): void {
    this.#ledger.fault(`${this.#profile.name} ${text}`);
  }
}
