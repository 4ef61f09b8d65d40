import type { ResolvedConfig } from "../config/config.ts";
import { Persistence } from "../persistence/persistence.ts";
import { buildHookChain, fillHookChain, fillObservers, type HookChain } from "../hooks/chain.ts";
import type { LoadedPlugin } from "../hooks/loader.ts";
import type { Observers } from "../hooks/observe.ts";
import type { Plugin, RefusalKind } from "../hooks/plugin.ts";
import { type Logger, loggerOf } from "../logger.ts";
import type { DropReason, Message } from "../message.ts";
import { BufferPool } from "../packet/buffer_pool.ts";
import { TopicNames } from "../packet/topic_names.ts";
import { Router, type RouterObserver } from "../routing/router.ts";
import type { Delivery } from "../session/delivery.ts";
import type { ReturnReason } from "../session/sender.ts";
import type { Session } from "../session/session.ts";
import { Sessions } from "../session/sessions.ts";
import { RetainedMessages } from "../topics/retained.ts";
import { Subscriptions } from "../topics/subscriptions.ts";
import { Chores, WorkBudget } from "../work_budget.ts";
import { Admissions } from "./admission.ts";
import { ClientTime } from "../connection/client_time.ts";
import type { RemoteAddress } from "../transport/transport.ts";
import { ConnectedClients } from "../connection/connected_clients.ts";
import type { Connection } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/connection_context.ts";
import { type BrokerEnvironment, type Clock, libraryLogger, systemClock } from "../runtime/environment.ts";
import { Drops } from "./drops.ts";
import { EndedSessions } from "./ended_sessions.ts";
import { EventLoopDelay } from "./event_loop_delay.ts";
import { Losses } from "./losses.ts";
import { type Machine, systemMachine } from "../runtime/machine.ts";
import { MemoryCeiling } from "./memory_ceiling.ts";
import { PublishPipeline } from "../routing/publish_pipeline.ts";
import type { PluginPowers } from "../embedding/plugin_context.ts";
import { ProgramEvents } from "../embedding/program_events.ts";
import type { ProcessMemory } from "../runtime/environment.ts";
import { pluginLoader } from "./plugin_loader.ts";
import { SenderLimitsOf } from "../connection/sender_limits.ts";
import { Refusals } from "../routing/refusals.ts";
import { SessionVoice, type SessionVoiceParts } from "./session_voice.ts";
import { Statistics } from "./statistics.ts";
import { UnreadSessions } from "./unread_sessions.ts";
import { createStore } from "./stores.ts";
import type { BrokerNode } from "./broker_node.ts";
import { Wills } from "../routing/wills.ts";

/** Told of every message in its first form, so that a look at it costs no copy. */
export interface MessageWatcher {
  routed(message: Message): void;
  dropped(clientIdentifier: string | undefined, message: Message, reason: DropReason): void;
}

/** How finely time-outs are looked at, in milliseconds. */
export const TICK_MS = 250;

/**
 * The parts of one broker, put together at once. {@linkcode BrokerParts.open} fills in the plugins' hooks and what is stored;
 * what the program publishes before goes the same way without them.
 */
export class BrokerParts {
  readonly config: ResolvedConfig;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly clientTime: ClientTime;
  readonly machine: Machine;
  readonly subscriptions: Subscriptions;
  readonly sessions: Sessions;
  readonly retained: RetainedMessages;
  readonly statistics: Statistics;
  readonly admissions: Admissions;
  readonly refusals: Refusals;
  readonly connections = new Set<Connection>();
  readonly connectionBySession = new ConnectedClients();
  /** What each session has lost. */
  readonly losses = new Losses((clientIdentifier) => this.sessions.get(clientIdentifier) !== undefined);
  readonly hooks: HookChain;
  readonly router: Router;
  readonly wills: Wills;
  readonly memory: MemoryCeiling;
  readonly eventLoopDelay = new EventLoopDelay(TICK_MS);
  /** What connections share. */
  readonly context: ConnectionContext & { persistence: Persistence | undefined; cluster: BrokerNode | undefined };
  /** Aborted at shutdown. */
  readonly ending = new AbortController();
  /** One budget for all that clients make the broker do. */
  readonly work: WorkBudget;
  /** What is done for nobody in particular. */
  readonly chores: Chores;
  readonly #drops: Drops;
  readonly #ended: EndedSessions;
  readonly #unread: UnreadSessions;
  readonly #senderLimits = new SenderLimitsOf();
  readonly #voiceParts: SessionVoiceParts;
  readonly #process: ProcessMemory | undefined;
  readonly #timers: (() => void)[] = [];
  /** Those that are loaded. A start that fails frees what they hold. */
  readonly #plugins: LoadedPlugin[] = [];
  /** Who else is told what happens. */
  readonly #observers = new Set<LoadedPlugin>();
  /** `undefined`: nobody looks. */
  watcher: MessageWatcher | undefined;

  readonly #events: ProgramEvents;

  /** @param events the program's listeners, who outlive this run */
  constructor(config: ResolvedConfig, environment: BrokerEnvironment, events: ProgramEvents = new ProgramEvents()) {
    this.config = config;
    this.logger = environment.logger ?? libraryLogger();
    this.admissions = new Admissions();
    this.clock = environment.clock ?? systemClock;
    this.#process = environment.processMemory?.(config.maxTotalBytes);
    this.machine = environment.machine ?? systemMachine();
    this.work = new WorkBudget(this.machine);
    this.chores = new Chores(this.work);
    this.clientTime = new ClientTime(this.clock, TICK_MS);
    this.subscriptions = new Subscriptions(this.work);
    this.sessions = new Sessions((session, handOver) => {
      this.#ended.add(session, handOver);
      this.context.cluster?.sessionEnded(session.clientIdentifier);
    });
    this.#ended = this.#makeEnded();
    const { maxRetained, maxRetainedBytes, maxTotalBytes } = config;
    const maximumBytes = Math.min(maxRetainedBytes, maxTotalBytes / 2);
    this.retained = new RetainedMessages({ maximumMessages: maxRetained, maximumBytes });
    this.statistics = new Statistics({
      clients: () => this.connectionBySession,
      sessions: () => this.sessions,
      retained: () => this.retained,
      subscriptions: () => this.subscriptions,
      listenerNames: config.listeners.map(({ name }) => name),
      writeQueue: () => this.context.persistence?.writeQueue,
    });
    this.refusals = new Refusals({
      logger: loggerOf(this.logger, "connections"),
      clock: this.clock,
      statistics: this.statistics,
    });
    this.hooks = buildHookChain(this.#plugins, loggerOf(this.logger, "plugins"), this.statistics.signInTally);
    this.#drops = new Drops(this, () => this.watcher);
    this.#events = events;
    this.#fillObservers();
    events.serve(loggerOf(this.logger, "plugins"), () => this.#fillObservers());
    this.router = this.#makeRouter();
    this.#unread = new UnreadSessions({
      sessions: this.sessions,
      clock: this.clock,
      logger: this.logger,
      signal: this.ending.signal,
    });
    this.#voiceParts = this.#makeVoiceParts();
    const { hooks, router, statistics, refusals, clock, chores, work } = this;
    const pipeline = new PublishPipeline({ hooks, router, statistics, refusals, clock });
    const persistence = () => this.context.persistence ?? this.context.cluster?.willLog;
    const willKey = (clientIdentifier: string) => this.context.cluster?.willKey(clientIdentifier);
    this.wills = new Wills({ pipeline, clock, logger: this.logger, refusals, chores, work, persistence, willKey });
    this.memory = this.#makeMemory();
    this.context = this.#makeContext(pipeline);
  }

  /**
   * Loads the plugins and brings back what is stored.
   *
   * @throws {Error} if a plugin does not load or the store does not open
   */
  async open(powers: PluginPowers): Promise<void> {
    const load = pluginLoader(this.config.baseDirectory, powers);
    for (const entry of this.config.plugins) this.#plugins.push(await load(entry));
    fillHookChain(this.hooks, this.#plugins, loggerOf(this.logger, "plugins"), this.statistics.signInTally);
    this.#fillObservers();
    await this.#openCluster();
    const persistence = this.context.persistence = await this.#openStore();
    if (!persistence) return;
    for (const will of persistence.wills) {
      this.wills.restore(will, this.sessions.get(will.clientIdentifier), persistence.times);
    }
  }

  /** Tells somebody else beside the plugins what happens, until the returned function is called. */
  observe(specifier: string, plugin: Observers): () => void {
    const observer = { specifier, plugin };
    this.#observers.add(observer);
    this.#fillObservers();
    return () => {
      if (this.#observers.delete(observer)) this.#fillObservers();
    };
  }

  /** A plugin that is loaded. */
  plugin(specifier: string): Plugin | undefined {
    return this.#plugins.find((loaded) => loaded.specifier === specifier)?.plugin;
  }

  /** Calls `tick` every `ms` milliseconds until {@linkcode BrokerParts.stopTimers}. */
  every(ms: number, tick: () => void): void {
    this.#timers.push(this.clock.every(ms, tick));
  }

  /** Frees what the machine was asked for. */
  async close(): Promise<void> {
    await this.chores.done();
    await this.work.idle();
    await this.machine.close();
  }

  stopTimers(): void {
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  /** Ends the sessions whose time is over. Called by the broker's coarse timer. */
  expireSessions(nowMs: number): void {
    if (this.chores.idle) this.chores.add(this.sessions.expiring(nowMs));
  }

  /** Tries again what could not be read from the store. Called by the broker's coarse timer. */
  readAgain(nowMs: number): void {
    this.context.persistence?.readAgain(nowMs);
    this.#unread.tick(nowMs);
  }

  /** A connection is refused before it speaks MQTT. */
  refuse(listener: string, kind: RefusalKind, remote: RemoteAddress, line: string): void {
    this.statistics.refuse(listener);
    this.refusals.tell(kind, remote, () => line);
  }

  /** As {@linkcode Drops.drop}. */
  drop(clientIdentifier: string | undefined, message: Message, reason: DropReason): void {
    this.#drops.drop(clientIdentifier, message, reason);
  }

  #makeEnded(): EndedSessions {
    const { subscriptions, losses, work, chores } = this;
    const wills = () => this.wills;
    return new EndedSessions({
      subscriptions,
      losses,
      work,
      chores,
      wills,
      persistence: () => this.context.persistence,
    });
  }

  /** The plugins are told before the program. */
  #fillObservers(): void {
    const program = { specifier: "program", plugin: this.#events.plugin };
    fillObservers(this.hooks, [...this.#plugins, ...this.#observers, program], loggerOf(this.logger, "plugins"));
  }

  #makeRouter(): Router {
    const { hooks } = this;
    const observer: RouterObserver = {
      messageRouted: (message, subscribers) => {
        this.watcher?.routed(message);
        hooks.messageRouted?.(message.snapshot(), subscribers);
      },
      messageRetained: (message) => hooks.messageRetained?.(message.snapshot()),
      messageDropped: (clientIdentifier, message, reason) => this.#drops.drop(clientIdentifier, message, reason),
    };
    return new Router(this.subscriptions, this.retained, observer, {
      work: this.work,
      holdStore: () => this.context.persistence?.writeQueue.hold(),
      storeIsReady: () => this.context.persistence?.writeQueue.whenHeldIsTaken(),
    });
  }

  /** What a cluster takes is loaded by those only that are in one. */
  async #openCluster(): Promise<void> {
    if (this.config.cluster === undefined) return;
    const { openNode } = await import("./cluster_node.ts");
    await openNode(this, this.config.cluster);
  }

  async #openStore(): Promise<Persistence | undefined> {
    const store = await createStore(this.config, loggerOf(this.logger, "store"));
    return store && await Persistence.open({
      store,
      logger: loggerOf(this.logger, "store"),
      clock: this.clock,
      after: this.machine.after,
      sessions: this.sessions,
      subscriptions: this.subscriptions,
      retained: this.retained,
      sessionParts: (clientIdentifier) => this.#sessionParts(clientIdentifier),
      signal: this.ending.signal,
      onFault: () => this.connections.forEach((connection) => connection.storeFailed()),
    });
  }

  #makeContext(pipeline: PublishPipeline): BrokerParts["context"] {
    const { config, clock, machine, logger, hooks, sessions, subscriptions, retained, statistics, refusals } = this;
    const { connections, connectionBySession, wills, memory } = this;
    return {
      config,
      clock,
      clientTime: this.clientTime,
      machine,
      work: this.work,
      logger: loggerOf(logger, "connections"),
      hooks,
      sessions,
      subscriptions,
      retained,
      pipeline,
      wills,
      persistence: undefined,
      cluster: undefined,
      statistics,
      refusals,
      memory,
      topicNames: new TopicNames(),
      responseTopics: new Set(),
      buffers: new BufferPool(),
      connections,
      connectionBySession,
      signal: this.ending.signal,
      senderLimits: this.#senderLimits,
      sessionParts: (clientIdentifier) => this.#sessionParts(clientIdentifier),
    };
  }

  #makeMemory(): MemoryCeiling {
    const { config, sessions, connections, connectionBySession, retained, wills, router, logger, refusals } = this;
    const process = this.#process;
    return new MemoryCeiling({
      maximumBytes: config.maxTotalBytes,
      sessions,
      connections,
      connectionBySession,
      logger,
      refusals,
      others: () => retained.bytes + wills.heldBytes + router.heldBytes + (this.context.cluster?.heldBytes ?? 0),
      leaving: () => this.#ended.heldBytes,
      process,
    });
  }

  #makeVoiceParts(): SessionVoiceParts {
    const { retained, hooks, sessions, clock } = this;
    return {
      limits: this.#senderLimits.get(this.config.limits),
      retained,
      now: () => clock.now(),
      hooks,
      sessions,
      drops: this.#drops,
      ended: this.#ended,
      unread: this.#unread,
    };
  }

  #sessionParts(clientIdentifier: string): ReturnType<ConnectionContext["sessionParts"]> {
    return { sender: new SessionVoice(this.#voiceParts, clientIdentifier), onReturn: this.#onReturn };
  }

  /** A message of a shared subscription that this member has not taken goes to another one (MQTT 5.0 §4.8.2). */
  readonly #onReturn = (session: Session, { message, share }: Delivery, why: ReturnReason): boolean =>
    share !== undefined && this.router.handOver(message, share, session, { onlyConnected: why === "detached" });
}
