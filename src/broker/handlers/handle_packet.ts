import { type InboundPacket, PacketType } from "../../packet/packets.ts";
import { protocolError } from "../../packet/protocol_error.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import type { Connection, Open } from "../connection.ts";
import { handleConnect } from "./connect.ts";
import { handlePublish, handlePubrel } from "./publish.ts";
import { handleSubscribe } from "./subscribe.ts";
import { handleUnsubscribe } from "./unsubscribe.ts";

/**
 * Hands a packet to its handler.
 *
 * @returns a promise only if the packet has to be waited for before the next one
 * @throws {ProtocolError} if it must not come now
 */
export function handlePacket(connection: Connection, packet: InboundPacket): void | Promise<void> {
  if (packet.type === PacketType.Connect) return handleConnect(connection, packet);
  const { open } = connection;
  if (!open) throw protocolError("a packet other than CONNECT before sign-in");
  return handleOpen(connection, open, packet);
}

function handleOpen(
  connection: Connection,
  open: Open,
  packet: Exclude<InboundPacket, { type: typeof PacketType.Connect }>,
): void | Promise<void> {
  const { sender } = open.session;
  switch (packet.type) {
    case PacketType.Publish:
      return handlePublish(connection, open, packet);
    case PacketType.Puback:
      return void sender.puback(packet.packetIdentifier);
    case PacketType.Pubrec:
      if (!sender.pubrec(packet.packetIdentifier)) connection.sendPubrel(packet.packetIdentifier);
      return;
    case PacketType.Pubrel:
      return handlePubrel(connection, open, packet);
    case PacketType.Pubcomp:
      return void sender.pubcomp(packet.packetIdentifier);
    case PacketType.Subscribe:
      return handleSubscribe(connection, open, packet);
    case PacketType.Unsubscribe:
      return handleUnsubscribe(connection, open, packet);
    case PacketType.Pingreq:
      return connection.send({ type: PacketType.Pingresp });
    case PacketType.Disconnect:
      return connection.close({ reasonCode: ReasonCode.Success, reason: "the client disconnected", clean: true });
    case PacketType.Auth:
      throw protocolError("AUTH without an authentication method");
  }
}
