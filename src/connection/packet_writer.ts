import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { DropReason, Message } from "../message.ts";
import { copySizeBytes, encode, encodeAck, encodeCopy, type PublishCopy, publishFirstByte } from "../packet/encode.ts";
import {
  type AckPacket,
  type ConnectPacket,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type ReasonProperties,
  type SubackPacket,
} from "../packet/packets.ts";
import type { TopicFilter } from "../packet/topic.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { OutputBuffer } from "../packet/output_buffer.ts";
import type { Delivery } from "../session/delivery.ts";
import { WorkParty } from "../work_budget.ts";
import type { OutboundLink } from "../session/sender.ts";
import { type ChosenAlias, OutboundTopicAliases } from "../session/topic_aliases.ts";
import { atMostBytes, type ClientCapabilities, fit, surelyFits, UNSAID } from "./client_capabilities.ts";
import { CommitGate } from "./commit_gate.ts";
import type { Shown, View } from "./client_view.ts";
import type { ConnectionContext } from "./connection_context.ts";
import type { Outbox } from "./outbox.ts";

/** Whose packets a {@linkcode PacketWriter} writes. */
export interface WriterOwner {
  /** `undefined`: it is not signed in. */
  readonly client: ClientSnapshot | undefined;
}

/** Bytes that a topic alias adds to a PUBLISH: itself, and one more in each of two lengths. */
const ALIAS_BYTES = 5;

/** Packets that leave at once, whatever is being stored. */
const ungated: ReadonlySet<PacketType> = new Set([
  PacketType.Connack,
  PacketType.Pingresp,
  PacketType.Disconnect,
  PacketType.Auth,
]);

/** Writes packets for one client, in its version and within what it takes, into its outbox. */
export class PacketWriter implements OutboundLink {
  readonly #context: ConnectionContext;
  readonly #outbox: Outbox;
  readonly #owner: WriterOwner;
  readonly #party: WorkParty;
  /** `undefined`: nothing is stored. */
  readonly #gate: CommitGate | undefined;
  /** The client's session is stored, and so is what is under way to it. */
  #durable = false;
  /** Before CONNECT nothing is known but that somebody is there. */
  #takes: ClientCapabilities = UNSAID[4];
  #aliases: OutboundTopicAliases | undefined;
  /** `undefined`: the client is given messages as they are. */
  #view: View | undefined;
  /** PUBLISH packets for this client. */
  publishesSent = 0;

  /**
   * @param owner whose packets these are
   * @param party whose time is used. @default one of its own
   */
  constructor(
    context: ConnectionContext,
    outbox: Outbox,
    owner: WriterOwner,
    party: WorkParty = new WorkParty(),
  ) {
    this.#party = party;
    this.#context = context;
    this.#outbox = outbox;
    this.#owner = owner;
    const { persistence } = context;
    this.#gate = persistence && new CommitGate(persistence.writeQueue, outbox);
  }

  /** The client is signed in. */
  serve(session: { readonly durable: boolean }, view: View | undefined): void {
    this.#durable = session.durable;
    this.#view = view;
  }

  /** A packet has come. */
  begin(): void {
    this.#gate?.begin();
  }

  /** The client waits for something to be stored. */
  get waits(): boolean {
    return this.#gate?.holds ?? false;
  }

  /** Nothing more is written. */
  close(): void {
    this.#gate?.close();
  }

  /** What is held back and the names that have aliases, in bytes. */
  get heldBytes(): number {
    return (this.#gate?.heldBytes ?? 0) + (this.#aliases?.heldBytes ?? 0);
  }

  get version(): ProtocolVersion {
    return this.#takes.protocolVersion;
  }

  /** The rest of what a version other than 5.0 says in CONNECT is its defaults. */
  speak(protocolVersion: ProtocolVersion): void {
    this.#takes = UNSAID[protocolVersion];
  }

  /**
   * CONNECT has come.
   *
   * @param topicAliasMaximum highest alias that the broker uses, however many the client takes
   */
  agree(takes: ClientCapabilities & Pick<ConnectPacket, "topicAliasMaximum">, topicAliasMaximum: number): void {
    const { protocolVersion, receiveMaximum, maximumPacketSizeBytes, requestProblemInformation } = takes;
    // Not the packet itself, which has a password and a will.
    if (protocolVersion !== 5) this.speak(protocolVersion);
    else this.#takes = { protocolVersion, receiveMaximum, maximumPacketSizeBytes, requestProblemInformation };
    const aliases = Math.min(takes.topicAliasMaximum, topicAliasMaximum);
    this.#aliases = aliases > 0 ? new OutboundTopicAliases(aliases) : undefined;
  }

  /**
   * Appends a packet, unless the version has none such or the client does not take one so large.
   *
   * @throws {ProtocolError} 0x95 if that is an answer that the client waits for
   */
  send(packet: OutboundPacket): void {
    const fitting = this.version === 5 ? fit(packet, this.#takes) : packet;
    if (!fitting) return;
    const out = ungated.has(fitting.type) ? this.#outbox.open() : this.#forAnswer();
    if (!encode(out, fitting, this.version)) return;
    this.#context.statistics.sent.running[fitting.type]!++;
    this.#context.hooks.packetSent?.(this.#owner.client, fitting);
  }

  /** Appends a SUBACK; what is subscribed to by these filters comes after it. */
  sendSuback(packet: SubackPacket, topicFilters: readonly TopicFilter[]): void {
    this.send(packet);
    this.#gate?.fence(topicFilters);
  }

  /** Appends an acknowledgement. */
  acknowledge(
    type: AckPacket["type"],
    packetIdentifier: number,
    reasonCode: ReasonCode = ReasonCode.Success,
    properties?: ReasonProperties,
  ): void {
    const { version } = this;
    if (properties !== undefined && version === 5) {
      return this.send({ type, packetIdentifier, reasonCode, properties });
    }
    encodeAck(this.#forAnswer(), type, packetIdentifier, reasonCode, version);
    const { statistics, hooks } = this.#context;
    statistics.sent.running[type]!++;
    if (hooks.packetSent !== undefined) hooks.packetSent(this.#owner.client, { type, packetIdentifier, reasonCode });
  }

  get congested(): boolean {
    return this.#outbox.congested;
  }

  get receiveMaximum(): number {
    return this.#takes.receiveMaximum;
  }

  get isSelective(): boolean {
    return this.#takes.maximumPacketSizeBytes !== undefined || this.#view !== undefined ||
      this.#context.hooks.authorizeReceive !== undefined;
  }

  refusal(delivery: Delivery): DropReason | undefined {
    const { message } = delivery;
    const isForAll = !this.isSelective && message.expiresAtMs === undefined && surelyFits(message, message);
    return isForAll ? undefined : this.#refusalOf(delivery);
  }

  #refusalOf(delivery: Delivery): DropReason | undefined {
    const { message } = delivery;
    const shown = this.#view === undefined ? message : this.#view.show(message);
    if (shown === undefined) return "receive-denied";
    if (message.expiresAtMs !== undefined && !message.isForNow && message.isExpired(this.#context.clock.now())) {
      return "message-expired";
    }
    // [MQTT-3.1.2-25] 5.0
    if (this.#isTooLarge(delivery, shown)) return "maximum-packet-size";
    const { authorizeReceive } = this.#context.hooks;
    if (!authorizeReceive) return undefined;
    const client = this.#owner.client;
    return client && authorizeReceive(client, message.snapshot()) ? undefined : "receive-denied";
  }

  sendPublish(delivery: Delivery, packetIdentifier: number, dup: boolean): void {
    const { message, qos } = delivery;
    const shown = this.#view === undefined ? message : this.#view.show(message);
    // What is kept from the client was refused just before.
    if (shown === undefined) return;
    const held = this.#gate === undefined ? undefined : this.#heldBack(this.#gate, delivery);
    const out = held ?? this.#outbox.open();
    // What waits for a commit is overtaken by others, so that it must not bring an alias that they use.
    const alias = this.#aliases !== undefined && held === undefined ? this.#aliasFor(delivery, shown) : undefined;
    const asReceived = alias === undefined && shown === message && delivery.subscriptionIdentifiers === undefined &&
      message.body.writeAsReceived(out, publishFirstByte(qos, delivery.retain, dup), packetIdentifier, this.version);
    if (!asReceived) this.#writeCopy(out, delivery, shown, packetIdentifier, dup, alias);
    const { statistics, hooks } = this.#context;
    statistics.sent.running[PacketType.Publish]!++;
    this.publishesSent++;
    if (hooks.packetSent !== undefined) this.#tell(shown, this.#copy(delivery, shown, packetIdentifier, dup, alias));
    if (this.#view !== undefined) this.#view.forget();
  }

  #writeCopy(
    out: OutputBuffer,
    delivery: Delivery,
    shown: Shown,
    packetIdentifier: number,
    dup: boolean,
    alias: ChosenAlias | undefined,
  ): void {
    encodeCopy(out, this.#copy(delivery, shown, packetIdentifier, dup, alias), shown.body, this.version);
  }

  pauses(sent: number, resume: () => void): boolean {
    const { work } = this.#context;
    work.steps += sent;
    if (!work.isDue || !work.look(this.#party)) return false;
    work.turn(this.#party).then(resume);
    return true;
  }

  sendPubrel(packetIdentifier: number): void {
    this.acknowledge(PacketType.Pubrel, packetIdentifier);
  }

  /** Where to append a message that is held back; `undefined`: it is not. */
  #heldBack(gate: CommitGate, { message, qos, share }: Delivery): OutputBuffer | undefined {
    // Another member of the share may have it in the store: it must not come to both.
    const kept = this.#durable ? qos > 0 : qos === 2 && share !== undefined;
    const behindSuback = gate.holdsBack(message.topicName);
    if (kept && qos === 2) return gate.forMessage();
    if (behindSuback) return gate.behindSuback({ inOrder: kept });
    return kept && gate.holdsMessages ? gate.behindMessages() : undefined;
  }

  #forAnswer(): OutputBuffer {
    return this.#gate === undefined ? this.#outbox.open() : this.#gate.forAnswer();
  }

  #copy(
    delivery: Delivery,
    shown: Shown,
    packetIdentifier: number,
    dup: boolean,
    alias: ChosenAlias | undefined,
  ): PublishCopy {
    const { message, qos, subscriptionIdentifiers } = delivery;
    return {
      topicName: alias === undefined || alias.isNew ? shown.topicName : "",
      topicAlias: alias?.alias,
      qos,
      retain: delivery.retain && shown.isUnretained !== true,
      dup,
      packetIdentifier,
      messageExpiryIntervalSeconds: shown.hidesExpiry === true ? undefined : this.#secondsLeft(message),
      subscriptionIdentifiers,
      extraProperties: shown.extraProperties,
    };
  }

  /** What is left of the message expiry interval ([MQTT-3.3.2-6] 5.0). */
  #secondsLeft({ expiresAtMs }: Message): number | undefined {
    if (expiresAtMs === undefined) return undefined;
    // The clock has fractions of a millisecond, which must not become a second.
    return Math.max(0, Math.ceil(Math.round(expiresAtMs - this.#context.clock.now()) / 1000));
  }

  #tell({ topicName: name, body }: Shown, copied: PublishCopy): void {
    // Who views messages with properties of its own has no hooks.
    const { messageExpiryIntervalSeconds, extraProperties: _, ...copy } = copied;
    const { payload, properties: own } = body;
    const topicName = copy.topicName === "" ? "" as const : name;
    const properties = own && { ...own, messageExpiryIntervalSeconds };
    this.#context.hooks.packetSent?.(this.#owner.client, {
      ...copy,
      type: PacketType.Publish,
      topicName,
      payload,
      properties,
    });
  }

  #aliasFor(delivery: Delivery, shown: Shown) {
    const { maximumPacketSizeBytes } = this.#takes;
    // [MQTT-3.1.2-24] 5.0: a name and a new alias together must not be too large either.
    if (
      maximumPacketSizeBytes !== undefined && this.#publishSize(delivery, shown) + ALIAS_BYTES > maximumPacketSizeBytes
    ) {
      return;
    }
    return this.#aliases?.choose(shown.topicName);
  }

  /** Too large for the client, or for any packet at all. */
  #isTooLarge(delivery: Delivery, shown: Shown): boolean {
    const { maximumPacketSizeBytes } = this.#takes;
    if (maximumPacketSizeBytes === undefined) {
      if (surelyFits(delivery.message, shown)) return false;
    } else if (delivery.subscriptionIdentifiers === undefined && atMostBytes(shown) <= maximumPacketSizeBytes) {
      return false;
    }
    try {
      return this.#publishSize(delivery, shown) > (maximumPacketSizeBytes ?? Infinity);
    } catch (error) {
      if (error instanceof RangeError) return true;
      throw error;
    }
  }

  #publishSize(delivery: Delivery, shown: Shown): number {
    return copySizeBytes(this.#copy(delivery, shown, 0, false, undefined), shown.body, this.version);
  }
}
