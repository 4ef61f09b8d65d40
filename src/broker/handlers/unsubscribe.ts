import { PacketType, type UnsubscribePacket } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import type { Connection, Open } from "../connection.ts";

/** UNSUBSCRIBE (MQTT 3.1.1 §3.10). What is under way to the client is still completed. */
export function handleUnsubscribe(connection: Connection, open: Open, packet: UnsubscribePacket): void {
  const { core } = connection;
  const reasonCodes = packet.topicFilters.map((topicFilter) => {
    open.session.subscriptions.delete(topicFilter);
    if (!core.subscriptions.remove(open.session, topicFilter)) return ReasonCode.NoSubscriptionExisted;
    core.hooks.clientUnsubscribed?.(open.client, topicFilter);
    return ReasonCode.Success;
  });
  connection.send({ type: PacketType.Unsuback, packetIdentifier: packet.packetIdentifier, reasonCodes });
}
