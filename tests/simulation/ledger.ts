/**
 * What the specification and the manual promise, and whether it was kept. Only what a client can know counts: a session is
 * there until its client is told otherwise, a message is accepted when its publisher is told so.
 */
import { matches, parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import type { QoS } from "../../src/packet/packets.ts";
import type { ClientPlace, Entry, Group, Live, RetainedBook, SessionBook, Subscription } from "./books.ts";
import { missingOf } from "./groups.ts";
import type { ClientLedger, MessageForm } from "./profile.ts";
import { type Arrived, payloadOf, type Sent, type Wanted, Wills } from "./promises.ts";

/** Bytes of a PUBLISH that are not payload. */
const MOST_HEADER_BYTES = 50;
/** Texts that are told at most. */
const MOST_FAULTS = 20;

export class Ledger implements ClientLedger {
  readonly wills = new Wills((text) => this.fault(text));
  readonly #messages = new Map<string, Entry>();
  readonly #sessions: SessionBook[] = [];
  readonly #current = new Map<string, SessionBook>();
  readonly #retained = new Map<string, RetainedBook>();
  readonly #groups = new Map<string, Group>();
  readonly #dropped = new Set<string>();
  readonly #faults: string[] = [];
  #faultCount = 0;
  #now = 0;
  #deliveries = 0;
  /** When the broker died last without warning. */
  #crashedAt = -Infinity;
  /** Sessions are lost with their nodes, and what they have been given with them. */
  isCluster = false;
  /** Where in the cluster a client is now. */
  placeOf: ((client: string) => ClientPlace) | undefined;
  /** Bytes of the largest packets that clients take; who is not there takes any. */
  packetLimits: ReadonlyMap<string, number> = new Map();
  /** Messages that may be missing, since a stated limit has dropped that many. */
  allowed_ = 0;

  get faults(): readonly string[] {
    return this.#faultCount > this.#faults.length
      ? [...this.#faults, `and ${this.#faultCount - this.#faults.length} more`]
      : this.#faults;
  }

  get deliveries(): number {
    return this.#deliveries;
  }

  fault(text: string): void {
    if (this.#faultCount++ < MOST_FAULTS) this.#faults.push(text);
  }

  /** A publisher begins to send. */
  attempted(sent: Sent, { bytes, expirySeconds }: MessageForm): void {
    const expires = expirySeconds !== undefined;
    this.#messages.set(payloadOf(sent), {
      sent,
      attemptedAt: ++this.#now,
      expires,
      bytes,
      acknowledged: false,
      acknowledgedAt: Infinity,
      isForNow: expirySeconds === 0,
      mayRepeat: false,
      wasSentAgain: false,
      isLate: false,
      place: this.placeOf?.(sent.publisher),
    });
    if (!sent.retain) return;
    const book = this.#retainedBook(sent.topicName);
    const stream = `${sent.publisher} ${sent.qos}`;
    book.stream ??= stream;
    // Which was last is known to the log alone.
    book.uncertain ||= book.stream !== stream;
    book.attempted = sent.number;
    book.uncertain ||= expires;
    if (sent.clears) book.clears.add(sent.number);
  }

  /** The publisher has PUBACK or PUBREC, without a refusal. */
  acknowledged(sent: Sent): void {
    this.#now++;
    const entry = this.#messages.get(payloadOf(sent))!;
    entry.acknowledged = true;
    entry.acknowledgedAt = Math.min(entry.acknowledgedAt, this.#now);
    if (sent.retain) this.#retainedBook(sent.topicName).acknowledged = sent.number;
  }

  /** The publisher cannot know whether this has come already. */
  mayRepeat(sent: Sent): void {
    this.#messages.get(payloadOf(sent))!.mayRepeat = true;
  }

  /** The publisher sends it again, since it has heard nothing. */
  sentAgain(sent: Sent): void {
    this.#messages.get(payloadOf(sent))!.wasSentAgain = true;
  }

  /** In a cluster: the publisher has given it up, and goes on in another session, perhaps of another node. */
  mayComeLate(sent: Sent): void {
    if (!this.isCluster) return;
    this.#messages.get(payloadOf(sent))!.isLate = true;
    if (sent.retain) this.#retainedBook(sent.topicName).uncertain = true;
  }

  /** In a cluster: the publisher goes to another node, and what it has sent at QoS 0 takes another way than what comes. */
  moves(client: string): void {
    for (const entry of this.#messages.values()) {
      if (entry.sent.qos === 0 && entry.sent.publisher === client) entry.isLate = true;
    }
  }

  /** The broker tells why it gives a message up for a client; `undefined`: for all. */
  dropped(client: string | undefined, payload: string): void {
    this.#dropped.add(`${client ?? "*"} ${payload}`);
  }

  /** The broker tells that a client cannot be given a message, since it takes no packets of that size. */
  tooLarge(client: string, payload: string): void {
    if (!this.#isTooLarge(client, payload)) this.fault(`${payload} was too large for ${client}, which takes it`);
  }

  /** The broker has died without warning. */
  brokerDied(): void {
    this.#crashedAt = ++this.#now;
  }

  /** A client is told that it has a new session. */
  sessionBegins(client: string, transient: boolean): void {
    this.sessionEnds(client);
    const former = this.#current.get(client);
    if (former) former.followedAt = this.#now;
    const session: SessionBook = {
      client,
      node: this.placeOf?.(client).node,
      transient,
      followedAt: Infinity,
      subscriptions: [],
      got: new Map(),
      before: new Set(),
      notOnce: new Set(),
      gotRetained: new Set(),
      last: new Map(),
      over: false,
    };
    this.#sessions.push(session);
    this.#current.set(client, session);
  }

  /** A client is told that it has a session; one that it did not know of, or had given up, promises nothing of before. */
  sessionGoesOn(client: string, transient: boolean): void {
    const former = this.#current.get(client);
    for (const one of former?.subscriptions ?? []) one.awaits = false;
    if (former && !former.over) return;
    this.sessionBegins(client, transient);
    const { subscriptions, before } = this.#current.get(client)!;
    for (const payload of [...former?.got.keys() ?? [], ...former?.before ?? []]) before.add(payload);
    for (const one of former?.subscriptions ?? []) {
      subscriptions.push({ ...one, endsAt: this.#now });
      if (one.share === undefined) continue;
      const group = this.#group(one.share);
      group.isVague = true;
      group.members.add(this.#current.get(client)!);
    }
  }

  /** A client knows, or has to reckon with it, that its session is over. */
  sessionEnds(client: string): void {
    this.#now++;
    const session = this.#current.get(client);
    if (!session || session.over) return;
    session.over = true;
  }

  /** A client sends SUBSCRIBE. */
  subscribing(client: string, wanted: Wanted): void {
    const shared = /^\$share\/([^/]+)\/(.*)$/.exec(wanted.filter);
    const topicFilter = shared ? shared[2]! : wanted.filter;
    const share = shared ? wanted.filter : undefined;
    const retained = new Map<string, number>();
    if (!share) this.#promiseRetained(topicFilter, retained);
    this.#now++;
    const session = this.#current.get(client)!;
    for (const one of session.subscriptions) if (one.wanted.filter === wanted.filter) one.endsAt ??= this.#now;
    session.subscriptions.push({
      wanted,
      share,
      topicFilter,
      askedAt: this.#now,
      since: undefined,
      awaits: true,
      endedAt: undefined,
      endsAt: undefined,
      replacedAt: undefined,
      retained,
    });
    if (share === undefined) return;
    const group = this.#group(share);
    group.members.add(session);
  }

  /** A client has SUBACK. */
  subscribed(client: string, wanted: Wanted, refused: boolean): void {
    this.#now++;
    const all = this.#current.get(client)?.subscriptions ?? [];
    const place = all.findLastIndex((known) => known.wanted === wanted);
    if (place < 0) return;
    const one = all[place]!;
    one.awaits = false;
    if (refused) one.endsAt = one.endedAt = this.#now;
    else {
      one.since = this.#now;
      for (const former of all.slice(0, place)) {
        if (former.wanted.filter === wanted.filter) former.replacedAt ??= this.#now;
      }
    }
  }

  /** A client sends UNSUBSCRIBE. */
  unsubscribing(client: string, filter: string): void {
    this.#now++;
    for (const one of this.#current.get(client)?.subscriptions ?? []) {
      if (one.wanted.filter !== filter) continue;
      one.endsAt ??= this.#now;
    }
  }

  /** A client has UNSUBACK. */
  unsubscribed(client: string, filter: string, before: number): void {
    this.#now++;
    for (const one of this.#current.get(client)?.subscriptions ?? []) {
      if (one.wanted.filter === filter && one.endsAt !== undefined && one.endsAt <= before) one.endedAt ??= this.#now;
    }
  }

  /** Counts what happens. */
  get now(): number {
    return this.#now;
  }

  /** A client's application has got a message. */
  delivered(client: string, arrived: Arrived): void {
    this.#now++;
    this.#deliveries++;
    const { topicName, payload, qos, retain, isAgain, connectedAt } = arrived;
    if (topicName.startsWith("w/")) return this.wills.delivered(client, payload);
    const session = this.#current.get(client);
    const entry = this.#messages.get(payload);
    if (!session || !entry || entry.sent.topicName !== topicName) {
      return this.fault(`${client} got ${payload} on ${topicName}, which nobody has sent so`);
    }
    const { sent } = entry;
    const possible = session.subscriptions.filter((one) =>
      // What is retained is forwarded by nobody's connection.
      isMatch(one, topicName) && (retain || !one.wanted.noLocal || sent.publisher !== client)
    );
    if (!possible.some(({ endedAt }) => endedAt === undefined || endedAt > entry.attemptedAt)) {
      return this.fault(`${client} got ${payload} without a subscription`);
    }
    if (!possible.some(({ wanted }) => Math.min(wanted.qos, sent.qos) === qos)) {
      this.fault(`${client} got ${payload} at QoS ${qos}`);
    }
    if (possible.every(({ awaits }) => awaits)) this.fault(`${client} got ${payload} before SUBACK`);
    // What is sent again had begun to be sent then, and what is shared may come from another member.
    const isOwn = possible.every(({ share }) => share === undefined);
    if (entry.isForNow && !this.isCluster && isOwn && !isAgain && entry.acknowledgedAt < connectedAt) {
      this.fault(`${client} got ${payload}, which was for who was there at once`);
    }
    if (retain) return this.#gotRetained(session, sent, qos, payload);
    const isPromised = possible.some(({ since }) => since !== undefined && since < entry.attemptedAt);
    this.#gotLive(session, possible, { sent, qos, payload, isPromised });
  }

  /** What a topic holds at the end; `undefined`: nothing. */
  checkRetained(topicName: string, payload: string | undefined): void {
    const book = this.#retained.get(topicName);
    const held = payload === undefined ? undefined : this.#messages.get(payload)?.sent;
    if (!book || book.uncertain) return;
    const { acknowledged, attempted, clears } = book;
    const isRight = held === undefined
      ? acknowledged === 0 || [...clears].some((number) => number >= acknowledged && number <= attempted)
      : held.topicName === topicName && held.number >= acknowledged && !clears.has(held.number);
    if (isRight) return;
    const last = `${acknowledged}${clears.has(acknowledged) ? " (cleared)" : ""}`;
    this.fault(`retained on ${topicName} is ${payload ?? "nothing"} in place of number ${last}`);
  }

  /** Topics on which something was retained. */
  get retainedTopics(): Iterable<string> {
    return this.#retained.keys();
  }

  /** Everything was given its time: what is missing now is lost. */
  finish(): void {
    const missing = [...this.#sessions].filter(({ over }) => !over).flatMap((session) => this.#missing(session));
    for (const [share, group] of this.#groups) missing.push(...this.#missingOf(share, group));
    missing.push(...this.wills.missing());
    if (missing.length > this.allowed_) { for (const text of missing) this.fault(text); }
    this.wills.finish();
  }

  #gotRetained(
    session: SessionBook,
    { topicName, number, publisher, qos: sentQoS }: Sent,
    qos: QoS,
    payload: string,
  ): void {
    // One that came before and is sent again, or was asked for anew, is no step back.
    if (session.got.has(payload) || session.gotRetained.has(payload)) return;
    session.gotRetained.add(payload);
    const before = session.last.get(`${publisher} ${topicName} ${sentQoS} ${qos}`) ?? 0;
    if (number < before && !this.#messages.get(payload)!.isLate) {
      this.fault(`${session.client} got retained ${payload} after number ${before}`);
    }
  }

  #gotLive(session: SessionBook, possible: readonly Subscription[], live: Live): void {
    const { client, got, last } = session;
    const { sent, qos, payload, isPromised } = live;
    const count = (got.get(payload) ?? 0) + 1;
    got.set(payload, count);
    if (qos < 2 || this.#messages.get(payload)!.mayRepeat) session.notOnce.add(payload);
    if (count > 1) {
      if ((qos === 2 && !session.notOnce.has(payload)) || sent.qos === 0) this.fault(`${client} got ${payload} twice`);
      return;
    }
    const shares = new Set(possible.map(({ share }) => share));
    if (shares.size === 1 && !shares.has(undefined)) {
      const group = this.#group([...shares][0]!);
      const inGroup = (group.got.get(payload) ?? 0) + 1;
      group.got.set(payload, inGroup);
      // A node that was frozen and is dead for the others may have given it to its member as well.
      const mayBeTwice = this.isCluster && this.#crashedAt > -Infinity;
      if (inGroup > 1 && qos === 2 && !mayBeTwice && !group.isVague && !group.notOnce.has(payload)) {
        this.fault(`the members of ${[...shares][0]} got ${payload} twice`);
      }
      // Who is given it at a lower QoS has no part in the promise.
      if (session.notOnce.has(payload)) group.notOnce.add(payload);
      if (group.members.size > 1) return;
    } else if (shares.size > 1) return;
    const stream = `${sent.publisher} ${sent.topicName} ${sent.qos} ${qos}`;
    const before = last.get(stream) ?? 0;
    // What was dropped by a limit, came before there was a subscription, or was lost on the way at QoS 0, comes behind others
    // if its publisher sends it again.
    const { isLate: isKnownLate, wasSentAgain } = this.#messages.get(payload)!;
    const isLate = session.before.has(payload) || isKnownLate || (qos === 0 && wasSentAgain);
    if (sent.number < before && isPromised && !isLate && !this.#isDropped(client, payload)) {
      this.fault(`${client} got ${payload} after number ${before}`);
    }
    last.set(stream, Math.max(before, sent.number));
  }

  #missing({ client, node, subscriptions, got, gotRetained }: SessionBook): string[] {
    const missing: string[] = [];
    for (const { wanted, share, topicFilter, since, endsAt, retained } of subscriptions) {
      if (share !== undefined || since === undefined || endsAt !== undefined || wanted.qos === 0) continue;
      for (const [payload, { sent, attemptedAt, acknowledged, expires, place }] of this.#messages) {
        if (!acknowledged || sent.qos === 0 || attemptedAt < since || expires || sent.clears && sent.retain) continue;
        if (!matchesTopic(topicFilter, sent.topicName) || (wanted.noLocal && sent.publisher === client)) continue;
        if (got.has(payload) || gotRetained.has(payload) || this.#isDropped(client, payload)) continue;
        if (this.#isTooLarge(client, payload)) continue;
        if (place !== undefined && place.node !== node && isUnknownTo(place, since)) continue;
        missing.push(`${client} has not got ${payload}, which was acknowledged`);
      }
      for (const [topicName, number] of retained) {
        const came = [...got.keys(), ...gotRetained].some((payload) => {
          const sent = this.#messages.get(payload)?.sent;
          return sent?.topicName === topicName && sent.number >= number;
        });
        const book = this.#retainedBook(topicName);
        const isCleared = [...book.clears].some((clear) => clear > number);
        if (!came && !isCleared && !book.uncertain) {
          missing.push(`${client} has not got what is retained on ${topicName} (number ${number} or later)`);
        }
      }
    }
    return missing;
  }

  #missingOf(share: string, group: Group): string[] {
    const { topicFilter } = [...group.members][0]!.subscriptions.find((one) => one.share === share)!;
    return missingOf(share, group, this.#messages, {
      isFor: (topicName) => matchesTopic(topicFilter, topicName),
      crashedAt: this.#crashedAt,
      isCluster: this.isCluster,
      isDropped: (client, payload) => this.#isDropped(client, payload),
      isTooLarge: (client, payload) => this.#isTooLarge(client, payload),
    });
  }

  #isDropped(client: string, payload: string): boolean {
    return this.#dropped.has(`${client} ${payload}`) || this.#dropped.has(`* ${payload}`);
  }

  #isTooLarge(client: string, payload: string): boolean {
    const limit = this.packetLimits.get(client) ?? Infinity;
    return limit < (this.#messages.get(payload)?.bytes ?? 0) + MOST_HEADER_BYTES;
  }

  #promiseRetained(topicFilter: string, retained: Map<string, number>): void {
    for (const [topicName, { acknowledged, attempted, clears, uncertain }] of this.#retained) {
      if (!matchesTopic(topicFilter, topicName) || uncertain) continue;
      if (acknowledged > 0 && acknowledged === attempted && !clears.has(acknowledged)) {
        retained.set(topicName, acknowledged);
      }
    }
  }

  #retainedBook(topicName: string): RetainedBook {
    let book = this.#retained.get(topicName);
    if (!book) {
      book = { acknowledged: 0, attempted: 0, clears: new Set(), uncertain: false, stream: undefined };
      this.#retained.set(topicName, book);
    }
    return book;
  }

  #group(share: string): Group {
    let group = this.#groups.get(share);
    if (!group) {
      group = { members: new Set(), got: new Map(), notOnce: new Set(), isVague: false };
      this.#groups.set(share, group);
    }
    return group;
  }
}

/** A node that does not know that it is dead for the others is not told of what is subscribed to there from then on. */
function isUnknownTo({ unawareSince }: ClientPlace, subscribedAt: number): boolean {
  return unawareSince !== undefined && subscribedAt > unawareSince;
}

function isMatch({ topicFilter }: Subscription, topicName: string): boolean {
  return matchesTopic(topicFilter, topicName);
}

const known = new Map<string, boolean>();

function matchesTopic(filter: string, topicName: string): boolean {
  const key = `${filter} ${topicName}`;
  let found = known.get(key);
  if (found === undefined) {
    found = matches(parseTopicFilter(filter), parseTopicName(topicName));
    known.set(key, found);
  }
  return found;
}
