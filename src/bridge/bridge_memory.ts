import type { ConnectionContext } from "../connection/connection_context.ts";
import { subscribeSession, unsubscribeSession } from "../connection/session_subscription.ts";
import type { QoS } from "../packet/packets.ts";
import { parseTopicFilter, type TopicFilter } from "../packet/topic.ts";
import type { Session } from "../session/session.ts";
import type { BridgeFilter } from "./topic_map.ts";

/** What the parts of `$SYS` are called that a bridge tells of itself in. */
export function bridgeRoot(name: string): string {
  return `$SYS/broker/connection/${name}/`;
}

/**
 * What a bridge must not forget beside its messages, in its session: what it is subscribed to here, what it is subscribed
 * to at the remote, and whether the remote knows it. The latter two are subscriptions to parts of `$SYS` on which nothing
 * is ever published, so that they last exactly as long as the session does.
 */
export class BridgeMemory {
  readonly #subscriptions: ConnectionContext["subscriptions"];
  readonly #session: Session;
  readonly #remote: string;
  readonly #known: TopicFilter;

  constructor({ subscriptions }: Pick<ConnectionContext, "subscriptions">, session: Session, name: string) {
    this.#subscriptions = subscriptions;
    this.#session = session;
    this.#remote = `${bridgeRoot(name)}remote/`;
    this.#known = parseTopicFilter(`${bridgeRoot(name)}known`);
  }

  /** The remote has been connected to with this session. */
  get isKnown(): boolean {
    return this.#session.subscriptions.has(this.#known);
  }

  noteKnown(): void {
    if (!this.isKnown) this.#subscribe(this.#known, 0, false);
  }

  /**
   * Is subscribed to these and no others here. In a new session they bring what is retained by now, ahead of what is
   * published from now on; those that are added to an old one do not.
   */
  subscribeHere(filters: readonly BridgeFilter[], isNew: boolean): void {
    const wanted = new Set(filters.map(({ topicFilter }) => topicFilter));
    for (const key of [...this.#session.subscriptions.keys()]) {
      if (!wanted.has(key) && key !== this.#known && !key.startsWith(this.#remote)) this.#unsubscribe(key);
    }
    for (const { topicFilter, qos, retained } of filters) {
      if (this.#session.subscriptions.get(topicFilter)?.qos !== qos) {
        this.#subscribe(topicFilter, qos, isNew && retained);
      }
    }
  }

  /** What was retained at QoS 0 before the first connection, and did not wait for it, is to be sent. */
  askForMissed(filters: readonly BridgeFilter[]): void {
    const { sender, subscriptions } = this.#session;
    for (const { topicFilter, retained } of filters) {
      const subscription = subscriptions.get(topicFilter);
      if (retained && subscription && !sender.promises?.has(topicFilter)) {
        sender.restorePromises([[topicFilter, subscription, { after: 0, upTo: 0 }]]);
      }
    }
  }

  /** What is retained is to be sent again. */
  askForRetained(filters: readonly BridgeFilter[]): void {
    for (const { topicFilter, qos, retained } of filters) {
      if (retained) this.#subscribe(topicFilter, qos, true);
    }
  }

  /** The filters that the remote has granted, and the QoS that was asked for. */
  granted(): ReadonlyMap<TopicFilter, QoS> {
    const granted = new Map<TopicFilter, QoS>();
    for (const [key, { qos }] of this.#session.subscriptions) {
      if (key.startsWith(this.#remote)) granted.set(key.slice(this.#remote.length) as TopicFilter, qos);
    }
    return granted;
  }

  noteGranted(topicFilter: TopicFilter, qos: QoS): void {
    this.#subscribe(parseTopicFilter(this.#remote + topicFilter), qos, false);
  }

  /** The remote has it no longer. */
  noteGone(topicFilter: TopicFilter): void {
    this.#unsubscribe(parseTopicFilter(this.#remote + topicFilter));
  }

  /** The remote has forgotten everything. */
  forgetRemote(): void {
    for (const topicFilter of this.granted().keys()) this.noteGone(topicFilter);
  }

  #subscribe(topicFilter: TopicFilter, qos: QoS, withRetained: boolean): void {
    subscribeSession(this.#subscriptions, this.#session, {
      key: topicFilter,
      subscription: { topicFilter, qos, noLocal: true, retainAsPublished: true },
      withRetained,
    });
  }

  #unsubscribe(key: TopicFilter): void {
    unsubscribeSession(this.#subscriptions, this.#session, key);
  }
}
