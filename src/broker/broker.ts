import type { BrokerConfig, PluginEntry, ResolvedConfig, ResolvedLimits, ResolvedListener } from "../config/config.ts";
import { resolveConfig } from "../config/resolve.ts";
import { buildHookChain, type HookChain } from "../hooks/chain.ts";
import { type LoadedPlugin, loadPlugin } from "../hooks/loader.ts";
import type { BrokerStatistics, ClientSnapshot, DisconnectProperties, PublishOptions } from "../hooks/plugin.ts";
import type { Logger } from "../logger.ts";
import type { ApplicationMessage, DropReason, Message } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { parseTopicFilter } from "../packet/topic.ts";
import { bundledPlugins } from "../plugins/bundled.ts";
import { Router } from "../router/router.ts";
import type { Delivery } from "../session/delivery.ts";
import type { Session } from "../session/session.ts";
import { Sessions } from "../session/sessions.ts";
import { RetainedMessages } from "../topics/retained.ts";
import { type Subscription, Subscriptions } from "../topics/subscriptions.ts";
import { type ByteStream, streamTransport } from "../transport/stream.ts";
import type { Transport } from "../transport/transport.ts";
import { upgradeRequest } from "../transport/web_socket_transport.ts";
import { Admissions } from "./admission.ts";
import { Connection } from "./connection.ts";
import type { Core } from "./core.ts";
import { type BrokerEnvironment, type Clock, libraryLogger, systemClock } from "./environment.ts";
import { InProcessSubscriber } from "./in_process_subscriber.ts";
import { type ListenerAddress, Listeners } from "./listeners.ts";
import { MessagePipe } from "./message_pipe.ts";
import { handlePacket } from "./handlers/handle_packet.ts";
import { makeMessage, pluginContext, type PluginPowers } from "./plugin_context.ts";
import { Statistics } from "./statistics.ts";
import { parseSubscription } from "./subscription.ts";
import { Wills } from "./wills.ts";
import { within } from "./within.ts";

export type { ListenerAddress } from "./listeners.ts";
export type { BrokerEnvironment, Clock } from "./environment.ts";

/** How finely time-outs are looked at, in milliseconds. */
const TICK_MS = 250;
/** How long plugins may take for each step of a shutdown. */
const PLUGIN_PATIENCE_MS = 5000;

/** A connection that was handed in. */
export interface Accepted {
  /** Resolves when the connection has ended; never rejects. */
  readonly closed: Promise<void>;
}

/**
 * An MQTT broker.
 *
 * @example
 * ```ts
 * import { Broker } from "@amqtt/broker";
 *
 * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
 * await broker.start();
 * await broker.publish("hello", "world", { qos: 1, retain: true });
 * ```
 */
export class Broker implements AsyncDisposable {
  readonly #config: ResolvedConfig;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #ending = new AbortController();
  readonly #subscriptions = new Subscriptions();
  readonly #sessions: Sessions;
  readonly #retained: RetainedMessages;
  readonly #statistics: Statistics;
  readonly #listeners: Listeners;
  readonly #admissions: Admissions;
  readonly #connections = new Set<Connection>();
  readonly #owners = new Map<Session, Connection>();
  readonly #running = new Set<Promise<void>>();
  readonly #inProcess = new Set<InProcessSubscriber>();
  readonly #timers: (() => void)[] = [];
  #hooks: HookChain;
  #router: Router;
  #core: Core | undefined;
  #entries: readonly PluginEntry[];
  #state: "new" | "starting" | "started" | "stopped" = "new";
  #opening: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * Checks the config; nothing is opened or read yet.
   *
   * @param config in camelCase, or a parsed YAML object with hyphenated keys; without it the command line's defaults
   * @throws {ConfigError} with every fault of the config
   */
  constructor(config: BrokerConfig | Readonly<Record<string, unknown>> = {}, environment: BrokerEnvironment = {}) {
    this.#config = resolveConfig(config, { baseDirectory: environment.baseDirectory ?? Deno.cwd() });
    this.#entries = this.#config.plugins;
    this.#logger = environment.logger ?? libraryLogger();
    this.#clock = environment.clock ?? systemClock;
    this.#sessions = new Sessions((session) => this.#forget(session));
    const { maxRetained, maxRetainedBytes } = this.#config;
    this.#retained = new RetainedMessages({ maximumMessages: maxRetained, maximumBytes: maxRetainedBytes });
    this.#statistics = new Statistics({
      clients: () => this.#owners.size,
      sessions: () => this.#sessions,
      retained: () => this.#retained.count,
      subscriptions: () => this.#subscriptions.count,
    });
    this.#listeners = new Listeners(this.#logger);
    this.#admissions = new Admissions(this.#logger);
    this.#hooks = buildHookChain([], this.#logger);
    this.#router = this.#makeRouter();
  }

  /** What it listens on, by listener name; listeners without a socket are left out. */
  get addresses(): Readonly<Record<string, ListenerAddress>> {
    return this.#listeners.addresses;
  }

  /** The clients that are connected now. */
  get clients(): ClientSnapshot[] {
    return [...this.#owners.values()].flatMap(({ open }) => open?.client ?? []);
  }

  /** The retained messages by topic name, as of now. */
  get retained(): ReadonlyMap<string, ApplicationMessage> {
    return new Map(Array.from(this.#retained, (message) => [message.topicName, message.snapshot()]));
  }

  /** Counters since the start, and figures as of now. */
  get statistics(): BrokerStatistics {
    return this.#statistics;
  }

  /**
   * Loads the plugins and opens the listeners. A broker starts once.
   *
   * @throws {Error} if it was started before, a plugin does not load, or a listener cannot be opened; everything is
   * closed again then
   */
  async start(): Promise<void> {
    if (this.#state !== "new") throw new Error(`Cannot start the broker: it is ${this.#state} already`);
    this.#state = "starting";
    this.#opening = this.#open();
    try {
      await this.#opening;
      if (this.#stopping) throw new Error("Cannot start the broker: it was shut down meanwhile");
      this.#state = "started";
    } catch (error) {
      await this.shutdown();
      throw error;
    }
    await this.#hooks.afterStart();
  }

  /** Publishes the wills, closes every connection in bounded time, and frees everything. May be called again. */
  shutdown(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** {@linkcode Broker.shutdown}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /**
   * Reads certificates, password files and permissions again without dropping anybody. What is faulty is logged, and
   * the old stays.
   *
   * @param config what the config says now; its plugin options are taken over. `undefined`: as it was
   * @throws {ConfigError} if the new config has faults; nothing is changed then
   */
  async reload(config?: BrokerConfig | Readonly<Record<string, unknown>>): Promise<void> {
    const now = config && resolveConfig(config, { baseDirectory: this.#config.baseDirectory });
    if (this.#state !== "started") return;
    const options = this.#entries.map((entry) =>
      (now?.plugins.find(({ specifier, place }) => specifier === entry.specifier && place === entry.place) ??
        now?.plugins.find(({ specifier }) => specifier === entry.specifier) ?? entry).options
    );
    await this.#listeners.reload();
    await this.#hooks.reload(options);
  }

  /**
   * Publishes a message; no permission is asked. Resolves when it is routed.
   *
   * @param payload bytes, which are copied, or text
   * @throws {TopicError} if the topic name is wrong
   * @throws {Error} if a property is wrong
   */
  async publish(topicName: string, payload: Uint8Array | string, options?: PublishOptions): Promise<void> {
    const message = makeMessage(topicName, payload, { ...options, nowMs: this.#clock.now() });
    if (this.#core) await this.#core.pipe.publish(message);
    else this.#router.publish(message);
  }

  /**
   * Subscribes the program itself, from this call on. Messages wait in a queue of `queue-limit` messages and
   * `queue-limit-bytes`; the oldest goes first. The iterator ends at shutdown, and the subscription when its loop is left.
   *
   * @param topicFilter may be that of a shared subscription, `$share/{ShareName}/{filter}`
   * @throws {TopicError} if the topic filter is wrong
   */
  subscribe(topicFilter: string, options: { readonly qos?: QoS } = {}): AsyncIterableIterator<ApplicationMessage> {
    const subscription = parseSubscription(topicFilter, options.qos ?? 2, { retainAsPublished: true });
    const subscriber: InProcessSubscriber = new InProcessSubscriber({
      maximumMessages: this.#config.limits.queueLimit,
      maximumBytes: this.#config.limits.queueLimitBytes,
      onDrop: (message, reason) => this.#drop(undefined, message, reason),
      onEnd: () => {
        this.#inProcess.delete(subscriber);
        this.#subscriptions.remove(subscriber, subscription.topicFilter, subscription.shareName);
      },
    });
    if (this.#state === "stopped") {
      subscriber.end();
      return subscriber;
    }
    this.#inProcess.add(subscriber);
    this.#subscriptions.add(subscriber, subscription);
    for (const message of this.#retainedFor(subscription)) subscriber.offer(message);
    return subscriber;
  }

  /**
   * Cuts a client off; session and will are treated as after a lost connection.
   *
   * @param reasonCode what a 5.0 client is told (MQTT 5.0 §3.14.2.1)
   * @param properties what it is told beside: with `UseAnotherServer` or `ServerMoved` the server to go to
   * @returns false if no such client is connected
   */
  disconnect(
    clientIdentifier: string,
    reasonCode: ReasonCode = ReasonCode.AdministrativeAction,
    properties?: DisconnectProperties,
  ): boolean {
    const session = this.#sessions.get(clientIdentifier);
    const connection = session && this.#owners.get(session);
    connection?.close({ reasonCode, reason: "disconnected by the program", properties });
    return connection !== undefined;
  }

  /**
   * Takes a connection from the host program: a unix socket, one end of a pair, any stream of bytes.
   *
   * @param options.listener whose attributes it gets; a name that is not configured gets those of `default`
   * @throws {Error} if the broker is not started; the connection is closed then
   */
  accept(connection: ByteStream | Transport, options: { readonly listener?: string } = {}): Promise<Accepted> {
    const transport = isTransport(connection) ? connection : streamTransport(connection);
    if (this.#state !== "started") {
      transport.close();
      return Promise.reject(new Error(`Cannot accept a connection: the broker is ${this.#state}`));
    }
    return Promise.resolve({ closed: this.#serve(transport, this.#handedIn(options.listener)) });
  }

  /**
   * Takes a WebSocket request from the host's own web server.
   *
   * @returns the response to give: the upgrade, or an error with a sentence
   */
  upgrade(request: Request, options: { readonly listener?: string } = {}): Response {
    if (this.#state !== "started") return new Response("The broker is not running\n", { status: 503 });
    const listener = this.#handedIn(options.listener);
    const { maxInboundBytes, maxOutboundBytes } = listener.limits;
    const { origins } = listener;
    const { response, transport } = upgradeRequest(request, { origins, maxInboundBytes, maxOutboundBytes });
    if (transport) this.#serve(transport, listener);
    return response;
  }

  async #open(): Promise<void> {
    for (const warning of this.#config.warnings) this.#logger.warn(warning);
    const loaded = await this.#loadPlugins();
    this.#hooks = buildHookChain(loaded, this.#logger);
    this.#router = this.#makeRouter();
    this.#core = this.#makeCore();
    await this.#hooks.beforeStart();
    this.#statistics.startedAt = new Date();
    await this.#listeners.start(this.#config.listeners, (transport, config) => {
      this.#serve(transport, config);
    });
    this.#timers.push(this.#clock.every(TICK_MS, () => this.#tick()));
  }

  async #loadPlugins(): Promise<LoadedPlugin[]> {
    const { baseDirectory } = this.#config;
    const powers = this.#pluginPowers();
    const createContext = (specifier: string) => pluginContext(specifier, powers);
    const loaded: LoadedPlugin[] = [];
    for (const entry of this.#entries) {
      loaded.push(await loadPlugin(entry, { baseDirectory, bundled: bundledPlugins, createContext }));
      // Known at once, so that a start that fails later frees what this plugin holds.
      this.#hooks = buildHookChain(loaded, this.#logger);
    }
    return loaded;
  }

  #pluginPowers(): PluginPowers {
    return {
      baseDirectory: this.#config.baseDirectory,
      signal: this.#ending.signal,
      logger: this.#logger,
      statistics: this.#statistics,
      publish: (message) => void (this.#core ? this.#core.pipe.publish(message) : this.#router.publish(message)),
      retain: (message) => this.#router.retain(message),
      now: () => this.#clock.now(),
      clients: () => this.clients,
      disconnect: (...who) => this.disconnect(...who),
      subscribe: (...what) => this.#subscribeClient(...what),
      every: (seconds, tick) => {
        if (!this.#ending.signal.aborted) this.#timers.push(this.#clock.every(seconds * 1000, tick));
      },
    };
  }

  #makeRouter(): Router {
    const { messageRouted, messageRetained } = this.#hooks;
    return new Router(this.#subscriptions, this.#retained, {
      messageRouted: messageRouted && ((message, subscribers) => messageRouted(message.snapshot(), subscribers)),
      messageRetained: messageRetained && ((message) => messageRetained(message.snapshot())),
      messageDropped: (clientIdentifier, message, reason) => this.#drop(clientIdentifier, message, reason),
    });
  }

  #makeCore(): Core {
    const [hooks, router, statistics, logger] = [this.#hooks, this.#router, this.#statistics, this.#logger];
    const clock = this.#clock;
    const pipe = new MessagePipe({ hooks, router, statistics, logger, clock });
    return {
      config: this.#config,
      clock,
      logger,
      hooks,
      sessions: this.#sessions,
      subscriptions: this.#subscriptions,
      retained: this.#retained,
      pipe,
      wills: new Wills({ pipe, clock, logger }),
      statistics,
      handlePacket,
      connections: this.#connections,
      owners: this.#owners,
      signal: this.#ending.signal,
      sessionParts: (clientIdentifier, limits) => this.#sessionParts(clientIdentifier, limits),
    };
  }

  #sessionParts(clientIdentifier: string, limits: ResolvedLimits): ReturnType<Core["sessionParts"]> {
    const { messageQueued } = this.#hooks;
    return {
      sender: {
        maximumInflight: limits.maxInflight,
        queue: {
          maximumMessages: limits.queueLimit,
          maximumBytes: limits.queueLimitBytes,
          policy: limits.queuePolicy === "drop-newest" ? "newest" : "oldest",
        },
        queueQoS0: limits.queueQos0,
        onDrop: (message, reason) => this.#drop(clientIdentifier, message, reason),
        onQueue: (message) => messageQueued?.(clientIdentifier, message.snapshot()),
        onFault: (error) => this.#logger.error(`messages of client ${clientIdentifier} cannot be read: ${error}`),
      },
      onReturn: (session, delivery, why) => this.#handOver(session, delivery, why),
    };
  }

  /** A message of a shared subscription that this member has not taken goes to another one (MQTT 5.0 §4.8.2). */
  #handOver(session: Session, { message, share }: Delivery, why: "detached" | "ended"): boolean {
    return share !== undefined && this.#router.handOver(message, share, session, { onlyConnected: why === "detached" });
  }

  #handedIn(name: string | undefined): ResolvedListener {
    const configured = this.#config.listeners.find((listener) => listener.name === name);
    // Whoever is handed in did not come through that listener's socket, loopback or not.
    return { ...(configured ?? this.#config.handedIn), name: name ?? this.#config.handedIn.name, type: "external" };
  }

  /** Serves a connection to its end. */
  #serve(transport: Transport, listener: ResolvedListener): Promise<void> {
    const admission = this.#state === "stopped" ? "cut" : this.#admissions.enter(listener);
    if (admission === "cut") {
      this.#statistics.connectionsRefused++;
      transport.close();
      return Promise.resolve();
    }
    const connection = new Connection(this.#core!, transport, { listener, refusing: admission === "refuse" });
    this.#connections.add(connection);
    const running = connection.run().finally(() => {
      this.#connections.delete(connection);
      this.#running.delete(running);
      this.#admissions.leave(listener, admission);
    });
    this.#running.add(running);
    return running;
  }

  #subscribeClient(clientIdentifier: string, topicFilter: string, qos: QoS): boolean {
    const subscription = parseSubscription(topicFilter, qos);
    const session = this.#sessions.get(clientIdentifier);
    if (!session) return false;
    session.subscribe(parseTopicFilter(topicFilter), subscription);
    this.#subscriptions.add(session, subscription);
    session.offerRetained(this.#retainedFor(subscription), subscription);
    return true;
  }

  /** Shared subscriptions get none (MQTT 5.0 §4.8.2). */
  #retainedFor({ topicFilter, shareName }: Subscription): Message[] {
    return shareName === undefined ? this.#retained.match(topicFilter, this.#clock.now()) : [];
  }

  #drop(clientIdentifier: string | undefined, message: Message, reason: DropReason): void {
    this.#statistics.messagesDropped[reason]++;
    this.#hooks.messageDropped?.(clientIdentifier, message.snapshot(), reason);
  }

  #forget(session: Session): void {
    for (const { topicFilter, shareName } of session.subscriptions.values()) {
      this.#subscriptions.remove(session, topicFilter, shareName);
    }
    // [MQTT-3.1.3-9] 5.0: the session's end comes before the delay's.
    this.#core?.wills.ended(session);
  }

  #tick(): void {
    const nowMs = this.#clock.now();
    for (const connection of this.#connections) connection.tick(nowMs);
    this.#core?.wills.tick(nowMs);
    this.#sessions.expire(nowMs);
    this.#retained.expire(nowMs);
  }

  /** Sessions end with the broker, so that no will has anything to wait for. */
  async #publishWills(connections: readonly Connection[]): Promise<void> {
    const wills = this.#core?.wills;
    const last = connections.flatMap((connection) => connection.takeWill() ?? []);
    await Promise.all([wills?.publishAll(), ...last.map(({ client, will }) => wills?.publish(client, will))]);
  }

  async #stop(): Promise<void> {
    // A start under way is let finish, so that nothing is opened behind this.
    await this.#opening?.catch(() => {});
    if (this.#state === "started") await within(PLUGIN_PATIENCE_MS, this.#hooks.beforeShutdown());
    this.#state = "stopped";
    await this.#listeners.close();
    const connections = [...this.#connections];
    // Before anything is closed, so that waiting sessions and other clients still get them.
    await within(PLUGIN_PATIENCE_MS, this.#publishWills(connections));
    this.#ending.abort();
    for (const connection of connections) {
      connection.close({ reasonCode: ReasonCode.ServerShuttingDown, reason: "the broker is shutting down" });
    }
    await Promise.all(connections.map((connection) => connection.finish()));
    await Promise.all(this.#running);
    for (const subscriber of [...this.#inProcess]) subscriber.end();
    for (const cancel of this.#timers.splice(0)) cancel();
    await within(PLUGIN_PATIENCE_MS, this.#hooks.afterShutdown());
  }
}

function isTransport(connection: ByteStream | Transport): connection is Transport {
  return "acceptedAt" in connection;
}
