import { PacketType, type UnsubscribePacket } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { inTurns } from "../../work_budget.ts";
import type { Connection, Open } from "../connection.ts";
import { unsubscribeSession } from "../session_subscription.ts";

/** What it takes to end a subscription, as the budget counts. */
const UNSUBSCRIPTION_STEPS = 4;

/** UNSUBSCRIBE (MQTT 5.0 §3.10), in several turns if need be. What is under way to the client is still completed. */
export function handleUnsubscribe(
  connection: Connection,
  open: Open,
  packet: UnsubscribePacket,
): void | Promise<void> {
  return inTurns(connection.core.work, connection.work, unsubscribing(connection, open, packet));
}

function* unsubscribing(
  connection: Connection,
  open: Open,
  { topicFilters, packetIdentifier }: UnsubscribePacket,
): Generator<void, void> {
  const { core } = connection;
  const reasonCodes: ReasonCode[] = [];
  for (const topicFilter of topicFilters) {
    const existed = unsubscribeSession(core.subscriptions, open.session, topicFilter);
    reasonCodes.push(existed ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted);
    if (existed) core.hooks.clientUnsubscribed?.(open.client, topicFilter);
    core.work.steps += UNSUBSCRIPTION_STEPS;
    yield;
    if (connection.open !== open) return;
  }
  connection.send({ type: PacketType.Unsuback, packetIdentifier, reasonCodes });
}
