import type { ResolvedLimits } from "../../config/config.ts";
import { allowed, type Denial, type Ruling } from "../../hooks/decide.ts";
import type { SubscriptionSnapshot } from "../../hooks/plugin.ts";
import { PacketType, type QoS, type SubscribePacket, type SubscriptionRequest } from "../../packet/packets.ts";
import { malformed, protocolError } from "../../packet/protocol_error.ts";
import { describeReasonCode, ReasonCode } from "../../packet/reason_code.ts";
import { parseSharedFilter, TopicError, type TopicFilter } from "../../packet/topic.ts";
import type { Subscription } from "../../topics/subscriptions.ts";
import type { Connection, Open } from "../connection.ts";
import { hasTooManyLevels } from "./message_rules.ts";

const granted = [ReasonCode.Success, ReasonCode.GrantedQoS1, ReasonCode.GrantedQoS2] as const;

/** One filter of a SUBSCRIBE. */
interface Wanted {
  /** As the client gave it. */
  readonly key: TopicFilter;
  readonly request: SubscriptionRequest;
  readonly subscription: Subscription;
  /** What needs no plugin to be refused. */
  readonly refusal: Omit<Denial, "allowed"> | undefined;
}

/** SUBSCRIBE (MQTT 5.0 §3.8): asks for each filter, subscribes, answers, then sends what is retained. */
export function handleSubscribe(connection: Connection, open: Open, packet: SubscribePacket): void | Promise<void> {
  const wanted = packet.subscriptions.map((request) => examine(connection, open, packet, request));
  const { authorizeSubscribe } = connection.core.hooks;
  if (!authorizeSubscribe) return subscribe(connection, open, packet, wanted, wanted.map(() => allowed));
  const rulings = wanted.map(({ subscription, refusal }) =>
    refusal ? allowed : authorizeSubscribe(open.client, snapshotOf(subscription))
  );
  if (!rulings.some((ruling) => ruling instanceof Promise)) {
    return subscribe(connection, open, packet, wanted, rulings as Ruling[]);
  }
  return Promise.all(rulings).then((rulings) => {
    if (connection.open === open) subscribe(connection, open, packet, wanted, rulings);
  });
}

/** Synchronous: the session changes, the answer and the retained messages are in order. */
function subscribe(
  connection: Connection,
  open: Open,
  packet: SubscribePacket,
  wanted: readonly Wanted[],
  rulings: readonly Ruling[],
): void {
  const added: Wanted[] = [];
  const refusals: Omit<Denial, "allowed">[] = [];
  const reasonCodes = wanted.map((one, index) => {
    const refusal = refusalOf(connection, open, one, rulings[index]!);
    if (refusal) {
      refusals.push(refusal);
      return refusal.reasonCode;
    }
    if (add(connection, open, one)) added.push(one);
    return granted[one.subscription.qos];
  });
  // SUBACK has one reason string for all of its filters (MQTT 5.0 §3.9.2.1): the first refusal with something to say has it.
  const told = refusals.find(({ reasonString, userProperties }) => reasonString !== undefined || userProperties);
  const properties = told && { reasonString: told.reasonString, userProperties: told.userProperties };
  connection.send({ type: PacketType.Suback, packetIdentifier: packet.packetIdentifier, reasonCodes, properties });
  const { retained, clock } = connection.core;
  for (const { subscription } of added) {
    open.session.offerRetained(retained.match(subscription.topicFilter, clock.now()), subscription);
  }
}

/**
 * Adds a subscription, or puts it in the place of its former self.
 *
 * @returns whether retained messages are to be sent for it
 */
function add({ core }: Connection, { session, client }: Open, { key, request, subscription }: Wanted): boolean {
  const isNew = !session.subscriptions.has(key);
  session.subscribe(key, subscription);
  core.subscriptions.add(session, subscription);
  core.hooks.clientSubscribed?.(client, snapshotOf(subscription));
  // MQTT 5.0 §3.8.3.1, §4.8.2
  if (subscription.shareName !== undefined || request.retainHandling === 2) return false;
  return isNew || request.retainHandling === 0;
}

function examine(connection: Connection, open: Open, packet: SubscribePacket, request: SubscriptionRequest): Wanted {
  const { limits } = connection.listener;
  const { topicFilter: key, noLocal, retainAsPublished } = request;
  const qos = Math.min(request.qos, limits.maximumQos) as QoS;
  const identifier = packet.subscriptionIdentifier;
  const subscription = { topicFilter: key, qos, noLocal, retainAsPublished, identifier };
  try {
    const shared = parseSharedFilter(key);
    // [MQTT-3.8.3-4] 5.0
    if (shared && noLocal) throw protocolError(`SUBSCRIBE: No Local must not be set on a shared subscription: ${key}`);
    const refusal = refusalAtOnce(packet, shared !== undefined, shared?.topicFilter ?? key, limits);
    return { key, request, subscription: { ...subscription, ...shared }, refusal };
  } catch (error) {
    if (!(error instanceof TopicError)) throw error;
    // [MQTT-4.8.2-1], [MQTT-4.8.2-2] 5.0; before 5.0 a filter that begins so is nothing special.
    if (open.version === 5) throw malformed(`SUBSCRIBE: ${error.message}`);
    return { key, request, subscription, refusal: { reasonCode: ReasonCode.TopicFilterInvalid } };
  }
}

function refusalAtOnce(
  packet: SubscribePacket,
  shared: boolean,
  topicFilter: TopicFilter,
  limits: ResolvedLimits,
): Omit<Denial, "allowed"> | undefined {
  if (shared && !limits.sharedSubscriptionAvailable) {
    return { reasonCode: ReasonCode.SharedSubscriptionsNotSupported };
  }
  if (packet.subscriptionIdentifier !== undefined && !limits.subscriptionIdentifiersAvailable) {
    return { reasonCode: ReasonCode.SubscriptionIdentifiersNotSupported };
  }
  if (!limits.wildcardSubscriptionAvailable && /[+#]/.test(topicFilter)) {
    return { reasonCode: ReasonCode.WildcardSubscriptionsNotSupported };
  }
  if (hasTooManyLevels(topicFilter, limits)) {
    const reasonString = `topic filter must have at most ${limits.maxTopicLevels} levels (max-topic-levels)`;
    return { reasonCode: ReasonCode.TopicFilterInvalid, reasonString };
  }
  return undefined;
}

function refusalOf(
  { core, listener }: Connection,
  { client, session }: Open,
  { key, refusal }: Wanted,
  ruling: Ruling,
): Omit<Denial, "allowed"> | undefined {
  const full = session.subscriptions.size >= listener.limits.maxSubscriptions && !session.subscriptions.has(key);
  const found = refusal ?? (ruling.allowed ? full ? { reasonCode: ReasonCode.QuotaExceeded } : undefined : ruling);
  if (found) {
    const who = `client ${client.clientIdentifier}, filter ${key}`;
    core.logger.warn(`subscription refused: ${who}: ${describeReasonCode(found.reasonCode)}`);
  }
  return found;
}

function snapshotOf(subscription: Subscription): SubscriptionSnapshot {
  return Object.freeze({ ...subscription });
}
