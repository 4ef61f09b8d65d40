import type { Message } from "../message.ts";
import type { TopicName } from "../packet/topic.ts";
import type { Receipt } from "../receipt.ts";
import { inTurns, type WorkBudget, WorkParty } from "../work_budget.ts";

/** What became of a message: how many subscribers it matched, or `full` if none of them took it. */
export type Routed = number | "full";

/** What a message is accompanied by on its way. */
export interface RoutingCallbacks {
  /** Whose work it is. @default nobody's in particular */
  readonly party?: WorkParty;
  /** Asked when it has had to wait: is its sender still the one to speak? @default yes */
  stillConnected?(): boolean;
  /** Told if it is routed in several pieces, before the first of them; they are all in one batch of the write queue. */
  onBegun?(): void;
  /** Told just before that, if other nodes have to say that they have it before it may be acknowledged. */
  onReceipt?(receipt: Receipt): void;
  /** Told in the same turn as the last subscribers are given it, so that the write queue has both in one batch. */
  onRouted?(outcome: Routed): void;
}

/** A message on its way, or waiting for it. */
interface Turn {
  readonly message: Message;
  readonly over: Promise<void>;
  readonly end: () => void;
}

/**
 * Messages that are routed in several pieces, between which others have their turn, and those that must not overtake
 * them: of the same topic, so that what is retained is what everybody has got last, or of the same publisher, so that its
 * messages stay in order ([MQTT-4.6.0-6] 3.1.1, [MQTT-4.6.0-6] 5.0). The program, plugins and the broker itself are one
 * publisher. All others are routed meanwhile.
 *
 * Those at QoS 2 are routed one after the other, as each of them holds back what is to be stored.
 */
export class RoutingTurns {
  readonly #work: WorkBudget;
  readonly #storeIsReady: () => Promise<void> | undefined;
  /** The work of those that are nobody's in particular. */
  readonly #party = new WorkParty();
  /** Who is the last to be waited for. */
  readonly #lastOfTopic = new Map<TopicName, Turn>();
  readonly #lastOfPublisher = new Map<string | undefined, Turn>();
  #lastAtQoS2: Turn | undefined;
  readonly #turns = new Set<Turn>();
  #heldBytes = 0;

  /** @param storeIsReady resolves when the write queue may be held back; `undefined`: it may now */
  constructor(work: WorkBudget, storeIsReady: () => Promise<void> | undefined) {
    this.#work = work;
    this.#storeIsReady = storeIsReady;
  }

  /** What the messages take in memory that are under way or wait. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether a message must wait for another one. */
  mustWait({ topicName, publisher }: Message): boolean {
    if (this.#turns.size === 0) return false;
    return this.#lastOfTopic.has(topicName) || this.#lastOfPublisher.has(publisher);
  }

  /**
   * Routes a message when those before it are routed; at once if there are none.
   *
   * @param pieces does it, and can be broken off after each piece
   * @returns resolves with what became of it; `abandoned`: it had to wait, and its sender has gone meanwhile
   */
  async route(
    message: Message,
    callbacks: RoutingCallbacks,
    pieces: () => Iterator<void, Routed>,
  ): Promise<Routed | "abandoned"> {
    const { topicName, publisher, qos } = message;
    const before = [this.#lastOfTopic.get(topicName), this.#lastOfPublisher.get(publisher)];
    if (qos === 2) before.push(this.#lastAtQoS2);
    const turn = this.#enter(message);
    try {
      const party = callbacks.party ?? this.#party;
      if (before.some((one) => one) || (qos === 2 && this.#storeIsReady())) {
        await Promise.all(before.map((one) => one?.over));
        if (qos === 2) await this.#storeIsReady();
        await this.#begin(party);
        if (!(callbacks.stillConnected?.() ?? true)) return "abandoned";
      }
      return await inTurns(this.#work, party, pieces());
    } finally {
      this.#leave(turn);
    }
  }

  /** Resolves when nothing is under way and nothing waits. */
  async idle(): Promise<void> {
    while (this.#turns.size > 0) await Promise.all(Array.from(this.#turns, ({ over }) => over));
  }

  async #begin(party: WorkParty): Promise<void> {
    this.#work.begin();
    if (this.#work.mustWait(party)) await this.#work.turn(party);
  }

  #enter(message: Message): Turn {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const turn = { message: message.keep(), over, end };
    this.#turns.add(turn);
    this.#lastOfTopic.set(message.topicName, turn);
    this.#lastOfPublisher.set(message.publisher, turn);
    if (message.qos === 2) this.#lastAtQoS2 = turn;
    this.#heldBytes += message.sizeBytes;
    return turn;
  }

  #leave(turn: Turn): void {
    const { message: { topicName, publisher, sizeBytes }, end } = turn;
    this.#turns.delete(turn);
    if (this.#lastOfTopic.get(topicName) === turn) this.#lastOfTopic.delete(topicName);
    if (this.#lastOfPublisher.get(publisher) === turn) this.#lastOfPublisher.delete(publisher);
    if (this.#lastAtQoS2 === turn) this.#lastAtQoS2 = undefined;
    this.#heldBytes -= sizeBytes;
    end();
  }
}
