import type { DisconnectPacket } from "../../packet/packets.ts";
import { protocolError } from "../../packet/protocol_error.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import type { Connection, SignedIn } from "../connection.ts";

/** DISCONNECT (MQTT 3.1.1 §3.14, MQTT 5.0 §3.14) of a client that is signed in. */
export function handleDisconnect(connection: Connection, open: SignedIn, packet: DisconnectPacket): void {
  const seconds = packet.properties?.sessionExpiryIntervalSeconds;
  if (seconds !== undefined) changeExpiry(connection, open, seconds);
  const { reasonCode } = packet;
  // [MQTT-3.14.4-3] 5.0: any other word leaves the will in force.
  const clean = reasonCode === ReasonCode.Success;
  connection.close({ reasonCode, reason: "the client disconnected", clean, silent: true });
}

function changeExpiry({ listener }: Connection, { session, askedNoExpiry }: SignedIn, seconds: number): void {
  if (askedNoExpiry && seconds > 0) {
    throw protocolError("DISCONNECT: session expiry interval must stay 0, as it was in CONNECT");
  }
  session.resume(Math.min(seconds, listener.limits.maxSessionExpiryInterval));
}
