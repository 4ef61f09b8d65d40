/** What a bridge promises, and whether it was kept: what clients of both brokers sent, were told, and got. */
import type { QoS } from "../../../src/packet/packets.ts";
import type { ClientLedger } from "../profile.ts";
import { type Arrived, payloadOf, type Sent, Wills } from "../promises.ts";
import type { BridgedSchedule, Crossing, Side } from "./schedule.ts";

interface Entry {
  readonly sent: Sent;
  /** Where it was published. */
  readonly side: Side;
  /** What it is on the other side; `undefined`: it does not cross. */
  readonly beyond: { readonly topicName: string; readonly qos: QoS } | undefined;
  /** It has to cross, once it is acknowledged. */
  readonly isPromised: boolean;
  acknowledged: boolean;
  mayRepeat: boolean;
}

/** What a subscriber of all has got. */
interface Book {
  readonly side: Side;
  readonly got: Map<string, number>;
  /** The last number of each stream. */
  readonly last: Map<string, number>;
}

/** What is retained for a topic, by the numbers of the messages. */
interface RetainedBook {
  readonly entry: Entry;
  acknowledged: number;
  attempted: number;
  readonly clears: Set<number>;
}

/** Texts that are told at most. */
const MOST_FAULTS = 20;

export class BridgedLedger implements ClientLedger {
  readonly wills = new Wills((text) => this.fault(text));
  readonly #crossings: readonly Crossing[];
  readonly #messages = new Map<string, Entry>();
  readonly #books = new Map<string, Book>();
  readonly #retained = new Map<string, RetainedBook>();
  /** By who has not got it: a client, or the side on which nobody has. */
  readonly #dropped = new Set<string>();
  readonly #faults: string[] = [];
  /** Sides whose store has failed. */
  readonly #refusing = new Set<Side>();
  #faultCount = 0;
  #now = 0;
  #deliveries = 0;
  #crossed = 0;
  /** The remote knows the bridge, so that it keeps messages for it. */
  isKnown = false;

  constructor({ crossings }: Pick<BridgedSchedule, "crossings">) {
    this.#crossings = crossings;
  }

  get faults(): readonly string[] {
    return this.#faultCount > this.#faults.length
      ? [...this.#faults, `and ${this.#faultCount - this.#faults.length} more`]
      : this.#faults;
  }

  get deliveries(): number {
    return this.#deliveries;
  }

  /** Deliveries of what was published at the other broker. */
  get crossed(): number {
    return this.#crossed;
  }

  get now(): number {
    return this.#now;
  }

  fault(text: string): void {
    if (this.#faultCount++ < MOST_FAULTS) this.#faults.push(text);
  }

  attempted(sent: Sent): void {
    this.#now++;
    const side = sideOf(sent.publisher);
    const beyond = this.#beyond(sent, side);
    const isPromised = beyond !== undefined && beyond.qos > 0 && (side === "here" || this.isKnown);
    const entry = { sent, side, beyond, isPromised, acknowledged: false, mayRepeat: false };
    this.#messages.set(payloadOf(sent), entry);
    if (!sent.retain) return;
    const { topicName, number, clears } = sent;
    const book = this.#retained.get(topicName) ?? { entry, acknowledged: 0, attempted: 0, clears: new Set() };
    this.#retained.set(topicName, book);
    book.attempted = number;
    if (clears) book.clears.add(number);
  }

  acknowledged(sent: Sent): void {
    this.#now++;
    this.#messages.get(payloadOf(sent))!.acknowledged = true;
    if (sent.retain) this.#retained.get(sent.topicName)!.acknowledged = sent.number;
  }

  mayRepeat(sent: Sent): void {
    this.#messages.get(payloadOf(sent))!.mayRepeat = true;
  }

  /** What is passed on at QoS 0 is not promised here. */
  sentAgain(): void {}

  /** Each client stays with its broker. */
  mayComeLate(): void {}

  /** A broker tells that it gives a message up for a client, for the other broker, or (`undefined`) for everybody. */
  dropped(side: Side, client: string | undefined, payload: string): void {
    if (client === undefined) this.#dropped.add(`here ${payload}`).add(`there ${payload}`);
    else this.#dropped.add(`${this.#books.has(client) ? client : otherSide(side)} ${payload}`);
  }

  /** A broker cannot store anything for a while. */
  storeFails(side: Side): void {
    this.#refusing.add(side);
  }

  sessionBegins(client: string): void {
    if (isWitness(client)) this.#books.set(client, { side: sideOf(client), got: new Map(), last: new Map() });
  }

  sessionGoesOn(): void {}
  sessionEnds(): void {}
  subscribing(): void {}
  subscribed(): void {}
  unsubscribing(): void {}
  unsubscribed(): void {}

  delivered(client: string, { topicName, payload, qos }: Arrived): void {
    this.#now++;
    this.#deliveries++;
    const [book, entry] = [this.#books.get(client), this.#messages.get(payload)];
    if (!book || !entry) return this.fault(`${client} got ${payload} on ${topicName}, which nobody has sent`);
    const { sent, side, beyond } = entry;
    const isFromHere = side === book.side;
    if (!isFromHere) this.#crossed++;
    const right = isFromHere ? sent : beyond;
    if (!right) return this.fault(`${client} got ${payload}, which must not cross`);
    if (topicName !== right.topicName) this.fault(`${client} got ${payload} as ${topicName}`);
    if (qos !== right.qos) this.fault(`${client} got ${payload} at QoS ${qos}`);
    const count = (book.got.get(payload) ?? 0) + 1;
    book.got.set(payload, count);
    if (count > 1) return this.#again(client, payload, entry, qos);
    const stream = `${sent.publisher} ${sent.topicName} ${sent.qos}`;
    const before = book.last.get(stream) ?? 0;
    // What a limit has dropped comes behind others if its publisher sends it again; what was refused for now, if others were
    // under way.
    const isLoose = this.#isDropped(client, payload) || (!isFromHere && this.#refusing.has(book.side));
    if (sent.number < before && !isLoose) {
      this.fault(`${client} got ${payload} after number ${before}`);
    }
    book.last.set(stream, Math.max(before, sent.number));
  }

  /** What each broker holds for each topic at the end. */
  checkRetained(held: (side: Side, topicName: string) => string | undefined): void {
    // One that clears has no payload by which it could be known.
    if (this.#dropped.size > 0) return;
    for (const { entry: { sent: { topicName }, side, beyond }, acknowledged, clears } of this.#retained.values()) {
      const right = acknowledged === 0 || clears.has(acknowledged) ? undefined : acknowledged;
      const places = [[side, topicName], ...beyond ? [[otherSide(side), beyond.topicName]] : []] as [Side, string][];
      for (const [place, name] of places) {
        const payload = held(place, name);
        const number = payload === undefined ? undefined : this.#messages.get(payload)?.sent.number;
        if (number === right) continue;
        this.fault(`retained ${place} on ${name} is ${payload ?? "nothing"} in place of number ${right ?? "none"}`);
      }
    }
  }

  /** Everything was given its time: what is missing now is lost. */
  finish(): void {
    for (const [payload, { sent, side, acknowledged, isPromised }] of this.#messages) {
      if (!acknowledged || sent.qos === 0 || sent.clears) continue;
      for (const [client, book] of this.#books) {
        if (side !== book.side && !isPromised) continue;
        if (book.got.has(payload) || this.#isDropped(client, payload)) continue;
        this.fault(`${client} has not got ${payload}, which was acknowledged`);
      }
    }
  }

  #again(client: string, payload: string, { sent, mayRepeat }: Entry, qos: QoS): void {
    // What is passed on at a lower QoS has left before its publisher is answered, who may send it again.
    const isOnce = sent.qos === 0 || (sent.qos === 2 && qos === 2 && !mayRepeat);
    if (isOnce) this.fault(`${client} got ${payload} twice`);
  }

  #beyond({ topicName, qos }: Sent, side: Side): Entry["beyond"] {
    for (const { root, direction, qos: most, localPrefix, remotePrefix } of this.#crossings) {
      if (direction === (side === "here" ? "in" : "out")) continue;
      const [mine, theirs] = side === "here" ? [localPrefix, remotePrefix] : [remotePrefix, localPrefix];
      if (!topicName.startsWith(`${mine}${root}/`)) continue;
      return { topicName: theirs + topicName.slice(mine.length), qos: Math.min(qos, most) as QoS };
    }
  }

  #isDropped(client: string, payload: string): boolean {
    return this.#dropped.has(`${client} ${payload}`) || this.#dropped.has(`${sideOf(client)} ${payload}`);
  }
}

/** Who subscribes to all. */
function isWitness(client: string): boolean {
  return client.endsWith("0");
}

export function sideOf(client: string): Side {
  return client.startsWith("h") ? "here" : "there";
}

export function otherSide(side: Side): Side {
  return side === "here" ? "there" : "here";
}
