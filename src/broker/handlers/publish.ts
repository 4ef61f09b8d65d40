import { Message } from "../../message.ts";
import { PacketType, type PublishPacket } from "../../packet/packets.ts";
import { protocolError } from "../../packet/protocol_error.ts";
import type { Connection, Open } from "../connection.ts";
import type { PipeOutcome } from "../message_pipe.ts";

/** PUBLISH (MQTT 3.1.1 §3.3): routes the message and acknowledges it afterwards; what is denied is acknowledged too. */
export function handlePublish(connection: Connection, open: Open, packet: PublishPacket): void | Promise<void> {
  const { topicName, payload, qos, retain, properties, packetIdentifier } = packet;
  if (topicName === "") throw protocolError("PUBLISH without a topic name");
  // [MQTT-4.3.3-2] 3.1.1: the identifier is known already, so the message was passed on.
  if (qos === 2 && open.session.receiver.has(packetIdentifier)) {
    return connection.acknowledge(PacketType.Pubrec, packetIdentifier);
  }
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
