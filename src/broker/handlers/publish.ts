import { Message } from "../../message.ts";
import { type AckPacket, PacketType, type PublishPacket } from "../../packet/packets.ts";
import { ProtocolError, protocolError } from "../../packet/protocol_error.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import type { Connection, Open } from "../connection.ts";
import type { PipeOutcome } from "../message_pipe.ts";

/** PUBLISH (MQTT 3.1.1 §3.3): routes the message and acknowledges it afterwards; what is denied is acknowledged too. */
export function handlePublish(connection: Connection, open: Open, packet: PublishPacket): void | Promise<void> {
  if (packet.qos < 2) return route(connection, open, packet);
  const { receiver } = open.session;
  // [MQTT-4.3.3-2] 3.1.1: the identifier is known already, so the message was passed on.
  if (receiver.has(packet.packetIdentifier)) {
    return connection.acknowledge(PacketType.Pubrec, packet.packetIdentifier);
  }
  const full = receiver.inflight >= connection.listener.limits.maxInflight;
  if (full || open.held.length > 0) return hold(connection, open, packet);
  return route(connection, open, packet);
}

/** PUBREL: frees an identifier, and takes up the next message that waited for one. */
export function handlePubrel(connection: Connection, open: Open, packet: AckPacket): void | Promise<void> {
  const { receiver } = open.session;
  receiver.release(packet.packetIdentifier);
  connection.acknowledge(PacketType.Pubcomp, packet.packetIdentifier);
  if (receiver.inflight >= connection.listener.limits.maxInflight) return;
  const next = open.held.shift();
  if (!next) return;
  open.heldBytes -= next.payload.length;
  return route(connection, open, next);
}

/**
 * A 3.x client does not know how many QoS 2 messages it may have under way, so what is over the limit waits here, and
 * its PUBREC with it. A client that is answered nothing soon stops; one that does not is closed.
 */
function hold(connection: Connection, open: Open, packet: PublishPacket): void {
  open.held.push({ ...packet, payload: packet.payload.slice() });
  open.heldBytes += packet.payload.length;
  const { maxInflight, maxInboundBytes } = connection.listener.limits;
  if (open.heldBytes > maxInboundBytes) {
    const reason = `more than max-inflight (${maxInflight}) QoS 2 messages and max-inbound-bytes wait for their PUBREL`;
    throw new ProtocolError(ReasonCode.ReceiveMaximumExceeded, reason);
  }
}

function route(connection: Connection, open: Open, packet: PublishPacket): void | Promise<void> {
  const { topicName, payload, qos, retain, properties } = packet;
  if (topicName === "") throw protocolError("PUBLISH without a topic name");
  const publisher = open.session.clientIdentifier;
  const message = new Message({ topicName, payload, qos, retain, properties, publisher, borrowed: true });
  const { pipe } = connection.core;
  const outcome = pipe.fromClient(open.client, message, () => connection.open === open);
  if (outcome instanceof Promise) {
    return outcome.then((outcome) => acknowledge(connection, open, packet, outcome));
  }
  acknowledge(connection, open, packet, outcome);
}

function acknowledge(connection: Connection, open: Open, packet: PublishPacket, outcome: PipeOutcome): void {
  const { qos, packetIdentifier } = packet;
  // The client will send it again, and then it has to count as new.
  if (outcome === "abandoned") return;
  if (qos === 2) open.session.receiver.accept(packetIdentifier);
  if (qos === 1) connection.acknowledge(PacketType.Puback, packetIdentifier);
  if (qos === 2) connection.acknowledge(PacketType.Pubrec, packetIdentifier);
}
