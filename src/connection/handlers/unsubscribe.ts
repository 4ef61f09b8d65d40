import { PacketType, type UnsubscribePacket } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { TopicError, type TopicFilter } from "../../packet/topic.ts";
import { inTurns } from "../../work_budget.ts";
import type { Connection, SignedIn } from "../connection.ts";
import { placeOf } from "../filter_place.ts";
import { unsubscribeSession } from "../session_subscription.ts";

/** What it takes to end a subscription, as the budget counts. */
const UNSUBSCRIPTION_STEPS = 4;

/** UNSUBSCRIBE (MQTT 5.0 §3.10), in several turns if need be. What is under way to the client is still completed. */
export function handleUnsubscribe(
  connection: Connection,
  open: SignedIn,
  packet: UnsubscribePacket,
): void | Promise<void> {
  return inTurns(connection.context.work, connection.work, unsubscribing(connection, open, packet));
}

function* unsubscribing(
  connection: Connection,
  open: SignedIn,
  { topicFilters, packetIdentifier }: UnsubscribePacket,
): Generator<void, void> {
  const { context } = connection;
  const reasonCodes: ReasonCode[] = [];
  for (const topicFilter of topicFilters) {
    const key = keyOf(connection, open, topicFilter);
    const existed = key !== undefined && unsubscribeSession(context.subscriptions, open.session, key);
    reasonCodes.push(existed ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted);
    if (existed) context.hooks.clientUnsubscribed?.(open.client, key);
    context.work.steps += UNSUBSCRIPTION_STEPS;
    yield;
    if (connection.open !== open) return;
  }
  connection.send({ type: PacketType.Unsuback, packetIdentifier, reasonCodes });
}

/** The subscription that a client means; `undefined`: it can have none by this filter. */
function keyOf({ context }: Connection, open: SignedIn, asked: TopicFilter): TopicFilter | undefined {
  if (open.mountpoint === undefined && !context.hooks.transformSubscription) return asked;
  try {
    return placeOf(context.hooks, open, asked);
  } catch (error) {
    if (error instanceof TopicError) return undefined;
    throw error;
  }
}
