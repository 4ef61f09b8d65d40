import type { ClientConnection, ConnectionContext } from "../connection/connection_context.ts";
import { type Logger, loggerOf } from "../logger.ts";
import type { Receipt } from "../receipt.ts";
import type { PublishCallbacks, PublishOutcome } from "../routing/publish_pipeline.ts";
import type { Router } from "../routing/router.ts";
import type {
  BrokerStatistics,
  ClientSnapshot,
  DisconnectProperties,
  PublishOptions,
  PublishResult,
  SessionSnapshot,
} from "../hooks/plugin.ts";
import type { ApplicationMessage, DropReason, Message, Payload } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { parseTopicFilter } from "../packet/topic.ts";
import { quote } from "../quote.ts";
import type { Session } from "../session/session.ts";
import type { Subscriber, Subscription } from "../topics/subscriber.ts";
import { checkDisconnect } from "../connection/disconnect_rules.ts";
import { sendRetained } from "../connection/handlers/retained_delivery.ts";
import { InProcessClient, type PublishAs } from "./in_process_client.ts";
import type { LocalClient, LocalClientOptions } from "./local_client.ts";
import { PROGRAM } from "./local_session.ts";
import { InProcessSubscriber } from "./in_process_subscriber.ts";
import type { PluginPowers } from "./plugin_context.ts";
import { makeMessage } from "./program_message.ts";
import { subscribeSession, unsubscribeSession } from "../connection/session_subscription.ts";
import { checkSubscribe, parseSubscription } from "./program_subscription.ts";
import { whenAborted } from "./aborting.ts";
import { Nesting } from "./nesting.ts";
import { Requests } from "./requests.ts";
import type { Subscribed, SubscribeOptions } from "./subscribing.ts";

/** What an {@linkcode InProcess} works with: a part of the broker's parts. */
export interface InProcessParts
  extends Pick<ConnectionContext, "config" | "clock" | "sessions" | "subscriptions" | "retained"> {
  readonly connectionBySession: ReadonlyMap<Session, ClientConnection>;
  readonly logger: Logger;
  readonly statistics: { snapshot(): BrokerStatistics };
  readonly context: ConnectionContext;
  readonly router: Pick<Router, "retain">;
  /** What each session has lost. */
  readonly losses: { of(clientIdentifier: string): SessionSnapshot["messagesDropped"] };
  /** Aborted at shutdown. */
  readonly ending: AbortController;
  /** A message is given up. */
  drop(clientIdentifier: string | undefined, message: Message, reason: DropReason): void;
  /** Calls `tick` every `ms` milliseconds until the broker ends. */
  every(ms: number, tick: () => void): void;
}

/** What the host program and the plugins do with a broker without a connection of their own. */
export class InProcess {
  readonly #parts: InProcessParts;
  readonly #subscribers = new Set<InProcessSubscriber>();
  readonly #clients = new Set<LocalClient>();
  readonly #requests: Requests;
  /** Those that are closed at the end of the turn. */
  readonly #leaving = new Set<ClientConnection>();
  readonly #nesting = new Nesting();
  #ended = false;

  constructor(parts: InProcessParts) {
    this.#parts = parts;
    this.#requests = new Requests({
      logger: loggerOf(parts.logger, "plugins"),
      publish: (...what) => this.publish(...what),
      subscribe: (...what) => this.subscribe(...what),
      listen: (...what) => this.#listen(...what),
      responseTopics: parts.context.responseTopics,
      mayPublish: (...what) => this.#mayPublish(...what),
      uniqueName: () => parts.context.machine.uniqueName(),
    });
  }

  /** Request and response. */
  get requests(): Pick<Requests, "request" | "respond"> {
    return this.#requests;
  }

  get clients(): ClientSnapshot[] {
    return [...this.#parts.connectionBySession.values()].flatMap(({ open }) => open?.client ?? []);
  }

  /** Each as it is when its turn comes: there may be very many. */
  *sessions(): Generator<SessionSnapshot, undefined> {
    for (const session of this.#parts.sessions) yield this.#describe(session);
  }

  session(clientIdentifier: string): SessionSnapshot | undefined {
    const session = this.#parts.sessions.get(clientIdentifier);
    return session && this.#describe(session);
  }

  get retained(): ReadonlyMap<string, ApplicationMessage> {
    return new Map(Array.from(this.#parts.retained, (message) => [message.topicName, message.snapshot()]));
  }

  /**
   * Resolves when the message is routed, and at QoS 1 and 2 stored where it has to be. What is published before the
   * start is complete does not wait for that: it is retained, and stored with the start.
   *
   * @throws {Error} if it cannot be stored now, and nobody gets it; or the broker ended before it was stored
   */
  publish(topicName: string, payload: Payload, options?: PublishOptions): Promise<PublishResult> {
    return this.#publishAs(undefined, topicName, payload, options);
  }

  /**
   * Opens a client of the program's own; it ends with {@linkcode InProcess.end}.
   *
   * @throws {Error} as {@linkcode InProcessClient.open}, or if nobody may subscribe any longer
   */
  async openClient(clientIdentifier: string, options: LocalClientOptions = {}): Promise<LocalClient> {
    if (this.#ended) throw new Error(`Cannot open client ${clientIdentifier}: the broker is shutting down`);
    const publish: PublishAs = (...what) => this.#publishAs(...what);
    const client = await InProcessClient.open(this.#parts.context, clientIdentifier, options, publish);
    if (this.#ended) client.close();
    this.#clients.add(client);
    void client.closed.then(() => this.#clients.delete(client));
    return client;
  }

  async #publishAs(
    publisher: string | undefined,
    topicName: string,
    payload: Payload,
    options?: PublishOptions,
  ): Promise<PublishResult> {
    return await this.#publish(makeMessage(topicName, payload, options, { publisher, nowMs: this.#parts.clock.now() }));
  }

  async #publish(message: Message): Promise<PublishResult> {
    const { context } = this.#parts;
    this.#checkStorable(message);
    const writeQueue = context.persistence?.writeQueue;
    const before = writeQueue?.position;
    // A plugin may put another message in its place: that one's receipt is asked for.
    const told: { receipt?: Receipt } = {};
    const callbacks = context.cluster && { onReceipt: (receipt: Receipt) => void (told.receipt = receipt) };
    const routing = this.#route(message, callbacks);
    const result = resultOf(message.topicName, routing instanceof Promise ? await routing : routing);
    const { receipt } = told;
    if (receipt?.pending) await new Promise<void>((resolve) => receipt.whenSettled(resolve));
    if (message.qos === 0 || !writeQueue) return result;
    const { position } = writeQueue;
    // Else it would wait for what others have changed, and as long as the store fails.
    if (position === before) return result;
    await writeQueue.settled();
    if (writeQueue.committed < position) {
      throw new Error(`Cannot say that the message to ${quote(message.topicName)} is stored: the broker has ended`);
    }
    return result;
  }

  #eachRetained(topicFilter: string | undefined): IterableIterator<ApplicationMessage> {
    const { retained, clock } = this.#parts;
    const found = topicFilter === undefined
      ? retained[Symbol.iterator]()
      : retained.walk(parseTopicFilter(topicFilter));
    return (function* () {
      for (const message of found) if (message && !message.isExpired(clock.now())) yield message.snapshot();
    })();
  }

  /**
   * An iterator over what comes from now on; it has nothing to tell once {@linkcode InProcess.end} was called.
   *
   * @throws {Error} if the topic filter or an option is wrong
   */
  subscribe(topicFilter: string, options: SubscribeOptions = {}): Subscribed {
    const { config, subscriptions } = this.#parts;
    const { qos = 2, signal, retained = "send", limit = config.limits.queueLimit, onOverflow = "drop" } = options;
    checkSubscribe(topicFilter, { signal, retained, limit, onOverflow });
    const subscription = parseSubscription(topicFilter, qos, { retainAsPublished: true });
    const subscriber: InProcessSubscriber = new InProcessSubscriber({
      topicFilter,
      maximumMessages: limit,
      maximumBytes: config.limits.queueLimitBytes,
      onOverflow,
      onDrop: (message, reason) => this.#parts.drop(undefined, message, reason),
      onEnd: () => {
        forget();
        this.#subscribers.delete(subscriber);
        subscriptions.remove(subscriber, subscription.topicFilter, subscription.shareName);
      },
    });
    let forget = () => {};
    if (this.#ended || signal?.aborted) {
      subscriber.end();
      return subscriber;
    }
    this.#subscribers.add(subscriber);
    subscriptions.add(subscriber, subscription);
    forget = whenAborted(signal, () => subscriber.end());
    if (retained === "send") subscriber.replay(this.#retainedFor(subscription));
    return subscriber;
  }

  /** Cuts a client off at the end of the turn. False: no such client is connected, or it was cut off in this turn. */
  disconnect(
    clientIdentifier: string,
    reasonCode: ReasonCode = ReasonCode.AdministrativeAction,
    properties?: DisconnectProperties,
  ): boolean {
    const fault = checkDisconnect(reasonCode, properties);
    if (fault !== undefined) throw new Error(`Cannot disconnect client ${quote(clientIdentifier)}: ${fault}`);
    const session = this.#parts.sessions.get(clientIdentifier);
    const connection = session && this.#parts.connectionBySession.get(session);
    if (!connection || this.#leaving.has(connection)) return false;
    this.#leaving.add(connection);
    // At the end of the turn: a hook may ask for it, and whoever has called the hook goes on with the client.
    queueMicrotask(() => {
      this.#leaving.delete(connection);
      connection.close({ reasonCode, reason: "disconnected by the program", properties });
    });
    return true;
  }

  /** Ends a client's session; a client that has it is cut off. False: there is none. */
  endSession(clientIdentifier: string): boolean {
    const { sessions } = this.#parts;
    const session = sessions.get(clientIdentifier);
    if (!session) return false;
    this.#parts.connectionBySession.get(session)?.close({
      reasonCode: ReasonCode.AdministrativeAction,
      reason: "its session was ended by the program",
    });
    sessions.end(session);
    return true;
  }

  /**
   * Subscribes a session in its client's name; no permission is asked. False: there is no such session.
   *
   * @throws {TopicError} if the topic filter is wrong
   */
  subscribeClient(clientIdentifier: string, topicFilter: string, qos: QoS): boolean {
    return this.#subscribeClient(clientIdentifier, topicFilter, qos);
  }

  /**
   * Takes a subscription from a session; the client is not told, since MQTT has no word for it. False: there is none.
   *
   * @throws {TopicError} if the topic filter is wrong
   */
  unsubscribeClient(clientIdentifier: string, topicFilter: string): boolean {
    const key = parseTopicFilter(topicFilter);
    const { sessions, subscriptions } = this.#parts;
    const session = sessions.get(clientIdentifier);
    if (!session || !unsubscribeSession(subscriptions, session, key)) return false;
    sessions.changed(session);
    return true;
  }

  /** What plugins may do. */
  powers(): PluginPowers {
    const { config, ending, logger, statistics, clock } = this.#parts;
    return {
      baseDirectory: config.baseDirectory,
      signal: ending.signal,
      logger: loggerOf(logger, "plugins"),
      statistics: () => statistics.snapshot(),
      publish: (message) => this.#publish(message),
      retained: (topicFilter) => this.#eachRetained(topicFilter),
      retain: (message) => this.#retain(message),
      now: () => clock.now(),
      clients: () => this.clients,
      sessions: () => this.sessions(),
      session: (clientIdentifier) => this.session(clientIdentifier),
      disconnect: (...who) => this.disconnect(...who),
      subscribe: (...what) => this.#subscribeClient(...what),
      every: (seconds, tick) => {
        if (!ending.signal.aborted) this.#parts.every(seconds * 1000, tick);
      },
    };
  }

  /** What is subscribed from now on gets nothing. */
  refuseSubscriptions(): void {
    this.#ended = true;
  }

  /** Ends every iterator and every client of the program's own. */
  end(): void {
    for (const client of [...this.#clients]) client.close();
    for (const subscriber of [...this.#subscribers]) subscriber.end();
    this.#requests.end();
  }

  #listen(subscriber: Subscriber, topicName: string): () => void {
    const subscription = parseSubscription(topicName, 2);
    this.#parts.subscriptions.add(subscriber, subscription);
    return () => this.#parts.subscriptions.remove(subscriber, subscription.topicFilter);
  }

  /** Denials are counted and logged as those of clients, since a client has caused them. */
  async #mayPublish(publisher: string | undefined, topicName: string, payload: Payload, qos: QoS): Promise<boolean> {
    const { sessions, connectionBySession, clock, context: { pipeline } } = this.#parts;
    const session = publisher === undefined ? undefined : sessions.get(publisher);
    if (publisher === undefined || session?.username === PROGRAM) return true;
    const client = session && connectionBySession.get(session)?.open?.client;
    if (!client) return false;
    const message = makeMessage(topicName, payload, { qos }, { publisher, nowMs: clock.now() });
    const authorization = await pipeline.authorize(client, message);
    if (!authorization.allowed) pipeline.deny(client, topicName, authorization);
    return authorization.allowed;
  }

  #describe(session: Session): SessionSnapshot {
    const { clientIdentifier, username, connected, expiryIntervalSeconds, subscriptions, sender, receiver } = session;
    return Object.freeze({
      clientIdentifier,
      username: username === PROGRAM ? undefined : username,
      connected,
      expiryIntervalSeconds,
      subscriptions: subscriptions.size,
      messagesQueued: sender.queued,
      inflightInbound: receiver.inflight,
      inflightOutbound: sender.inflight,
      messagesDropped: this.#parts.losses.of(clientIdentifier),
    });
  }

  /** While the store fails, what would have to be stored is not taken: nobody slows down who makes it. */
  #checkStorable({ topicName, qos, retain }: Message): void {
    const fault = this.#parts.context.persistence?.writeQueue.fault;
    if (!fault || qos === 0) return;
    if (!retain && !this.#parts.subscriptions.hasDurable(topicName)) return;
    throw new Error(`Cannot publish to ${quote(topicName)}: it cannot be stored: ${fault.message}`);
  }

  /** Messages that come before plugins are there to transform them are routed as they are. */
  #route(message: Message, callbacks?: PublishCallbacks): PublishOutcome | Promise<PublishOutcome> {
    this.#nesting.enter(message.topicName);
    try {
      return this.#parts.context.pipeline.publish(message, callbacks);
    } finally {
      this.#nesting.leave();
    }
  }

  #retain(message: Message): void {
    this.#nesting.enter(message.topicName);
    try {
      this.#parts.router.retain(message);
    } finally {
      this.#nesting.leave();
    }
  }

  #subscribeClient(clientIdentifier: string, topicFilter: string, qos: QoS): boolean {
    const subscription = parseSubscription(topicFilter, qos);
    const session = this.#parts.sessions.get(clientIdentifier);
    if (!session) return false;
    const key = parseTopicFilter(topicFilter);
    const withRetained = subscription.shareName === undefined;
    subscribeSession(this.#parts.subscriptions, session, { key, subscription, withRetained });
    const connection = this.#parts.connectionBySession.get(session);
    if (connection?.open?.greeted) void sendRetained(connection, connection.open);
    this.#parts.sessions.changed(session);
    return true;
  }

  /** Shared subscriptions get none (MQTT 5.0 §4.8.2). */
  #retainedFor({ topicFilter, shareName }: Subscription): Message[] {
    const { retained, clock } = this.#parts;
    return shareName === undefined ? retained.match(topicFilter, clock.now()) : [];
  }
}

/** @throws {Error} if a plugin has failed */
function resultOf(topicName: string, outcome: PublishOutcome): PublishResult {
  if (typeof outcome !== "object") return { subscribers: typeof outcome === "number" ? outcome : 0 };
  if (outcome.allowed) return { subscribers: outcome.subscribers };
  const { reasonCode, reasonString } = outcome;
  if (reasonCode === ReasonCode.QuotaExceeded) {
    throw new Error(`Cannot publish to ${quote(topicName)}: ${reasonString}`);
  }
  throw new Error(`Cannot publish to ${quote(topicName)}: a plugin's transformMessage has failed: the log says why`);
}
