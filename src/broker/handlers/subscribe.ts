import type { SubscriptionSnapshot } from "../../hooks/plugin.ts";
import { PacketType, type SubscribePacket, type SubscriptionRequest } from "../../packet/packets.ts";
import { describeReasonCode, ReasonCode } from "../../packet/reason_code.ts";
import type { Subscription } from "../../topics/subscriptions.ts";
import type { Connection, Open } from "../connection.ts";

const granted = [ReasonCode.Success, ReasonCode.GrantedQoS1, ReasonCode.GrantedQoS2] as const;

/** SUBSCRIBE (MQTT 3.1.1 §3.8): asks for each filter, subscribes, answers, then sends what is retained. */
export function handleSubscribe(connection: Connection, open: Open, packet: SubscribePacket): void | Promise<void> {
  const { authorizeSubscribe } = connection.core.hooks;
  if (!authorizeSubscribe) return subscribe(connection, open, packet, packet.subscriptions.map(() => true));
  const answers = packet.subscriptions.map((request) => authorizeSubscribe(open.client, snapshotOf(request)));
  if (!answers.some((answer) => answer instanceof Promise)) {
    return subscribe(connection, open, packet, answers as boolean[]);
  }
  return Promise.all(answers).then((allowed) => {
    if (connection.open === open) subscribe(connection, open, packet, allowed);
  });
}

/** Synchronous: the session changes, the answer and the retained messages are in order. */
function subscribe(connection: Connection, open: Open, packet: SubscribePacket, allowed: readonly boolean[]): void {
  const { core } = connection;
  const added: Subscription[] = [];
  const reasonCodes = packet.subscriptions.map((request, index) => {
    const refusal = allowed[index] ? refusalOf(connection, open, request) : ReasonCode.NotAuthorized;
    if (refusal !== undefined) {
      const who = `client ${open.client.clientIdentifier}, filter ${request.topicFilter}`;
      core.logger.warn(`subscription refused: ${who}: ${describeReasonCode(refusal)}`);
      return refusal;
    }
    const subscription = { ...request, identifier: packet.subscriptionIdentifier };
    open.session.subscriptions.set(request.topicFilter, subscription);
    core.subscriptions.add(open.session, subscription);
    added.push(subscription);
    return granted[request.qos];
  });
  connection.send({ type: PacketType.Suback, packetIdentifier: packet.packetIdentifier, reasonCodes });
  for (const subscription of added) {
    core.hooks.clientSubscribed?.(open.client, snapshotOf(subscription));
    open.session.offerRetained(core.retained.match(subscription.topicFilter), subscription);
  }
}

function refusalOf(connection: Connection, open: Open, request: SubscriptionRequest): ReasonCode | undefined {
  const { subscriptions } = open.session;
  if (request.topicFilter.startsWith("$share/")) return ReasonCode.SharedSubscriptionsNotSupported;
  const full = subscriptions.size >= connection.listener.limits.maxSubscriptions;
  if (full && !subscriptions.has(request.topicFilter)) return ReasonCode.QuotaExceeded;
  return undefined;
}

function snapshotOf({ topicFilter, qos }: Pick<SubscriptionRequest, "topicFilter" | "qos">): SubscriptionSnapshot {
  return Object.freeze({ topicFilter, qos });
}
