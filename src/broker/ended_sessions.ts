import type { Persistence } from "../persistence/persistence.ts";
import type { Wills } from "../routing/wills.ts";
import type { Session } from "../session/session.ts";
import type { StoredHandOver } from "../session/stored_hand_over.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { Chores, WorkBudget } from "../work_budget.ts";
import type { Losses } from "./losses.ts";

/** What it takes to remove a subscription, as the budget counts. */
const SUBSCRIPTION_STEPS = 4;

/** What {@linkcode EndedSessions} works with. */
export interface EndedSessionsParts {
  readonly subscriptions: Subscriptions;
  readonly losses: Losses;
  readonly work: WorkBudget;
  readonly chores: Chores;
  readonly wills: () => Wills;
  /** `undefined`: nothing is stored. */
  readonly persistence: () => Persistence | undefined;
}

/** Takes apart what is left of sessions that are over, or whose client has left their share to others. */
export class EndedSessions {
  readonly #parts: EndedSessionsParts;
  #heldBytes = 0;

  constructor(parts: EndedSessionsParts) {
    this.#parts = parts;
  }

  /** Bytes of their subscriptions and messages, which go by and by. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** A session has ended; what its shared subscriptions' other members get of it is in the hand-over. */
  add(session: Session, handOver: StoredHandOver | undefined): void {
    const { chores, losses, wills, persistence } = this.#parts;
    this.#heldBytes += session.subscriptionBytes;
    chores.add(this.#unsubscribe(session));
    losses.forget(session.clientIdentifier);
    persistence()?.forget(session, handOver);
    // [MQTT-3.1.3-9] 5.0: the session's end comes before the delay's.
    wills().ended(session.clientIdentifier);
  }

  /**
   * What a session has is given to others, or up.
   *
   * @param bytes what that takes until it is done
   */
  giveAway(work: Iterator<void, void>, bytes: number, onDone: () => void): void {
    this.#heldBytes += bytes;
    this.#parts.chores.add(this.#giveAway(work, bytes, onDone));
  }

  *#giveAway(messages: Iterator<void, void>, bytes: number, onDone: () => void): Generator<void, void> {
    while (!messages.next().done) {
      this.#parts.work.steps++;
      yield;
    }
    this.#heldBytes -= bytes;
    onDone();
  }

  /** Nobody is given anything for them any longer, so that they may take their time. */
  *#unsubscribe(session: Session): Generator<void, void> {
    const { work, subscriptions } = this.#parts;
    for (const { topicFilter, shareName } of session.subscriptions.values()) {
      work.steps += SUBSCRIPTION_STEPS;
      subscriptions.remove(session, topicFilter, shareName);
      yield;
    }
    this.#heldBytes -= session.subscriptionBytes;
  }
}
