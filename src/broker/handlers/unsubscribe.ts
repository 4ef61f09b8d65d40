import { PacketType, type UnsubscribePacket } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import type { Connection, Open } from "../connection.ts";

/** UNSUBSCRIBE (MQTT 5.0 §3.10). What is under way to the client is still completed. */
export function handleUnsubscribe(connection: Connection, open: Open, packet: UnsubscribePacket): void {
  const { core } = connection;
  const reasonCodes = packet.topicFilters.map((topicFilter) => {
    const subscription = open.session.unsubscribe(topicFilter);
    if (!subscription) return ReasonCode.NoSubscriptionExisted;
    core.subscriptions.remove(open.session, subscription.topicFilter, subscription.shareName);
    core.hooks.clientUnsubscribed?.(open.client, topicFilter);
    return ReasonCode.Success;
  });
  connection.send({ type: PacketType.Unsuback, packetIdentifier: packet.packetIdentifier, reasonCodes });
}
