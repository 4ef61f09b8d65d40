import type { ReceivedPacket, ReceivedPublish } from "../../packet/decode.ts";
import { type AckPacket, type ConnectPacket, PacketType } from "../../packet/packets.ts";
import { protocolError } from "../../packet/protocol_error.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import type { Connection, SignedIn } from "../connection.ts";
import { SignInAttempt } from "../sign_in_attempt.ts";
import { handleAuth } from "./auth.ts";
import { handleDisconnect } from "./disconnect.ts";
import { handlePublish, handlePubrel } from "./publish.ts";
import { handleSubscribe } from "./subscribe.ts";
import { handleUnsubscribe } from "./unsubscribe.ts";

/** Hands a packet to its handler; see {@linkcode PacketHandler}. */
export function handlePacket(connection: Connection, packet: ReceivedPacket): void | Promise<void> {
  const { open } = connection;
  if (open === undefined) return handleBeforeSignIn(connection, packet);
  // What comes often, apart from the rest, so that the engine keeps its way short.
  if (packet.type === PacketType.Publish) return handlePublish(connection, open, packet);
  if (packet.type === PacketType.Puback) {
    open.session.sender.puback(packet.packetIdentifier, packet.reasonCode);
    return;
  }
  return handleOther(connection, open, packet);
}

function handleOther(
  connection: Connection,
  open: SignedIn,
  packet: Exclude<ReceivedPacket, ReceivedPublish>,
): void | Promise<void> {
  switch (packet.type) {
    case PacketType.Pubrec:
      return handlePubrec(connection, open, packet);
    case PacketType.Pubrel:
      return handlePubrel(connection, open, packet);
    case PacketType.Pubcomp:
      return void open.session.sender.pubcomp(packet.packetIdentifier);
    case PacketType.Subscribe:
      return handleSubscribe(connection, open, packet);
    case PacketType.Unsubscribe:
      return handleUnsubscribe(connection, open, packet);
    case PacketType.Pingreq:
      return connection.send({ type: PacketType.Pingresp });
    case PacketType.Disconnect:
      return handleDisconnect(connection, open, packet);
    case PacketType.Auth:
      return handleAuth(connection, packet);
    case PacketType.Connect:
      // Which refuses a second one.
      return new SignInAttempt(connection, packet).begin();
  }
}

function handleBeforeSignIn(connection: Connection, packet: ReceivedPacket): void | Promise<void> {
  if (packet.type === PacketType.Connect) return new SignInAttempt(connection, packet).begin();
  return handleSigningIn(connection, packet);
}

/** A client that is asked for its next AUTH may say that or goodbye ([MQTT-3.1.2-30] 5.0). */
function handleSigningIn(connection: Connection, packet: Exclude<ReceivedPacket, ConnectPacket>): void | Promise<void> {
  if (!connection.signingIn?.authentication) throw protocolError("a packet other than CONNECT before sign-in");
  if (packet.type === PacketType.Auth) return handleAuth(connection, packet);
  if (packet.type !== PacketType.Disconnect) throw protocolError("a packet other than AUTH during the sign-in");
  connection.close({ reasonCode: packet.reasonCode, reason: "the client disconnected", silent: true });
}

/** PUBREC: a message has arrived, or is refused. */
function handlePubrec(connection: Connection, open: SignedIn, { packetIdentifier, reasonCode }: AckPacket): void {
  if (open.session.sender.pubrec(packetIdentifier, reasonCode) || reasonCode >= ReasonCode.UnspecifiedError) return;
  // MQTT 5.0 §3.6.2.1; a client that resumes an older session releases what it has all the same.
  connection.acknowledge(PacketType.Pubrel, packetIdentifier, ReasonCode.PacketIdentifierNotFound);
}
