import type { Denied } from "../../hooks/decide.ts";
import { expiryTime, Message } from "../../message.ts";
import type { ReceivedPublish } from "../../packet/decode.ts";
import { type AckPacket, PacketType, type QoS, type ReasonProperties } from "../../packet/packets.ts";
import type { PublishBody } from "../../packet/publish_body.ts";
import { ProtocolError, protocolError } from "../../packet/protocol_error.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import type { TopicName } from "../../packet/topic.ts";
import type { StoreError } from "../../store/store.ts";
import { DeferredPublishes } from "../deferred_publishes.ts";
import type { Connection, SignedIn } from "../connection.ts";
import type { PublishCallbacks, PublishOutcome } from "../../routing/publish_pipeline.ts";
import { mountedBody, mountedName, type Mountpoint } from "../mountpoint.ts";
import { ReceiptGate } from "../receipt_gate.ts";
import { type MessageRefusal, reasonCodeOf, refusalOfMessage } from "./message_rules.ts";
import { QoS2Publication } from "../qos2_publication.ts";

/** With `queue-policy: drop-newest` the publisher is told that nobody has its message. */
const queuesFull = {
  reasonCode: ReasonCode.QuotaExceeded,
  reasonString: "the queues of all subscribers are full (queue-limit)",
};

const retainedFull = {
  reasonCode: ReasonCode.QuotaExceeded,
  reasonString: "no more messages can be retained (max-retained, max-retained-bytes)",
};

/** PUBLISH (MQTT 5.0 §3.3): routes the message and acknowledges it afterwards; what is denied is acknowledged too. */
export function handlePublish(connection: Connection, open: SignedIn, packet: ReceivedPublish): void | Promise<void> {
  const topicName = topicNameOf(open, packet);
  checkSupported(connection, packet);
  const { qos } = packet;
  if (qos === 2) return handleQoS2(connection, open, packet, topicName);
  if (qos === 1 && open.version === 5) checkReceiveMaximum(connection, open);
  return route(connection, open, packet, topicName);
}

function handleQoS2(
  connection: Connection,
  open: SignedIn,
  packet: ReceivedPublish,
  topicName: TopicName,
): void | Promise<void> {
  // [MQTT-4.3.3-2] 3.1.1, [MQTT-4.3.3-10] 5.0: the identifier is known already, so the message was passed on.
  if (open.session.receiver.has(packet.packetIdentifier)) return acknowledgeAgain(connection, open, packet);
  // Its PUBREC comes when its turn does.
  if (open.held?.has(packet.packetIdentifier)) return;
  if (open.version === 5) checkReceiveMaximum(connection, open);
  else if (mustWait(connection, open)) return hold(connection, open, packet);
  return route(connection, open, packet, topicName);
}

/** Not before other nodes have it that must: the connection that brought it may be over. */
function acknowledgeAgain(
  connection: Connection,
  open: SignedIn,
  { packetIdentifier }: ReceivedPublish,
): void | Promise<void> {
  const receipt = open.session.receiver.receiptOf(packetIdentifier);
  if (receipt !== undefined) (open.receipts ??= new ReceiptGate()).tookAgain(receipt);
  answer(connection, open, PacketType.Pubrec, packetIdentifier, ReasonCode.Success, undefined);
  return open.receipts?.pause(connection.listener.limits.maxInflight);
}

/** PUBREL: frees an identifier, and takes up the next message that waited for one. */
export function handlePubrel(connection: Connection, open: SignedIn, packet: AckPacket): void | Promise<void> {
  const { receiver } = open.session;
  const known = receiver.release(packet.packetIdentifier);
  // MQTT 5.0 §3.7.2.1
  const reasonCode = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
  connection.acknowledge(PacketType.Pubcomp, packet.packetIdentifier, reasonCode);
  if (receiver.inflight >= connection.listener.limits.maxInflight) return;
  const next = open.held?.shift();
  if (next) return route(connection, open, next, topicNameOf(open, next));
}

/** The name that stands in the packet, or that its alias stands for (MQTT 5.0 §3.3.2.3.4). */
function topicNameOf(open: SignedIn, packet: ReceivedPublish): TopicName {
  const { topicName, topicAlias } = packet;
  return topicAlias === undefined && topicName !== "" ? topicName : aliasedName(open, topicName, topicAlias);
}

function aliasedName(
  { topicAliases }: SignedIn,
  topicName: TopicName | "",
  topicAlias: number | undefined,
): TopicName {
  if (topicAlias === undefined) throw protocolError("PUBLISH without a topic name");
  // [MQTT-3.3.2-9] 5.0
  if (topicAlias > topicAliases.maximum) {
    const reason = `topic alias must be at most ${topicAliases.maximum}: got ${topicAlias}`;
    throw new ProtocolError(ReasonCode.TopicAliasInvalid, reason);
  }
  if (topicName !== "") {
    topicAliases.set(topicAlias, topicName);
    return topicName;
  }
  const known = topicAliases.get(topicAlias);
  if (known === undefined) throw protocolError(`topic alias ${topicAlias} was not given a topic name`);
  return known;
}

/** What CONNACK said is not there must not be used (MQTT 5.0 §3.2.2.3.4, §3.2.2.3.5). */
function checkSupported({ listener }: Connection, { qos, retain }: ReceivedPublish): void {
  const { maximumQos, retainAvailable } = listener.limits;
  if (qos > maximumQos || (retain && !retainAvailable)) throw notSupported(qos, maximumQos);
}

function notSupported(qos: QoS, maximumQos: QoS): ProtocolError {
  return qos > maximumQos
    ? new ProtocolError(ReasonCode.QoSNotSupported, `QoS must be at most ${maximumQos}: got ${qos}`)
    : new ProtocolError(ReasonCode.RetainNotSupported, "messages are not retained (retain-available)");
}

/** MQTT 5.0 §4.9: QoS 1 is answered before the next packet is read, so that only QoS 2 can use up the quota. */
function checkReceiveMaximum({ listener }: Connection, { session }: SignedIn): void {
  const { maxInflight } = listener.limits;
  if (session.receiver.inflightNow < maxInflight) return;
  const reason = `at most ${maxInflight} QoS 1 and 2 messages may be under way (receive maximum)`;
  throw new ProtocolError(ReasonCode.ReceiveMaximumExceeded, reason);
}

/**
 * Whether a 3.x client's QoS 2 message has no room yet. It overtakes none that waits: whatever makes room is used by the
 * first of those at once, denied or not.
 */
function mustWait({ listener }: Connection, { session }: SignedIn): boolean {
  return session.receiver.inflight >= listener.limits.maxInflight;
}

/**
 * A 3.x client does not know how many QoS 2 messages it may have under way, so what is over the limit waits here, and
 * its PUBREC with it. A client that is answered nothing soon stops; one that does not is closed.
 */
function hold(connection: Connection, open: SignedIn, packet: ReceivedPublish): void {
  const held = open.held ??= new DeferredPublishes();
  held.push(packet);
  const { maxInflight, maxInboundBytes } = connection.listener.limits;
  if (held.bytes > maxInboundBytes) {
    const reason = `more than max-inflight (${maxInflight}) QoS 2 messages and max-inbound-bytes wait for their PUBREL`;
    throw new ProtocolError(ReasonCode.ReceiveMaximumExceeded, reason);
  }
}

function route(
  connection: Connection,
  open: SignedIn,
  packet: ReceivedPublish,
  topicName: TopicName,
): void | Promise<void> {
  const { mountpoint } = open;
  return mountpoint === undefined
    ? routeTo(connection, open, packet, topicName, packet.body)
    : routeMounted(connection, open, packet, topicName, mountpoint);
}

function routeMounted(
  connection: Connection,
  open: SignedIn,
  packet: ReceivedPublish,
  topicName: TopicName,
  mountpoint: Mountpoint,
): void | Promise<void> {
  const isResponse = connection.context.responseTopics.has(topicName);
  const mounted = isResponse ? topicName : mountedName(mountpoint, topicName);
  const body = mountedBody(mountpoint, packet.body);
  if (mounted && body) return routeTo(connection, open, packet, mounted, body);
  const reason = "the topic name or response topic is too long with the mountpoint in front";
  refuse(connection, open, packet, topicName, { reasonCode: ReasonCode.TopicNameInvalid, reason });
}

function refuse(
  connection: Connection,
  open: SignedIn,
  packet: ReceivedPublish,
  topicName: TopicName,
  { reasonCode, reason: reasonString }: MessageRefusal,
): void {
  connection.context.pipeline.deny(open.client, topicName, { reasonCode, reasonString });
  deny(connection, open, packet, { reasonCode, reasonString });
}

/** @param topicName and what follows: as the broker has them, with the mountpoint */
function routeTo(
  connection: Connection,
  open: SignedIn,
  packet: ReceivedPublish,
  topicName: TopicName,
  body: PublishBody,
): void | Promise<void> {
  const { context, listener } = connection;
  const refusal = refusalOfMessage(packet, topicName, listener.limits);
  if (refusal !== undefined) return refuse(connection, open, packet, topicName, refusal);
  const { qos, retain, messageExpiryIntervalSeconds } = packet;
  const fault = context.persistence?.writeQueue.fault;
  if (fault && qos > 0 && needsStore(connection, open, packet, topicName)) {
    return denyUnstored(connection, open, packet, fault);
  }
  const expiresAtMs = messageExpiryIntervalSeconds === undefined
    ? undefined
    : expiryTime(messageExpiryIntervalSeconds, context.clock.now());
  const message = new Message(topicName, body, qos, retain, open.session.clientIdentifier, expiresAtMs);
  if (retain && !mayBeRetained(connection, open, message)) return deny(connection, open, packet, retainedFull);
  return context.cluster === undefined
    ? publish(connection, open, packet, message)
    : publishToNodes(connection, open, packet, message);
}

/** A limit is told of before the acknowledgement, to who understands it. */
function mayBeRetained({ context }: Connection, { version }: SignedIn, message: Message): boolean {
  return message.qos === 0 || version !== 5 || context.retained.hasRoom(message);
}

function publish(
  connection: Connection,
  open: SignedIn,
  packet: ReceivedPublish,
  message: Message,
): void | Promise<void> {
  const callbacks = callbacksFor(connection, open, packet);
  const outcome = connection.context.pipeline.fromClient(open.client, message, callbacks);
  if (outcome instanceof Promise) return acknowledgeLater(connection, open, packet, outcome);
  if (packet.qos > 0) acknowledge(connection, open, packet, outcome);
}

async function acknowledgeLater(
  connection: Connection,
  open: SignedIn,
  packet: ReceivedPublish,
  outcome: Promise<PublishOutcome>,
): Promise<void> {
  acknowledge(connection, open, packet, await outcome);
}

/** In a cluster a message waits for those before it that go another way, and the client while others have too much. */
function publishToNodes(
  connection: Connection,
  open: SignedIn,
  packet: ReceivedPublish,
  message: Message,
): void | Promise<void> {
  const { cluster } = connection.context;
  const refusal = cluster!.refusalOf(message);
  if (refusal !== undefined) {
    return denyFault(connection, open, packet, { reasonCode: ReasonCode.QuotaExceeded, reasonString: refusal });
  }
  const gate = open.receipts ??= new ReceiptGate();
  const way = cluster!.goesByLog(message) ? "log" : "link";
  return gate.inTurn({
    way,
    mostHeld: connection.listener.limits.maxInflight,
    isOver: () => connection.open !== open,
    publish: () => publish(connection, open, packet, message),
  });
}

/** At QoS 0 and 1 the same ones for all messages of a connection, which saves an object for each. */
function callbacksFor(connection: Connection, open: SignedIn, packet: ReceivedPublish): PublishCallbacks {
  if (packet.qos === 2) return new QoS2Publication(connection, open, packet.packetIdentifier);
  return open.publishCallbacks ??= newCallbacks(connection, open);
}

function newCallbacks(connection: Connection, open: SignedIn): PublishCallbacks {
  return {
    party: connection.work,
    stillConnected: () => connection.open === open,
    onReceipt: (receipt) => open.receipts?.took(receipt),
  };
}

/** Whether a message, or that it was received, has to outlive the process. */
function needsStore({ context }: Connection, open: SignedIn, packet: ReceivedPublish, topicName: TopicName): boolean {
  return packet.retain || (packet.qos === 2 && open.session.durable) || context.subscriptions.hasDurable(topicName);
}

/** A 3.x client would take silence for a slow network. */
function denyUnstored(connection: Connection, open: SignedIn, packet: ReceivedPublish, fault: StoreError): void {
  denyFault(connection, open, packet, {
    reasonCode: reasonCodeOf(fault),
    reasonString: "messages cannot be stored now",
  });
}

/** The store fails, the cluster's log is out of reach, or the message is too large for it. */
function denyFault(
  connection: Connection,
  open: SignedIn,
  packet: ReceivedPublish,
  denied: Omit<Denied, "allowed">,
): void {
  if (open.version === 5 || packet.qos === 0) return deny(connection, open, packet, denied);
  const { reasonCode, reasonString } = denied;
  connection.close({ reasonCode, reason: reasonString ?? "" });
}

function acknowledge(connection: Connection, open: SignedIn, packet: ReceivedPublish, outcome: PublishOutcome): void {
  if (typeof outcome === "number") return acknowledgeRouted(connection, open, packet, outcome, undefined);
  // The client will send it again, and then it has to count as new.
  if (outcome === "abandoned") return;
  if (outcome === "full") return deny(connection, open, packet, queuesFull);
  if (outcome.allowed) return acknowledgeRouted(connection, open, packet, outcome.subscribers, outcome.words);
  if (outcome.isFault) return denyFault(connection, open, packet, outcome);
  deny(connection, open, packet, outcome);
}

function acknowledgeRouted(
  connection: Connection,
  open: SignedIn,
  { qos, packetIdentifier }: ReceivedPublish,
  subscribers: number,
  words: ReasonProperties | undefined,
): void {
  if (qos === 0) return;
  const type = qos === 1 ? PacketType.Puback : PacketType.Pubrec;
  const reasonCode = subscribers === 0 ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success;
  answer(connection, open, type, packetIdentifier, reasonCode, words);
}

/** Acknowledges a message, once other nodes have it that must. */
function answer(
  connection: Connection,
  { receipts }: SignedIn,
  type: AckPacket["type"],
  packetIdentifier: number,
  reasonCode: ReasonCode,
  properties: ReasonProperties | undefined,
): void {
  if (receipts === undefined) connection.acknowledge(type, packetIdentifier, reasonCode, properties);
  else answerAfter(receipts, connection, type, packetIdentifier, reasonCode, properties);
}

/** In a function of its own: who makes a closure has what it holds on to in a place that costs time. */
function answerAfter(
  receipts: ReceiptGate,
  connection: Connection,
  type: AckPacket["type"],
  packetIdentifier: number,
  reasonCode: ReasonCode,
  properties: ReasonProperties | undefined,
): void {
  receipts.acknowledge(() => connection.acknowledge(type, packetIdentifier, reasonCode, properties));
}

/** A 3.x client knows no word for it, so that its message is acknowledged and dropped. */
function deny(connection: Connection, open: SignedIn, packet: ReceivedPublish, denied: Omit<Denied, "allowed">): void {
  const { qos, packetIdentifier } = packet;
  if (qos === 0) return;
  if (qos === 2 && open.version !== 5) open.session.receiver.accept(packetIdentifier);
  const { reasonCode, reasonString, userProperties } = denied;
  const properties: ReasonProperties | undefined = reasonString || userProperties
    ? { reasonString, userProperties }
    : undefined;
  const type = qos === 1 ? PacketType.Puback : PacketType.Pubrec;
  answer(connection, open, type, packetIdentifier, reasonCode, properties);
}
