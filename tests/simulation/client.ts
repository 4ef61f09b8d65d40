/** A simulated client: it keeps to the specification, remembers its session, and is told by the schedule what to do. */
import {
  type ConnackPacket,
  type InboundPacket,
  type OutboundPacket,
  PacketType,
  type PublishPacket,
} from "../../src/packet/packets.ts";
import type { ReasonCode } from "../../src/packet/reason_code.ts";
import { concat, decodeServerPackets, encodeClientPacket } from "../support/client_codec.ts";
import { connectPacket } from "../support/client_packets.ts";
import { Random } from "../support/random.ts";
import { Belief, type Ending } from "./belief.ts";
import type { Wire } from "./network.ts";
import { Outgoing } from "./outgoing.ts";
import { type ClientWorld, type ConnectWish, hash, type Leaving, type Profile, type PublishWish } from "./profile.ts";
import type { Wanted } from "./promises.ts";

interface Link {
  readonly wire: Wire;
  /** Of the session that this connection has; before 5.0 a clean one ends with it. */
  readonly expirySeconds: number;
  readonly clean: boolean;
  readonly will: string | undefined;
  readonly willDelay: number | undefined;
  welcome: boolean;
  rest: Uint8Array;
  readonly aliases: Map<number, string>;
  /** Identifiers of the broker's QoS 1 and 2 messages that are not acknowledged to their end. */
  readonly open: Set<number>;
  /** As the ledger counts. */
  readonly connectedAt: number;
  /** The place of what was sent again last. */
  lastAgain: number;
}

/** A client gives up what is not answered. */
const CONNECT_PATIENCE_MS = 30_000;

export class SimulatedClient {
  readonly profile: Profile;
  readonly #shared: ClientWorld;
  readonly #belief: Belief;
  readonly #outgoing: Outgoing;
  /** QoS 2 messages whose identifiers the broker has not released. */
  readonly #received = new Map<number, string>();
  /** In which order the broker's QoS 1 and 2 messages of the session have come, by their identifiers. */
  readonly #places = new Map<number, { readonly text: string; readonly place: number }>();
  #lastPlace = 0;
  #link: Link | undefined;
  #connections = 0;
  #ackDelayMs = 0;
  /** Comes back by itself. */
  #persistent = false;

  constructor(profile: Profile, shared: ClientWorld) {
    this.profile = profile;
    this.#shared = shared;
    this.#belief = new Belief(profile, shared);
    this.#outgoing = new Outgoing(profile, shared.ledger, (packet) => this.#send(packet));
  }

  get connected(): boolean {
    return this.#link?.welcome ?? false;
  }

  /** What it has not been answered yet, in words. */
  get unanswered(): string[] {
    return this.#outgoing.unanswered;
  }

  /** Comes back by itself from now on, or no more. */
  stay(persistent: boolean): void {
    this.#persistent = persistent;
  }

  /** Connects; a connection that it still has is forgotten, and the broker not told. */
  connect({ clean: isCleanWished, willDelay }: ConnectWish): void {
    const { world, ledger, dial, seed, cluster } = this.#shared;
    const clean = isCleanWished || cluster?.mustBeginAnew() === true;
    const { name, version, line, keepAliveSeconds, ...profile } = this.profile;
    if (this.#link) this.#lose("vanish");
    const number = ++this.#connections;
    const wire = dial(line, new Random(hash(`${seed} ${name} ${number}`)), {
      onBytes: (bytes) => this.#link?.wire === wire && this.#take(bytes),
      onEnd: () => this.#link?.wire === wire && this.#lose("ended"),
    });
    if (!wire) return this.#comeBack();
    const will = willDelay === undefined ? undefined : `will of ${name} ${number}`;
    const expirySeconds = clean && version !== 5 ? 0 : profile.expirySeconds;
    const [rest, aliases, open] = [new Uint8Array(), new Map<number, string>(), new Set<number>()];
    const state = { welcome: false, rest, aliases, open, connectedAt: ledger.now, lastAgain: 0 };
    this.#link = { wire, expirySeconds, clean, will, willDelay, ...state };
    this.#belief.connecting(clean);
    if (will !== undefined) ledger.wills.armed(will);
    if (clean) ledger.sessionEnds(name);
    this.#send(this.#connectPacket(this.#link));
    if (keepAliveSeconds > 0) this.#ping(wire);
    world.after(CONNECT_PATIENCE_MS, () => {
      if (this.#link?.wire === wire && !this.#link.welcome) this.leave("close");
    });
  }

  /** Goes, in a good way or another. */
  leave(how: Leaving): void {
    const link = this.#link;
    if (!link) return;
    const { wire, welcome } = link;
    const isGoodbye = how === "disconnect" || how === "disconnect-with-will";
    // Who has not heard yet that the connection is over says goodbye to nobody.
    if (isGoodbye && welcome && !wire.closedByBroker) {
      const withWill = how === "disconnect-with-will" && this.profile.version === 5;
      this.#sendDisconnect(withWill ? 4 : 0);
      if (!withWill) this.#belief.saidGoodbye(link);
      wire.close();
      return this.#lose(withWill ? "ended" : "goodbye");
    }
    if (how === "vanish" || !welcome) wire.vanish();
    else if (how === "cut") wire.cut();
    else wire.close();
    this.#lose(how === "vanish" ? "vanish" : "ended");
  }

  publish(wish: PublishWish): void {
    if (this.connected) this.#outgoing.publish(wish);
  }

  subscribe(wanted: Wanted): void {
    if (this.connected) this.#outgoing.subscribe(wanted);
  }

  unsubscribe(filter: string): void {
    if (this.connected) this.#outgoing.unsubscribe(filter);
  }

  /** Its session ends with a goodbye. */
  endSession(): void {
    if (this.connected && this.profile.version === 5) {
      if (this.profile.expirySeconds > 0) this.#sendDisconnect(0, { sessionExpiryIntervalSeconds: 0 });
      return this.leave("close");
    }
    this.connect({ clean: true, willDelay: undefined });
    this.#shared.world.after(2000, () => this.leave("disconnect"));
  }

  /** Time cannot be told. */
  becomeUncertain(): void {
    this.#belief.becomeUncertain();
  }

  /** Takes nothing for a while. */
  pause(ms: number): void {
    this.#link?.wire.pause(ms);
  }

  /** Acknowledges late from now on. */
  delayAcknowledgements(ms: number): void {
    this.#ackDelayMs = ms;
  }

  #connectPacket({ clean, will, willDelay }: Link): InboundPacket {
    const { name, version, expirySeconds, keepAliveSeconds, receiveMaximum, topicAliasMaximum, maximumPacketBytes } =
      this.profile;
    const isNew = version === 5;
    return connectPacket({
      protocolVersion: version,
      clientIdentifier: name,
      clean,
      keepAliveSeconds,
      ...isNew && { sessionExpiryIntervalSeconds: expirySeconds, receiveMaximum, topicAliasMaximum },
      ...isNew && { maximumPacketSizeBytes: maximumPacketBytes },
      ...will !== undefined && {
        will: {
          topicName: `w/${name}`,
          payload: will,
          qos: 2 as const,
          ...isNew && { delayIntervalSeconds: willDelay! },
        },
      },
    });
  }

  #sendDisconnect(reasonCode: number, properties?: { readonly sessionExpiryIntervalSeconds: number }): void {
    this.#send({ type: PacketType.Disconnect, reasonCode: reasonCode as ReasonCode, properties } as InboundPacket);
  }

  #send(packet: InboundPacket): void {
    if (!this.#link) return;
    const bytes = encodeClientPacket(packet, this.profile.version);
    this.#shared.world.note(bytes);
    this.#link.wire.send(bytes);
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
      this.#fault(`cannot read what came: ${(error as Error).message}`);
      this.leave("cut");
    }
  }

  #handle(link: Link, packet: OutboundPacket): void {
    if (!link.welcome && packet.type !== PacketType.Connack && packet.type !== PacketType.Disconnect) {
      this.#fault(`got packet ${packet.type} before CONNACK`);
    }
    const outgoing = this.#outgoing;
    switch (packet.type) {
      case PacketType.Connack:
        return this.#welcomed(link, packet);
      case PacketType.Publish:
        return this.#message(link, packet);
      case PacketType.Puback:
        return outgoing.acknowledged(packet.packetIdentifier, 1, packet.reasonCode);
      case PacketType.Pubrec:
        return outgoing.acknowledged(packet.packetIdentifier, 2, packet.reasonCode);
      case PacketType.Pubcomp:
        return outgoing.completed(packet.packetIdentifier);
      case PacketType.Pubrel:
        this.#received.delete(packet.packetIdentifier);
        link.open.delete(packet.packetIdentifier);
        return this.#acknowledge(PacketType.Pubcomp, packet.packetIdentifier);
      case PacketType.Suback:
      case PacketType.Unsuback:
        return outgoing.answered(packet.packetIdentifier, packet.reasonCodes, packet.type === PacketType.Suback);
    }
  }

  #welcomed(link: Link, { reasonCode, sessionPresent, properties }: ConnackPacket): void {
    if (reasonCode !== 0) return;
    const { ledger } = this.#shared;
    const { name } = this.profile;
    const isTransient = link.expirySeconds === 0;
    link.welcome = true;
    this.#shared.cluster?.welcomed(link.will);
    this.#belief.check(link.clean, sessionPresent);
    if (!sessionPresent) {
      this.#forget();
      ledger.sessionBegins(name, isTransient);
    } else {
      // An attempt that was not answered may have begun another one.
      if (this.#belief.mayBeAnother) this.#forget();
      // To that one everything is new.
      if (this.#belief.mayHaveBegunAnew) {
        this.#received.clear();
        this.#places.clear();
        this.#outgoing.doubt();
      }
      ledger.sessionGoesOn(name, isTransient);
    }
    this.#belief.welcomed(link.expirySeconds);
    this.#outgoing.receiveMaximum = properties?.receiveMaximum ?? 65_535;
    this.#outgoing.resend();
  }

  #message(link: Link, packet: PublishPacket): void {
    const { qos, packetIdentifier, retain } = packet;
    const topicName = this.#topicOf(link, packet);
    const payload = new TextDecoder().decode(packet.payload).replace(/\.+$/, "");
    if (qos > 0) link.open.add(packetIdentifier);
    const { version, receiveMaximum, maximumPacketBytes = Infinity } = this.profile;
    if (packet.payload.length > maximumPacketBytes) this.#fault(`got ${payload}, which is too large for it`);
    if (qos > 0) this.#checkOrder(link, packet, `${topicName} ${payload}`);
    if (version === 5 && link.open.size > receiveMaximum) {
      this.#fault(`has ${link.open.size} messages under way (receive maximum ${receiveMaximum})`);
    }
    const isNew = qos < 2 || this.#isNew(packetIdentifier, `${topicName} ${payload}`);
    const arrived = { topicName, payload, qos, retain, isAgain: packet.dup, connectedAt: link.connectedAt };
    if (isNew && payload !== "") this.#shared.ledger.delivered(this.profile.name, arrived);
    if (qos === 0) return;
    const acknowledge = () => {
      if (this.#link !== link) return;
      if (qos === 1) link.open.delete(packetIdentifier);
      this.#acknowledge(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetIdentifier);
    };
    if (this.#ackDelayMs === 0) acknowledge();
    else this.#shared.world.after(this.#ackDelayMs, acknowledge);
  }

  /** What is sent again comes in the order in which it was sent ([MQTT-4.6.0-1] 3.1.1, [MQTT-4.6.0-1] 5.0). */
  #checkOrder(link: Link, { packetIdentifier, dup }: PublishPacket, text: string): void {
    const known = this.#places.get(packetIdentifier);
    if (!dup || known?.text !== text) {
      this.#places.set(packetIdentifier, { text, place: ++this.#lastPlace });
      return;
    }
    if (known.place < link.lastAgain) this.#fault(`got ${text} again after what was sent later`);
    link.lastAgain = known.place;
  }

  /** A QoS 2 message is known by its identifier until that is released. */
  #isNew(packetIdentifier: number, text: string): boolean {
    const known = this.#received.get(packetIdentifier);
    if (known !== undefined && known !== text) this.#fault(`got ${text} with the identifier of ${known}`);
    this.#received.set(packetIdentifier, text);
    return known === undefined;
  }

  #topicOf({ aliases }: Link, { topicName, topicAlias }: PublishPacket): string {
    if (topicAlias === undefined) return topicName;
    if (topicAlias > this.profile.topicAliasMaximum) this.#fault(`got the topic alias ${topicAlias}`);
    if (topicName !== "") aliases.set(topicAlias, topicName);
    return aliases.get(topicAlias) ?? "";
  }

  #acknowledge(type: 4 | 5 | 7, packetIdentifier: number): void {
    this.#send({ type, packetIdentifier, reasonCode: 0 as ReasonCode } as InboundPacket);
  }

  #forget(): void {
    this.#shared.ledger.sessionEnds(this.profile.name);
    this.#received.clear();
    this.#places.clear();
    this.#outgoing.forget();
  }

  /** The connection is over, as far as the client is concerned. */
  #lose(why: Ending): void {
    const link = this.#link!;
    if (why === "vanish") link.wire.vanish();
    this.#link = undefined;
    this.#outgoing.disconnected();
    this.#belief.lost(link, why);
    if (link.welcome && link.expirySeconds === 0) this.#forget();
    this.#comeBack();
  }

  #comeBack(): void {
    const { returnsAfterMs, expirySeconds } = this.profile;
    if (!this.#persistent || returnsAfterMs === undefined) return;
    this.#shared.world.after(returnsAfterMs, () => {
      if (!this.#link && this.#persistent) this.connect({ clean: expirySeconds === 0, willDelay: undefined });
    });
  }

  #fault(text: string): void {
    this.#shared.ledger.fault(`${this.profile.name} ${text}`);
  }
}
