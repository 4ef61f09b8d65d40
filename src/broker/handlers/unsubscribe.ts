import { PacketType, type UnsubscribePacket } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import type { Connection, Open } from "../connection.ts";
import { unsubscribeSession } from "../session_subscription.ts";

/** UNSUBSCRIBE (MQTT 5.0 §3.10). What is under way to the client is still completed. */
export function handleUnsubscribe(connection: Connection, open: Open, packet: UnsubscribePacket): void {
  const { core } = connection;
  const reasonCodes = packet.topicFilters.map((topicFilter) => {
    if (!unsubscribeSession(core.subscriptions, open.session, topicFilter)) return ReasonCode.NoSubscriptionExisted;
    core.hooks.clientUnsubscribed?.(open.client, topicFilter);
    return ReasonCode.Success;
  });
  connection.send({ type: PacketType.Unsuback, packetIdentifier: packet.packetIdentifier, reasonCodes });
}
