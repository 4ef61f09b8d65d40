/** A simulated client: it keeps to the specification, remembers its session, and is told by the schedule what to do. */
import {
  type ConnackPacket,
  type InboundPacket,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
} from "../../src/packet/packets.ts";
import type { ReasonCode } from "../../src/packet/reason_code.ts";
import { concat, decodeServerPackets, encodeClientPacket } from "../support/client_codec.ts";
import { connectPacket, publishPacket, subscribePacket, unsubscribePacket } from "../support/client_packets.ts";
import { Random } from "../support/random.ts";
import { type Ledger, payloadOf, type Sent, type Wanted } from "./ledger.ts";
import type { Line, LineEnds, Wire } from "./network.ts";
import type { World } from "./world.ts";

/** What stays the same of a client. */
export interface Profile {
  readonly name: string;
  readonly version: ProtocolVersion;
  /** 0: its sessions end with their connections. */
  readonly expirySeconds: number;
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  /** 0: none. */
  readonly keepAliveSeconds: number;
  /** Milliseconds after which it comes back by itself; `undefined`: it waits to be told. */
  readonly returnsAfterMs: number | undefined;
  readonly line: Line;
}

/** How a client connects. */
export interface ConnectWish {
  /** The session is begun anew. */
  readonly clean: boolean;
  /** Seconds of a will's delay; `undefined`: it leaves no will. */
  readonly willDelay: number | undefined;
}

/** A message that a client is to publish. */
export interface PublishWish {
  readonly topicName: string;
  readonly qos: QoS;
  readonly retain: boolean;
  /** It has no payload. */
  readonly clears: boolean;
  readonly expirySeconds?: number;
  /** The payload is filled up to so many. */
  readonly bytes: number;
}

/** How a client goes. */
export type Leaving = "disconnect" | "disconnect-with-will" | "close" | "cut" | "vanish";

/** What clients share. */
export interface ClientWorld {
  readonly world: World;
  readonly ledger: Ledger;
  readonly seed: number;
  /** The present broker's life; it changes with each start. */
  readonly life: () => number;
  /** Connects, or fails if there is nobody. */
  readonly dial: (line: Line, random: Random, ends: LineEnds) => Wire | undefined;
  /** The last moment at which the store was found failing. */
  readonly storeFailedAtMs: () => number;
}

interface Outbound {
  readonly sent: Sent;
  readonly packet: PublishPacket;
  released: boolean;
}

interface Asked {
  readonly wanted: readonly Wanted[];
  readonly filter?: string;
  readonly at: number;
}

interface Link {
  readonly wire: Wire;
  /** Of the session that this connection has; before 5.0 a clean one ends with it. */
  readonly expirySeconds: number;
  readonly wish: ConnectWish;
  readonly will: string | undefined;
  welcome: boolean;
  /** What the broker takes at once. */
  receiveMaximum: number;
  rest: Uint8Array;
  readonly aliases: Map<number, string>;
  /** Identifiers of the broker's QoS 1 and 2 messages that are not acknowledged to their end. */
  readonly open: Set<number>;
}

/** Milliseconds that an end which everybody was told of may take to be noticed. */
const NOTICED_MS = 5000;
/** Seconds within which a session's end cannot be foretold. */
const VAGUE_SECONDS = 20;

export class SimulatedClient {
  readonly profile: Profile;
  readonly #shared: ClientWorld;
  #link: Link | undefined;
  #connections = 0;
  /** The client believes in a session, and since when nobody is connected to it. */
  #hasSession = false;
  #mayHaveEnded = false;
  /** After an attempt whose end is not known: it may still come through, and take the place of the next. */
  #vagueConnections = 0;
  #lostAtMs = 0;
  #goodbye: { readonly wire: Wire; isOvertaken: boolean } | undefined;
  #lossWasTold = false;
  #lifeAtLoss = 0;
  readonly #received = new Map<number, string>();
  readonly #outbound = new Map<number, Outbound>();
  readonly #asked = new Map<number, Asked>();
  /** What the broker has no room for. */
  #waiting: PublishWish[] = [];
  readonly #numbers = new Map<string, number>();
  #lastIdentifier = 0;
  #ackDelayMs = 0;
  #lastWill:
    | { readonly payload: string; readonly delay: number; readonly isTold: boolean; readonly atMs: number }
    | undefined;
  /** Comes back by itself. */
  #persistent = false;

  constructor(profile: Profile, shared: ClientWorld) {
    this.profile = profile;
    this.#shared = shared;
  }

  get connected(): boolean {
    return this.#link?.welcome ?? false;
  }

  get hasSession(): boolean {
    return this.#hasSession;
  }

  /** What it has not been answered yet, in words. */
  get unanswered(): string[] {
    const messages = [...this.#outbound.values()].map(({ sent }) =>
      `${payloadOf(sent)} is not acknowledged to its end`
    );
    const asked = [...this.#asked.values()].map(({ filter, wanted }) =>
      `${this.profile.name} has no answer for ${filter ?? wanted.map((one) => one.filter).join(", ")}`
    );
    return [...messages, ...asked];
  }

  /** Comes back by itself from now on, or no more. */
  stay(persistent: boolean): void {
    this.#persistent = persistent;
  }

  /** Connects; a connection that it still has is forgotten, and the broker not told. */
  connect(wish: ConnectWish): void {
    const { world, ledger, dial, seed } = this.#shared;
    const { profile } = this;
    if (this.#link) this.#lose("vanish");
    // The next connection may come before the goodbye.
    if (this.#goodbye && !this.#goodbye.wire.closedByBroker) this.#goodbye.isOvertaken = true;
    const number = ++this.#connections;
    const random = new Random(hash(`${seed} ${profile.name} ${number}`));
    const will = wish.willDelay === undefined ? undefined : `will of ${profile.name} ${number}`;
    const wire = dial(profile.line, random, {
      onBytes: (bytes) => this.#link?.wire === wire && this.#take(bytes),
      onEnd: () => this.#link?.wire === wire && this.#lose("ended"),
    });
    if (!wire) return this.#comeBack();
    const expirySeconds = wish.clean && profile.version !== 5 ? 0 : profile.expirySeconds;
    const [rest, aliases, open] = [new Uint8Array(), new Map(), new Set<number>()];
    this.#link = { wire, expirySeconds, wish, will, welcome: false, receiveMaximum: 65_535, rest, aliases, open };
    this.#decideFormerWill();
    if (will !== undefined) ledger.wills.armed(will);
    if (wish.clean) {
      // Whether it ends depends on whether this arrives.
      this.#mayHaveEnded = true;
      ledger.sessionEnds(profile.name);
    }
    this.#send(connectPacket({
      protocolVersion: profile.version,
      clientIdentifier: profile.name,
      clean: wish.clean,
      keepAliveSeconds: profile.keepAliveSeconds,
      ...profile.version === 5 && {
        sessionExpiryIntervalSeconds: profile.expirySeconds,
        receiveMaximum: profile.receiveMaximum,
        topicAliasMaximum: profile.topicAliasMaximum,
      },
      ...will !== undefined && {
        will: {
          topicName: `w/${profile.name}`,
          payload: will,
          qos: 2 as const,
          ...profile.version === 5 && { delayIntervalSeconds: wish.willDelay! },
        },
      },
    }));
    if (profile.keepAliveSeconds > 0) this.#ping(wire);
    // A client gives up what is not answered.
    world.after(30_000, () => {
      if (this.#link?.wire === wire && !this.#link.welcome) {
        wire.close();
        this.#lose("ended");
      }
    });
  }

  /** Goes, in a good way or another. */
  leave(how: Leaving): void {
    const link = this.#link;
    if (!link) return;
    const { ledger, world, life, storeFailedAtMs } = this.#shared;
    const isGoodbye = how === "disconnect" || how === "disconnect-with-will";
    // Who has not heard yet that the connection is over says goodbye to nobody.
    if (isGoodbye && link.welcome && !link.wire.closedByBroker) {
      const withWill = how === "disconnect-with-will" && this.profile.version === 5;
      this.#send(
        {
          type: PacketType.Disconnect,
          reasonCode: (withWill ? 4 : 0) as ReasonCode,
          properties: undefined,
        } as InboundPacket,
      );
      if (!withWill && link.will !== undefined) {
        ledger.wills.decide(link.will, "either");
        const [before, since] = [life(), world.nowMs];
        const goodbye = this.#goodbye = { wire: link.wire, isOvertaken: false };
        world.after(NOTICED_MS, () => {
          const isHeard = before > 0 && life() === before && storeFailedAtMs() < since && !goodbye.isOvertaken;
          if (isHeard) ledger.wills.decide(link.will, "void");
        });
      }
      link.wire.close();
      return this.#lose(withWill ? "ended" : "goodbye");
    }
    if (how === "vanish" || !link.welcome) link.wire.vanish();
    else if (how === "cut") link.wire.cut();
    else link.wire.close();
    this.#lose(how === "vanish" ? "vanish" : "ended");
  }

  /** Publishes the next message of a topic, as soon as the broker's receive maximum lets it. */
  publish(wish: PublishWish): void {
    if (!this.connected) return;
    if (wish.qos === 0) return this.#publish(wish);
    this.#waiting.push(wish);
    this.#publishWaiting();
  }

  subscribe(wanted: Wanted): void {
    if (!this.connected) return;
    const identifier = this.#identifier();
    this.#shared.ledger.subscribing(this.profile.name, wanted);
    this.#asked.set(identifier, { wanted: [wanted], at: this.#shared.ledger.now });
    const { filter, qos, noLocal } = wanted;
    this.#send(subscribePacket(identifier, [{ topicFilter: filter, qos, noLocal }]));
  }

  unsubscribe(filter: string): void {
    if (!this.connected) return;
    const identifier = this.#identifier();
    this.#shared.ledger.unsubscribing(this.profile.name, filter);
    this.#asked.set(identifier, { wanted: [], filter, at: this.#shared.ledger.now });
    this.#send(unsubscribePacket(identifier, [filter]));
  }

  /** Its session ends with a goodbye. */
  endSession(): void {
    const expirySeconds = this.#link?.expirySeconds ?? 0;
    if (this.connected && this.profile.version === 5) {
      const properties = { sessionExpiryIntervalSeconds: 0 };
      if (expirySeconds > 0) {
        this.#send({ type: PacketType.Disconnect, reasonCode: 0 as ReasonCode, properties } as InboundPacket);
      }
      return this.leave("close");
    }
    this.connect({ clean: true, willDelay: undefined });
    this.#shared.world.after(2000, () => this.leave("disconnect"));
  }

  /** Time cannot be told: whether the session and a delayed will are over is not known. */
  becomeUncertain(): void {
    this.#mayHaveEnded = true;
    this.#lossWasTold = false;
    if (this.#lastWill) this.#shared.ledger.wills.decide(this.#lastWill.payload, "either");
    this.#lastWill = undefined;
  }

  /** Takes nothing for a while. */
  pause(ms: number): void {
    this.#link?.wire.pause(ms);
  }

  /** Acknowledges late from now on. */
  delayAcknowledgements(ms: number): void {
    this.#ackDelayMs = ms;
  }

  #publishWaiting(): void {
    while (this.connected && this.#waiting.length > 0 && this.#outbound.size < this.#link!.receiveMaximum) {
      this.#publish(this.#waiting.shift()!);
    }
  }

  #publish({ topicName, qos, retain, clears, expirySeconds, bytes }: PublishWish): void {
    const { name, version } = this.profile;
    const stream = `${topicName} ${qos}`;
    const number = (this.#numbers.get(stream) ?? 0) + 1;
    this.#numbers.set(stream, number);
    const sent: Sent = { publisher: name, topicName, qos, number, retain, clears };
    const identifier = qos === 0 ? 0 : this.#identifier();
    const expires = version === 5 && expirySeconds !== undefined;
    const packet = publishPacket(identifier, topicName, clears ? "" : payloadOf(sent).padEnd(bytes, "."), {
      qos,
      retain,
      ...expires && { properties: { messageExpiryIntervalSeconds: expirySeconds } },
    });
    this.#shared.ledger.attempted(sent, expires);
    if (qos > 0) this.#outbound.set(identifier, { sent, packet, released: false });
    this.#send(packet);
  }

  #send(packet: InboundPacket): void {
    const link = this.#link;
    if (!link) return;
    const bytes = encodeClientPacket(packet, this.profile.version);
    this.#shared.world.note(bytes);
    link.wire.send(bytes);
  }

  #ping(wire: Wire): void {
    this.#shared.world.after(this.profile.keepAliveSeconds * 500, () => {
      if (this.#link?.wire !== wire) return;
      if (this.#link.welcome) this.#send({ type: PacketType.Pingreq });
      this.#ping(wire);
    });
  }

  #take(bytes: Uint8Array): void {
    const link = this.#link!;
    try {
      const { packets, rest } = decodeServerPackets(concat(link.rest, bytes), this.profile.version);
      link.rest = rest;
      for (const packet of packets) if (this.#link === link) this.#handle(link, packet);
    } catch (error) {
      this.#shared.ledger.fault(`${this.profile.name} cannot read what came: ${(error as Error).message}`);
      this.leave("cut");
    }
  }

  #handle(link: Link, packet: OutboundPacket): void {
    if (!link.welcome && packet.type !== PacketType.Connack && packet.type !== PacketType.Disconnect) {
      this.#fault(`got packet ${packet.type} before CONNACK`);
    }
    switch (packet.type) {
      case PacketType.Connack:
        return this.#welcomed(link, packet);
      case PacketType.Publish:
        return this.#message(link, packet);
      case PacketType.Puback:
        return this.#acknowledged(packet.packetIdentifier, 1, packet.reasonCode, true);
      case PacketType.Pubrec:
        this.#acknowledged(packet.packetIdentifier, 2, packet.reasonCode, packet.reasonCode >= 0x80);
        if (packet.reasonCode < 0x80) this.#acknowledge(link, PacketType.Pubrel, packet.packetIdentifier);
        return;
      case PacketType.Pubcomp:
        if (!this.#outbound.get(packet.packetIdentifier)?.released) this.#fault("got PUBCOMP without need");
        this.#outbound.delete(packet.packetIdentifier);
        return this.#publishWaiting();
      case PacketType.Pubrel:
        this.#received.delete(packet.packetIdentifier);
        link.open.delete(packet.packetIdentifier);
        return this.#acknowledge(link, PacketType.Pubcomp, packet.packetIdentifier);
      case PacketType.Suback:
      case PacketType.Unsuback:
        return this.#answered(packet.packetIdentifier, packet.reasonCodes, packet.type === PacketType.Suback);
    }
  }

  #fault(text: string): void {
    this.#shared.ledger.fault(`${this.profile.name} ${text}`);
  }

  #welcomed(link: Link, { reasonCode, sessionPresent, properties }: ConnackPacket): void {
    if (reasonCode !== 0) return;
    const { ledger } = this.#shared;
    const { name } = this.profile;
    const { expirySeconds } = link;
    link.welcome = true;
    link.receiveMaximum = properties?.receiveMaximum ?? 65_535;
    this.#checkPresence(link, sessionPresent);
    if (!sessionPresent) {
      this.#received.clear();
      this.#outbound.clear();
      ledger.sessionBegins(name, expirySeconds === 0);
    } else {
      // An attempt that was not answered may have begun another one.
      if ((this.#shared.world.nowMs - this.#lostAtMs) / 1000 > this.profile.expirySeconds - 1) {
        ledger.sessionEnds(name);
        this.#received.clear();
        this.#outbound.clear();
      }
      // To that one they are new.
      if (this.#mayHaveEnded) { for (const { sent } of this.#outbound.values()) ledger.mayRepeat(sent); }
      ledger.sessionGoesOn(name, expirySeconds === 0);
    }
    // What was asked for on a lost connection is not known to have been done.
    this.#asked.clear();
    this.#hasSession = expirySeconds > 0;
    this.#mayHaveEnded = false;
    for (const [identifier, one] of this.#outbound) {
      if (one.released) this.#acknowledge(link, PacketType.Pubrel, identifier, true);
      else this.#send({ ...one.packet, dup: true });
    }
  }

  #checkPresence({ wish }: Link, present: boolean): void {
    const { expirySeconds } = this.profile;
    const { world, life } = this.#shared;
    if (wish.clean) {
      if (present) this.#fault("is told of a session that it did not want");
      return;
    }
    if (this.#mayHaveEnded || this.#vagueConnections-- > 0) return;
    const awaySeconds = (world.nowMs - this.#lostAtMs) / 1000;
    if (this.#hasSession && !present && awaySeconds < expirySeconds - 1) {
      this.#fault(`has lost its session after ${awaySeconds} s of ${expirySeconds}`);
    }
    if (!this.#hasSession && present) this.#fault("is told of a session that it never had");
    if (present && this.#lossWasTold && life() === this.#lifeAtLoss && awaySeconds > expirySeconds + VAGUE_SECONDS) {
      this.#fault(`still has its session after ${awaySeconds} s of ${expirySeconds}`);
    }
  }

  #message(link: Link, packet: PublishPacket): void {
    const { qos, packetIdentifier, retain } = packet;
    const topicName = this.#topicOf(link, packet);
    const text = new TextDecoder().decode(packet.payload).replace(/\.+$/, "");
    if (qos > 0) {
      link.open.add(packetIdentifier);
      if (link.open.size > this.profile.receiveMaximum && this.profile.version === 5) {
        this.#fault(`has ${link.open.size} messages under way (receive maximum ${this.profile.receiveMaximum})`);
      }
    }
    const known = this.#received.get(packetIdentifier);
    if (qos === 2 && known !== undefined && known !== `${topicName} ${text}`) {
      this.#fault(`got ${text} with the identifier of ${known}`);
    }
    const isNew = qos < 2 || known === undefined;
    if (qos === 2) this.#received.set(packetIdentifier, `${topicName} ${text}`);
    if (isNew && text !== "") {
      this.#shared.ledger.delivered(this.profile.name, { topicName, payload: text, qos, retain });
    }
    if (qos > 0) {
      this.#afterDelay(link, () => {
        if (qos === 1) link.open.delete(packetIdentifier);
        this.#acknowledge(link, qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetIdentifier);
      });
    }
  }

  #afterDelay(link: Link, run: () => void): void {
    if (this.#ackDelayMs === 0) return run();
    this.#shared.world.after(this.#ackDelayMs, () => void (this.#link === link && run()));
  }

  #topicOf({ aliases }: Link, { topicName, topicAlias }: PublishPacket): string {
    if (topicAlias === undefined) return topicName;
    if (topicAlias > this.profile.topicAliasMaximum) this.#fault(`got the topic alias ${topicAlias}`);
    if (topicName !== "") aliases.set(topicAlias, topicName);
    return aliases.get(topicAlias) ?? "";
  }

  #acknowledge(link: Link, type: 4 | 5 | 6 | 7, packetIdentifier: number, again = false): void {
    if (this.#link !== link) return;
    if (type === PacketType.Pubrel && !again) {
      const one = this.#outbound.get(packetIdentifier);
      if (one) one.released = true;
    }
    this.#send({ type, packetIdentifier, reasonCode: 0 as ReasonCode } as InboundPacket);
  }

  #acknowledged(identifier: number, qos: QoS, reasonCode: number, isEnd: boolean): void {
    const one = this.#outbound.get(identifier);
    if (!one || one.sent.qos !== qos) return this.#fault(`got an acknowledgement for ${identifier} without need`);
    if (isEnd) this.#outbound.delete(identifier);
    if (reasonCode < 0x80) this.#shared.ledger.acknowledged(one.sent);
    this.#publishWaiting();
  }

  #answered(identifier: number, reasonCodes: readonly number[], isSuback: boolean): void {
    const asked = this.#asked.get(identifier);
    if (!asked || isSuback === (asked.filter !== undefined)) return this.#fault("got an answer to nothing");
    this.#asked.delete(identifier);
    const { ledger } = this.#shared;
    const { name } = this.profile;
    if (asked.filter !== undefined) return ledger.unsubscribed(name, asked.filter, asked.at);
    asked.wanted.forEach((wanted, i) => ledger.subscribed(name, wanted, reasonCodes[i]! >= 0x80));
  }

  #identifier(): number {
    do this.#lastIdentifier = this.#lastIdentifier % 65_535 + 1; while (
      this.#outbound.has(this.#lastIdentifier) || this.#asked.has(this.#lastIdentifier)
    );
    return this.#lastIdentifier;
  }

  /** The connection is over, as far as the client is concerned. */
  #lose(why: "goodbye" | "ended" | "vanish"): void {
    const link = this.#link!;
    const { ledger, world, life } = this.#shared;
    if (why === "vanish") link.wire.vanish();
    this.#link = undefined;
    this.#lossWasTold = link.welcome && why !== "vanish";
    if (link.welcome) this.#lostAtMs = Math.min(world.nowMs, link.wire.endedAtMs);
    this.#lifeAtLoss = life();
    this.#waiting = [];
    if (!link.welcome) {
      // Whether the broker has taken it in is not known.
      this.#vagueConnections = 2;
      ledger.wills.decide(link.will, "either");
    } else if (link.will !== undefined && why !== "goodbye") {
      this.#lastWill = {
        payload: link.will,
        delay: this.profile.version === 5 ? link.wish.willDelay! : 0,
        isTold: why !== "vanish" || this.profile.keepAliveSeconds > 0,
        atMs: world.nowMs,
      };
      if (this.#lastWill.delay === 0) ledger.wills.decide(link.will, "due");
    }
    if (link.welcome && link.expirySeconds === 0) {
      ledger.sessionEnds(this.profile.name);
      this.#received.clear();
      this.#outbound.clear();
    }
    this.#comeBack();
  }

  /** A will whose delay was over before the client came back had to be published. */
  #decideFormerWill(): void {
    const { ledger, world } = this.#shared;
    const former = this.#lastWill;
    this.#lastWill = undefined;
    if (!former || former.delay === 0) return;
    const isOver = former.isTold && world.nowMs - former.atMs > (former.delay + VAGUE_SECONDS) * 1000 + 60_000;
    ledger.wills.decide(former.payload, isOver ? "due" : "either");
  }

  #comeBack(): void {
    const { returnsAfterMs } = this.profile;
    if (!this.#persistent || returnsAfterMs === undefined) return;
    this.#shared.world.after(returnsAfterMs, () => {
      if (!this.#link && this.#persistent) {
        this.connect({ clean: this.profile.expirySeconds === 0, willDelay: undefined });
      }
    });
  }
}

/** A number that stands for a text. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
