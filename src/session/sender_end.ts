/** What becomes of messages whose session has ended. */
import type { Delivery } from "./delivery.ts";
import type { Inflight } from "./inflight.ts";
import type { SenderOptions } from "./sender_options.ts";
import type { SessionLog } from "./session_log.ts";
import { StoredHandOver } from "./stored_hand_over.ts";
import type { Waiting } from "./waiting.ts";

/** Messages of a session that has ended which are given up in one piece. */
const GIVEN_UP_AT_ONCE = 100;

/** What a session has still to deliver at its end, and who is told what becomes of it. */
export interface Undelivered {
  readonly options: Pick<SenderOptions, "onDrop" | "onLost" | "later">;
  readonly onReturn: SenderOptions["onReturn"];
  readonly log: SessionLog | undefined;
  readonly inflight: Inflight;
  readonly waiting: Waiting | undefined;
  /** Retained messages that were still to come. */
  readonly retained: number;
  /** What an earlier run has left may have come through shared subscriptions. */
  readonly restoredMayBeShared: boolean;
}

/** What a session that has ended had in memory. */
interface Left {
  readonly delivery: Delivery;
  /** Other members of a shared subscription may take it. */
  readonly isForOthers: boolean;
}

/**
 * Gives everything up, by and by if it is much, but for what other members of a shared subscription can take.
 *
 * @returns what is left to be read from the store; `undefined`: nothing is
 */
export function endDeliveries(undelivered: Undelivered): StoredHandOver | undefined {
  const { options, log: sessionLog, inflight, waiting, retained } = undelivered;
  const bytes = inflight.memoryBytes + (waiting?.memoryBytes ?? 0);
  let stored = inflight.stored + (waiting?.stored ?? 0);
  const mayBeRead = storedMayBeShared(undelivered);
  const left = takeAll(undelivered);
  const forOthers = left.filter(({ delivery, isForOthers }) => isForOthers && delivery.qos > 0);
  const log = mayBeRead || forOthers.length > GIVEN_UP_AT_ONCE ? sessionLog : undefined;
  if (log) stored += forOthers.length;
  // What the store has must be others' before it is no longer this session's there.
  else if (sessionLog) forOthers.forEach((one) => giveUp(undelivered, one));
  const rest = sessionLog ? left.filter(({ delivery, isForOthers }) => !isForOthers || delivery.qos === 0) : left;
  if (rest.length <= GIVEN_UP_AT_ONCE) rest.forEach((one) => giveUp(undelivered, one));
  else byAndBy(options, givingUp(undelivered, rest), bytes);
  lose(undelivered, log ? retained : retained + stored);
  const onReturn = (delivery: Delivery) => isReturned(undelivered, delivery, "ended");
  return log &&
    new StoredHandOver({ log, messages: stored, onReturn, onLost: (messages) => lose(undelivered, messages) });
}

/** Other members of a shared subscription may take some of what only the store has. */
function storedMayBeShared({ restoredMayBeShared, inflight, waiting }: Undelivered): boolean {
  const isUnread = restoredMayBeShared && inflight.stored > 0;
  return isUnread || (waiting?.storedMayBeShared ?? false);
}

/** Takes out what is in memory. */
function takeAll({ log, inflight, waiting }: Undelivered): Left[] {
  const left: Left[] = [];
  // [MQTT-4.8.2-5] 5.0: what is under way at QoS 2 is for this client alone.
  for (const delivery of inflight.end()) {
    left.push({ delivery, isForOthers: delivery.qos === 1 && delivery.share !== undefined });
  }
  for (const delivery of waiting?.end() ?? []) {
    left.push({ delivery, isForOthers: delivery.share !== undefined });
  }
  for (const { delivery } of left) log?.forgotten(delivery);
  return left;
}

function* givingUp(undelivered: Undelivered, left: readonly Left[]): Generator<void, void> {
  for (const one of left) {
    giveUp(undelivered, one);
    yield;
  }
}

function giveUp({ options, onReturn }: Undelivered, { delivery, isForOthers }: Left): void {
  const taken = isForOthers && onReturn?.(delivery, "ended");
  if (!taken) options.onDrop(delivery.message, "session-ended");
}

function lose({ options }: Undelivered, messages: number): void {
  if (messages > 0) options.onLost?.(messages, "session-ended");
}

/** Whether another member of the shared subscription has taken it: then it is no longer the session's. */
export function isReturned(
  { onReturn, log }: Pick<Undelivered, "onReturn" | "log">,
  delivery: Delivery,
  why: "detached" | "ended",
): boolean {
  const taken = onReturn?.(delivery, why) ?? false;
  // In the same batch, so that it is never nobody's, and never twice there.
  if (taken) log?.settled(delivery);
  return taken;
}

/** Does work by and by, or at once if nobody takes it. */
export function byAndBy(options: Pick<SenderOptions, "later">, work: Iterator<void, void>, bytes: number): void {
  if (options.later) return options.later(work, bytes);
  while (!work.next().done);
}
