/** What a shared subscription owes: one of its members has to get each message. */
import type { Entry, Group, SessionBook, Subscription } from "./books.ts";

/** What is known beside the group itself. */
export interface GroupWorld {
  /** Whether a topic name is matched by the group's filter. */
  readonly isFor: (topicName: string) => boolean;
  /** When the broker died last without warning; `-Infinity`: it never did. */
  readonly crashedAt: number;
  /** Sessions are lost with their nodes, and what they have been given with them. */
  readonly isCluster: boolean;
  /** A limit, or an expiry interval, has dropped it for this client. */
  readonly isDropped: (client: string, payload: string) => boolean;
  /** It is larger than what this client takes. */
  readonly isTooLarge: (client: string, payload: string) => boolean;
}

/** A member's session and its subscription. */
interface Membership {
  readonly member: SessionBook;
  readonly subscription: Subscription;
}

/** Messages that a group in which somebody has stayed all the time has not got, though they were acknowledged. */
export function missingOf(
  share: string,
  group: Group,
  messages: Iterable<readonly [string, Entry]>,
  world: GroupWorld,
): string[] {
  const all = [...group.members].flatMap((member) =>
    member.subscriptions.filter((one) => one.share === share).map((subscription) => ({ member, subscription }))
  );
  const stayed = all.filter(({ member, subscription }) =>
    !member.over && !member.transient && subscription.since !== undefined && subscription.endsAt === undefined
  ).map(({ member, subscription }) => ({ member, since: memberSince(member, subscription) }));
  if (stayed.length === 0 || (world.isCluster && world.crashedAt > -Infinity)) return [];
  const missing: string[] = [];
  for (const [payload, { sent, attemptedAt, acknowledged, expires }] of messages) {
    if (!acknowledged || expires || sent.qos === 0 || sent.clears || !world.isFor(sent.topicName)) continue;
    const owing = stayed.filter(({ since }) => since < attemptedAt);
    if (owing.length === 0 || group.got.has(payload)) continue;
    if (all.some((one) => mayLose(one, sent.qos, attemptedAt, world))) continue;
    if ([...group.members].some(({ client }) => world.isDropped(client, payload))) continue;
    // Who can take what is too large for others gets it.
    if (owing.every(({ member }) => world.isTooLarge(member.client, payload))) continue;
    missing.push(`no member of ${share} has got ${payload}, which was acknowledged`);
  }
  return missing;
}

/** A new subscription in the place of an old one does not interrupt the membership ([MQTT-3.8.4-3] 5.0). */
function memberSince({ subscriptions }: SessionBook, last: Subscription): number {
  const own = subscriptions.filter(({ share }) => share === last.share);
  let first = last;
  for (const one of own.slice(0, own.indexOf(last)).reverse()) {
    if (one.since === undefined || one.endsAt !== first.askedAt) break;
    first = one;
  }
  return first.since!;
}

/** Whether a message that was sent then may have been given to this member and be lost with it. */
function mayLose({ member, subscription }: Membership, qos: number, at: number, { crashedAt }: GroupWorld): boolean {
  const { wanted, askedAt, endsAt, endedAt, replacedAt } = subscription;
  // Whatever was sent when it was over for sure is not its.
  if (Math.min(member.followedAt, endedAt ?? Infinity, replacedAt ?? Infinity) <= at) return false;
  if (wanted.qos === 0) return true;
  // [MQTT-4.8.2-5] 5.0: what was under way at QoS 2 to a member whose session has ended is nobody else's.
  const mayHaveLeft = member.over || (endsAt !== undefined && replacedAt === undefined);
  if (qos === 2 && wanted.qos === 2 && mayHaveLeft) return true;
  return member.transient && askedAt < crashedAt && at < crashedAt;
}
