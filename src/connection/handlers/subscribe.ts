import type { ResolvedLimits } from "../../config/config.ts";
import { allowed, type Authorization, type Denied } from "../../hooks/decide.ts";
import type { SubscriptionSnapshot } from "../../hooks/plugin.ts";
import {
  PacketType,
  type QoS,
  type ReasonProperties,
  type SubackPacket,
  type SubscribePacket,
  type SubscriptionRequest,
} from "../../packet/packets.ts";
import { malformed, protocolError } from "../../packet/protocol_error.ts";
import { describeReasonCode, ReasonCode } from "../../packet/reason_code.ts";
import { parseSharedFilter, TopicError, type TopicFilter } from "../../packet/topic.ts";
import { quote } from "../../quote.ts";
import { type Session, subscriptionCostBytes } from "../../session/session.ts";
import type { Subscription } from "../../topics/subscriber.ts";
import { inTurns } from "../../work_budget.ts";
import type { Connection, SignedIn } from "../connection.ts";
import { describeClient } from "../../routing/describe.ts";
import type { ConnectionContext } from "../connection_context.ts";
import { placeOf } from "../filter_place.ts";
import { subscribeSession } from "../session_subscription.ts";
import { hasTooManyLevels, reasonCodeOf } from "./message_rules.ts";
import { sendRetained } from "./retained_delivery.ts";

/** What it takes to subscribe to a filter, as the budget counts. */
const SUBSCRIPTION_STEPS = 4;

const granted = [ReasonCode.Success, ReasonCode.GrantedQoS1, ReasonCode.GrantedQoS2] as const;

/** One filter of a SUBSCRIBE. */
interface Wanted {
  /** As the client gave it. */
  readonly key: TopicFilter;
  readonly request: SubscriptionRequest;
  /** As it is at most granted. */
  readonly subscription: Subscription;
  /** What needs no plugin to be refused. */
  readonly refusal: Omit<Denied, "allowed"> | undefined;
}

/** SUBSCRIBE (MQTT 5.0 §3.8): asks for each filter, subscribes, answers, then sends what is retained. */
export function handleSubscribe(connection: Connection, open: SignedIn, packet: SubscribePacket): void | Promise<void> {
  const asked = inTurns(connection.context.work, connection.work, asking(connection, open, packet));
  const goOn = (asked: readonly Asked[]) => {
    const wanted = asked.map(([one]) => one);
    const authorizations = asked.map(([, authorization]) => authorization);
    const subscribeNow = (all: readonly Authorization[]) => {
      if (connection.open === open) return subscribe(connection, open, packet, wanted, all);
    };
    // What was retained anywhere before comes as retained or not at all, not as what is published now.
    const caughtUp = connection.context.cluster?.caughtUp();
    const subscribeAs = (all: readonly Authorization[]) =>
      caughtUp ? caughtUp.then(() => subscribeNow(all)) : subscribeNow(all);
    const isDecided = !authorizations.some((authorization) => authorization instanceof Promise);
    return isDecided ? subscribeAs(authorizations as Authorization[]) : Promise.all(authorizations).then(subscribeAs);
  };
  return asked instanceof Promise ? asked.then(goOn) : goOn(asked);
}

type Asked = readonly [wanted: Wanted, authorization: Authorization | Promise<Authorization>];

/** Looks at each filter and asks the plugins, in several turns if need be. */
function* asking(
  connection: Connection,
  open: SignedIn,
  packet: SubscribePacket,
): Generator<void, readonly Asked[]> {
  const { hooks: { authorizeSubscribe }, work } = connection.context;
  const asked: Asked[] = [];
  for (const request of packet.subscriptions) {
    const wanted = examine(connection, open, packet, request);
    const isAllowed = !authorizeSubscribe || wanted.refusal !== undefined;
    asked.push([wanted, isAllowed ? allowed : authorizeSubscribe(open.client, snapshotOf(wanted.subscription))]);
    work.steps += authorizeSubscribe ? SUBSCRIPTION_STEPS : 1;
    yield;
  }
  return asked;
}

/** Subscribes, which may take several turns, answers, and only then sends what is retained. */
function subscribe(
  connection: Connection,
  open: SignedIn,
  packet: SubscribePacket,
  wanted: readonly Wanted[],
  authorizations: readonly Authorization[],
): void | Promise<void> {
  return inTurns(
    connection.context.work,
    connection.work,
    subscribing(connection, open, packet, wanted, authorizations),
  );
}

function* subscribing(
  connection: Connection,
  open: SignedIn,
  packet: SubscribePacket,
  wanted: readonly Wanted[],
  authorizations: readonly Authorization[],
): Generator<void, void | Promise<void>> {
  const { sender } = open.session;
  // A SUBACK precedes what its subscriptions bring, however many turns they take and whatever hooks publish.
  sender.hold();
  const refusals: ReasonProperties[] = [];
  const permissions: ReasonProperties[] = [];
  const reasonCodes: ReasonCode[] = [];
  for (const [index, one] of wanted.entries()) {
    const authorization = authorizations[index]!;
    const refusal = refusalOf(connection, open, one, authorization);
    const subscription = atAllowedQoS(one.subscription, authorization);
    // A filter that stands twice in a packet is subscribed to as it stands last, and brings what is retained once.
    if (refusal) refuse(connection, open, one, refusal);
    if (refusal) refusals.push(refusal);
    else add(connection, open, one, subscription);
    if (!refusal && authorization !== allowed) permissions.push(authorization);
    reasonCodes.push(refusal?.reasonCode ?? granted[subscription.qos]);
    connection.context.work.steps += SUBSCRIPTION_STEPS;
    yield;
    // It has gone while others had their turn.
    if (connection.open !== open) return;
  }
  logRefusals(connection, open, wanted, reasonCodes);
  const properties = firstWords(refusals) ?? firstWords(permissions);
  const finish = () => acknowledge(connection, open, packet, wanted, { reasonCodes, properties });
  const waits = connection.context.cluster?.subscribed();
  return waits ? waits.then(finish) : finish();
}

/** Answers, lets go what the subscriptions have brought meanwhile, and sends what is retained. */
function acknowledge(
  connection: Connection,
  open: SignedIn,
  packet: SubscribePacket,
  wanted: readonly Wanted[],
  { reasonCodes, properties }: Pick<SubackPacket, "reasonCodes" | "properties">,
): void | Promise<void> {
  // It has gone while other nodes were told.
  if (connection.open !== open) return;
  const { sender } = open.session;
  const { packetIdentifier } = packet;
  connection.sendSuback(
    { type: PacketType.Suback, packetIdentifier, reasonCodes, properties },
    wanted.map(({ subscription }) => subscription.topicFilter),
  );
  sender.release();
  return sendRetained(connection, open);
}

/** Tells who wants to know that a filter is refused. */
function refuse(
  { context }: Connection,
  { client }: SignedIn,
  { key }: Wanted,
  { plugin, reasonCode, reasonString }: Omit<Denied, "allowed">,
): void {
  const what = { action: "subscribe", client, topic: key } as const;
  context.hooks.denied?.(Object.freeze({ ...what, plugin, reasonCode, reason: reasonString }));
}

/** The subscription at the QoS that plugins allow. */
function atAllowedQoS(subscription: Subscription, authorization: Authorization): Subscription {
  if (!authorization.allowed || authorization.maximumQoS === undefined) return subscription;
  return { ...subscription, qos: Math.min(subscription.qos, authorization.maximumQoS) as QoS };
}

/** SUBACK has one reason string for all of its filters (MQTT 5.0 §3.9.2.1): who is first to say something has it. */
function firstWords(answers: readonly ReasonProperties[]): ReasonProperties | undefined {
  const told = answers.find(({ reasonString, userProperties }) => reasonString !== undefined || userProperties);
  return told && { reasonString: told.reasonString, userProperties: told.userProperties };
}

/** A client with many refused filters is worth one line. */
function logRefusals(
  { context }: Connection,
  { client }: SignedIn,
  wanted: readonly Wanted[],
  reasonCodes: readonly ReasonCode[],
): void {
  const first = reasonCodes.findIndex((reasonCode) => reasonCode >= ReasonCode.UnspecifiedError);
  if (first < 0) return;
  const others = reasonCodes.filter((reasonCode) => reasonCode >= ReasonCode.UnspecifiedError).length - 1;
  const more = others > 0 ? `, and ${others} more filters` : "";
  context.refusals.tell("subscribe", client.remote, () => {
    const what = `${describeClient(client)}, filter ${quote(wanted[first]!.key)}`;
    return `${what}: ${describeReasonCode(reasonCodes[first]!)}${more}`;
  });
}

/** Adds a subscription, or puts it in the place of its former self. What it brings that is retained is sent later. */
function add(
  { context }: Connection,
  { session, client }: SignedIn,
  { key, request: { retainHandling } }: Wanted,
  subscription: Subscription,
): void {
  const isNew = !session.subscriptions.has(key);
  // MQTT 5.0 §3.8.3.1, §4.8.2
  const withRetained = subscription.shareName === undefined &&
    (retainHandling === 0 || (retainHandling === 1 && isNew));
  subscribeSession(context.subscriptions, session, { key, subscription, withRetained });
  context.hooks.clientSubscribed?.(client, snapshotOf(subscription));
}

const misplaced = {
  reasonCode: ReasonCode.ImplementationSpecificError,
  reasonString: "the topic filter leads nowhere: it is too long with the mountpoint, or a plugin failed",
};

function examine(
  connection: Connection,
  open: SignedIn,
  packet: SubscribePacket,
  request: SubscriptionRequest,
): Wanted {
  const { limits } = connection.listener;
  const { topicFilter: asked } = request;
  const { noLocal, retainAsPublished } = open.isBridge ? bridgeOptions(asked) : request;
  const qos = Math.min(request.qos, limits.maximumQos) as QoS;
  const identifier = packet.subscriptionIdentifier;
  const options = { qos, noLocal, retainAsPublished, identifier };
  const nowhere = { key: asked, request, subscription: { ...options, topicFilter: asked } };
  try {
    const key = placeOf(connection.context.hooks, open, asked);
    if (key === undefined) return { ...nowhere, refusal: misplaced };
    const subscription = { ...options, topicFilter: key };
    const shared = parseSharedFilter(key);
    // [MQTT-3.8.3-4] 5.0
    if (shared && noLocal) throw protocolError(`SUBSCRIBE: No Local must not be set on a shared subscription: ${key}`);
    const refusal = refusalAtOnce(packet, shared !== undefined, shared?.topicFilter ?? key, limits);
    return { key, request, subscription: { ...subscription, ...shared }, refusal };
  } catch (error) {
    if (!(error instanceof TopicError)) throw error;
    // [MQTT-4.8.2-1], [MQTT-4.8.2-2] 5.0; before 5.0 a filter that begins so is nothing special.
    if (open.version === 5) throw malformed(`SUBSCRIBE: ${error.message}`);
    return { ...nowhere, refusal: { reasonCode: ReasonCode.TopicFilterInvalid } };
  }
}

/** What sends a message back to where it came from makes a loop, and a bridge has to know what is to be retained. */
function bridgeOptions(key: TopicFilter): Pick<Subscription, "noLocal" | "retainAsPublished"> {
  // [MQTT-3.8.3-4] 5.0: there is no No Local on a shared subscription.
  return { noLocal: !key.startsWith("$share/"), retainAsPublished: true };
}

function refusalAtOnce(
  packet: SubscribePacket,
  shared: boolean,
  topicFilter: TopicFilter,
  limits: ResolvedLimits,
): Omit<Denied, "allowed"> | undefined {
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
  connection: Connection,
  { session }: SignedIn,
  wanted: Wanted,
  authorization: Authorization,
): Omit<Denied, "allowed"> | undefined {
  if (wanted.refusal) return wanted.refusal;
  if (!authorization.allowed) return authorization;
  return session.subscriptions.has(wanted.key)
    ? unstorable(connection.context, session)
    : noRoom(connection, session, wanted) ?? unstorable(connection.context, session);
}

/** Why a session may not have one more subscription. */
function noRoom(
  { context: { config, memory, subscriptions }, listener: { limits } }: Connection,
  session: Session,
  { key, subscription: { topicFilter, shareName } }: Wanted,
): Omit<Denied, "allowed"> | undefined {
  if (session.subscriptions.size >= limits.maxSubscriptions) {
    return quotaExceeded(`no more than ${limits.maxSubscriptions} subscriptions (max-subscriptions)`);
  }
  const { maxOverlappingSubscriptions } = limits;
  if (session.overlap.mostWith(key) > maxOverlappingSubscriptions) {
    const key = "max-overlapping-subscriptions";
    return quotaExceeded(`no more than ${maxOverlappingSubscriptions} subscriptions may match one topic (${key})`);
  }
  const isNewGroup = shareName !== undefined && !subscriptions.shareGroup(topicFilter, shareName);
  if (isNewGroup && subscriptions.shareGroups(topicFilter) >= config.maxShareGroups) {
    return quotaExceeded(`no more than ${config.maxShareGroups} groups may share a topic filter (max-share-groups)`);
  }
  const reason = "the broker's memory is full (max-total-bytes)";
  return memory.admit(subscriptionCostBytes(key)) ? undefined : quotaExceeded(reason);
}

function quotaExceeded(reasonString: string): Omit<Denied, "allowed"> {
  return { reasonCode: ReasonCode.QuotaExceeded, reasonString };
}

/** A subscription of a session that outlives the process has to be stored. */
function unstorable({ persistence }: ConnectionContext, session: Session): Omit<Denied, "allowed"> | undefined {
  const fault = session.durable ? persistence?.writeQueue.fault : undefined;
  if (!fault) return undefined;
  const reasonCode = reasonCodeOf(fault);
  return { reasonCode, reasonString: "subscriptions cannot be stored now" };
}

function snapshotOf(subscription: Subscription): SubscriptionSnapshot {
  return Object.freeze({ ...subscription });
}
