/** A look into a broker: lists that are gone through step by step, since there may be very many of everything. */
import type { ClientConnection, ConnectionContext } from "../connection/connection_context.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import { Message } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import { matches, parseTopicFilter, type TopicFilter, type TopicName } from "../packet/topic.ts";
import type { Session } from "../session/session.ts";
import type { Delivery } from "../session/delivery.ts";
import type { Subscription } from "../topics/subscriber.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";

/** What is looked into. */
export interface InspectedParts
  extends Pick<ConnectionContext, "config" | "clock" | "machine" | "sessions" | "retained"> {
  readonly connectionBySession: ReadonlyMap<Session, ClientConnection> & { of(listenerName: string): number };
  readonly subscriptions: Pick<Subscriptions, "match" | "groups">;
  readonly context: Pick<ConnectionContext, "pipeline">;
}

/** A connected client, and what its connection has done. */
export interface ClientFigures {
  readonly client: ClientSnapshot;
  /** Milliseconds since the Unix epoch; `undefined`: it is a client of the program's own. */
  readonly connectedAtMs: number | undefined;
  readonly publishesReceived: number | undefined;
  readonly publishesSent: number | undefined;
}

/** A subscription and who has it. */
export interface SubscriptionFigures extends Subscription {
  readonly clientIdentifier: string;
  /** The topic filter as the client gave it, `$share/…` included. */
  readonly key: TopicFilter;
  readonly connected: boolean;
}

/** A message that waits for a client, or is under way to it. */
export interface WaitingMessage {
  readonly topicName: TopicName;
  /** A copy that lasts. */
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly publisher: string | undefined;
  /** `undefined`: it was not sent yet. */
  readonly packetIdentifier: number | undefined;
}

/** Deletions between which others have their turn. */
const DELETIONS_AT_ONCE = 100;
/** Topics that are named of those that were found. */
const SAMPLE_TOPICS = 20;

/** What {@linkcode Inspection.deleteRetained} has found. */
export interface RetainedDeletion {
  /** Retained messages that the filter matches. */
  readonly count: number;
  /** How many of them were deleted: all, or none in a dry run. */
  readonly deleted: number;
  /** Names of the first of them. */
  readonly sample: readonly string[];
}

/** See the module. */
export class Inspection {
  readonly #parts: InspectedParts;

  constructor(parts: InspectedParts) {
    this.#parts = parts;
  }

  /** The connected clients, in no particular order. */
  *clients(): Generator<ClientFigures> {
    for (const connection of this.#parts.connectionBySession.values()) {
      const figures = this.#figuresOf(connection);
      if (figures) yield figures;
    }
  }

  /** A connected client; `undefined`: it is not connected. */
  client(clientIdentifier: string): ClientFigures | undefined {
    const session = this.#parts.sessions.get(clientIdentifier);
    const connection = session && this.#parts.connectionBySession.get(session);
    return connection && this.#figuresOf(connection);
  }

  /** Clients that are signed in through a listener. */
  clientsOf(listenerName: string): number {
    return this.#parts.connectionBySession.of(listenerName);
  }

  /** The subscriptions of one session, or of all. */
  *subscriptions(clientIdentifier?: string): Generator<SubscriptionFigures> {
    const { sessions } = this.#parts;
    const one = clientIdentifier === undefined ? undefined : sessions.get(clientIdentifier);
    const all = clientIdentifier === undefined ? sessions : one ? [one] : [];
    for (const session of all) yield* subscriptionsOf(session);
  }

  /** Who gets messages of a topic, by which of its filters. */
  *subscribers(topicName: TopicName): Generator<SubscriptionFigures> {
    const { routes, shares } = this.#parts.subscriptions.match(topicName);
    const names = new Set<string>();
    for (const { subscriber } of [...routes, ...shares.flatMap(({ members }) => members)]) {
      if (subscriber.clientIdentifier !== undefined) names.add(subscriber.clientIdentifier);
    }
    for (const name of names) {
      for (const subscription of this.subscriptions(name)) {
        if (matches(subscription.topicFilter, topicName)) yield subscription;
      }
    }
  }

  /** The groups of shared subscriptions, in no particular order. */
  *shareGroups(): Generator<{ shareName: string; topicFilter: TopicFilter; members: number }> {
    for (const { shareName, topicFilter, size } of this.#parts.subscriptions.groups()) {
      yield { shareName, topicFilter, members: size };
    }
  }

  /** The first messages that are under way to a client, and that wait for it; `undefined`: it has no session. */
  messages(clientIdentifier: string, atMost: number):
    | { readonly underWay: WaitingMessage[]; readonly waiting: WaitingMessage[]; readonly inStore: number }
    | undefined {
    const session = this.#parts.sessions.get(clientIdentifier);
    if (!session) return undefined;
    const { deliveries, stored } = session.sender.firstWaiting(atMost);
    return {
      underWay: session.sender.firstUnderWay(atMost).map(([identifier, one]) => waitingMessage(one, identifier)),
      waiting: deliveries.map((delivery) => waitingMessage(delivery, undefined)),
      inStore: stored,
    };
  }

  /** The retained message of a topic; `undefined`: there is none. */
  retained(topicName: TopicName): Message | undefined {
    return this.#parts.retained.get(topicName, this.#parts.clock.now());
  }

  /** The retained messages that a filter matches, without those that have expired; `undefined` for steps in vain. */
  *retainedMatching(topicFilter: TopicFilter): Generator<Message | undefined> {
    const nowMs = this.#parts.clock.now();
    for (const message of this.#parts.retained.walk(topicFilter)) {
      yield message?.isExpired(nowMs) ? undefined : message;
    }
  }

  /** How many retained messages there are, and what they take. */
  get retainedFigures(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#parts.retained.count, bytes: this.#parts.retained.bytes };
  }

  /**
   * Deletes the retained messages that a filter matches. Subscribers are told, as if each had been cleared by an empty
   * message.
   *
   * @throws {TopicError} if the topic filter is wrong
   */
  async deleteRetained(filter: string, { dryRun = false } = {}): Promise<RetainedDeletion> {
    const { retained, clock, context, machine } = this.#parts;
    const names = retained.match(parseTopicFilter(filter), clock.now()).map(({ topicName }) => topicName);
    const sample = names.slice(0, SAMPLE_TOPICS);
    if (dryRun) return { count: names.length, deleted: 0, sample };
    let deleted = 0;
    for (const topicName of names) {
      if (!retained.last(topicName)) continue;
      await context.pipeline.publish(Message.of({ topicName, payload: new Uint8Array(), retain: true }));
      if (!retained.last(topicName)) deleted++;
      if (deleted % DELETIONS_AT_ONCE === 0) await machine.letRun();
    }
    return { count: names.length, deleted, sample };
  }

  #figuresOf(connection: ClientConnection): ClientFigures | undefined {
    const client = connection.open?.client;
    if (!client) return undefined;
    const { acceptedAtMs, publishesReceived, publishesSent } = connection;
    const { clock, machine } = this.#parts;
    const connectedAtMs = acceptedAtMs === undefined ? undefined : clock.epoch() - (machine.now(0) - acceptedAtMs);
    return { client, connectedAtMs, publishesReceived, publishesSent };
  }
}

function* subscriptionsOf(session: Session): Generator<SubscriptionFigures> {
  const { clientIdentifier, connected } = session;
  for (const [key, subscription] of session.subscriptions) yield { ...subscription, clientIdentifier, connected, key };
}

function waitingMessage({ message, qos, retain }: Delivery, packetIdentifier: number | undefined): WaitingMessage {
  const { topicName, publisher } = message;
  return { topicName, payload: message.payload.slice(), qos, retain, publisher, packetIdentifier };
}
