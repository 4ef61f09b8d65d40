import type { BrokerConfig, ResolvedConfig } from "../config/config.ts";
import { resolveConfig } from "../config/resolve.ts";
import type {
  BrokerStatistics,
  ClientSnapshot,
  DisconnectProperties,
  PublishOptions,
  SessionSnapshot,
} from "../hooks/plugin.ts";
import { loggerOf } from "../logger.ts";
import type { ApplicationMessage } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import { type ByteStream, streamTransport } from "../transport/stream.ts";
import type { Transport } from "../transport/transport.ts";
import { upgradeRequest } from "../transport/websocket/runtime_socket.ts";
import { BrokerParts, TICK_MS } from "./broker_parts.ts";
import { emptyPasswordFiles } from "./empty_password_files.ts";
import { quote } from "../quote.ts";
import { describeAddress } from "../routing/describe.ts";
import type { BrokerEnvironment } from "../runtime/environment.ts";
import { InProcess } from "../embedding/in_process.ts";
import type { LocalClient, LocalClientOptions } from "../embedding/local_client.ts";
import { type ListenerAddress, Listeners } from "./listeners.ts";
import { Reception } from "./reception.ts";
import type { Observability } from "../metrics/observability.ts";
import { observe } from "./observed.ts";
import { PLUGIN_PATIENCE_MS, shutDown } from "./shutdown.ts";
import { within } from "../runtime/within.ts";
import { host } from "../runtime/host.ts";

export type { ListenerAddress } from "./listeners.ts";
export type { BrokerEnvironment, Clock, ProcessMemory } from "../runtime/environment.ts";
export type { Machine } from "../runtime/machine.ts";
export type { MetricsPage, Observability } from "../metrics/observability.ts";

/** How often the files of certificates are looked at, in milliseconds. */
const CERTIFICATE_LOOK_MS = 2000;
const DAY_MS = 86_400_000;

/** What a reload has read again; what was faulty is in the log, and not here. */
export interface ReloadReport {
  /** Names of the listeners whose certificates were read. */
  readonly certificates: readonly string[];
  /** Specifiers of the plugins that have taken over their options, and read their files. */
  readonly plugins: readonly string[];
}

/** A connection that was handed in. */
export interface Accepted {
  /** Resolves when the connection has ended; never rejects. */
  readonly closed: Promise<void>;
}

/** What lives from a start to the shutdown. */
interface Run {
  readonly brokerParts: BrokerParts;
  readonly listeners: Listeners;
  readonly reception: Reception;
  readonly inProcess: InProcess;
}

/**
 * An MQTT broker. It may be started again after a shutdown: what its store holds is back then, everything else begins
 * anew.
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
  readonly #environment: BrokerEnvironment;
  readonly #observability = observe({
    brokerParts: () => this.#run.brokerParts,
    listeners: () => this.#run.listeners,
    state: () => this.#state,
  });
  #config: ResolvedConfig;
  #run: Run;
  #state: "new" | "starting" | "started" | "stopping" | "stopped" = "new";
  #opening: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * Checks the config; nothing is opened or read yet.
   *
   * @param config in camelCase, or a parsed YAML object with hyphenated keys; without it the command line's defaults
   * @throws {ConfigError} with every fault of the config
   */
  constructor(config: BrokerConfig | Readonly<Record<string, unknown>> = {}, environment: BrokerEnvironment = {}) {
    const baseDirectory = environment.baseDirectory ?? host.cwd();
    this.#environment = environment;
    this.#config = resolveConfig(config, { baseDirectory });
    this.#run = makeRun(this.#config, environment);
  }

  /** What it listens on, by listener name; listeners without a socket are left out. */
  get addresses(): Readonly<Record<string, ListenerAddress>> {
    return this.#run.listeners.addresses;
  }

  /** The clients that are connected now. */
  get clients(): ClientSnapshot[] {
    return this.#run.inProcess.clients;
  }

  /**
   * The sessions, with or without a connected client, each as it is when its turn comes. Meant for a loop, since there may
   * be very many; sessions may come and go during it.
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
   * for (const { clientIdentifier, messagesQueued, messagesDropped } of broker.sessions()) {
   *   console.log(clientIdentifier, messagesQueued, messagesDropped["queue-limit"] ?? 0);
   * }
   * ```
   */
  sessions(): IterableIterator<SessionSnapshot> {
    return this.#run.inProcess.sessions();
  }

  /** One client's session as it is now; `undefined`: it has none. */
  session(clientIdentifier: string): SessionSnapshot | undefined {
    return this.#run.inProcess.session(clientIdentifier);
  }

  /** The retained messages by topic name, as of now. */
  get retained(): ReadonlyMap<string, ApplicationMessage> {
    return this.#run.inProcess.retained;
  }

  /** Counters since the start, and figures as of now. */
  get statistics(): BrokerStatistics {
    return this.#run.brokerParts.statistics;
  }

  /**
   * Metrics, and how the broker is, for who asks over HTTP.
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
   * await broker.start();
   * const { contentType, body } = broker.observability.metrics("text/plain");
   * const response = new Response(body, { headers: { "Content-Type": contentType } });
   * ```
   */
  get observability(): Observability {
    return this.#observability;
  }

  /**
   * Loads the plugins and opens the listeners, with the config that was given last. After a shutdown, or a start that
   * failed, it may be called again.
   *
   * @throws {Error} if the broker is running or not quite shut down, a plugin does not load, or a listener cannot be
   * opened; everything is closed again then
   */
  async start(): Promise<void> {
    this.#beginRun();
    this.#state = "starting";
    const run = this.#run;
    this.#opening = this.#open(run);
    try {
      await this.#opening;
      if (this.#stopping) throw new Error("Cannot start the broker: it was shut down meanwhile");
      this.#state = "started";
    } catch (error) {
      await this.shutdown();
      throw error;
    }
    await run.brokerParts.hooks.afterStart();
  }

  /**
   * Publishes the wills, closes every connection in bounded time, and frees everything. May be called again. What
   * {@linkcode Broker.sessions} and the like tell stays until the next start.
   */
  shutdown(): Promise<void> {
    return this.#stopping ??= this.#stop(this.#run);
  }

  /** {@linkcode Broker.shutdown}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /**
   * Reads certificates, password files and permissions again without dropping anybody. What is faulty is logged, and
   * the old stays.
   *
   * @param config what the config says now; its plugin options are taken over, and the rest with the next
   * {@linkcode Broker.start}. `undefined`: as it was
   * @returns what was read
   * @throws {ConfigError} if the new config has faults; nothing is changed then
   */
  async reload(config?: BrokerConfig | Readonly<Record<string, unknown>>): Promise<ReloadReport> {
    const { brokerParts, listeners } = this.#run;
    const { baseDirectory, plugins } = brokerParts.config;
    const now = config && resolveConfig(config, { baseDirectory });
    this.#config = now ?? this.#config;
    if (this.#state !== "started") return { certificates: [], plugins: [] };
    const options = plugins.map((entry) =>
      (now?.plugins.find(({ specifier, place }) => specifier === entry.specifier && place === entry.place) ??
        now?.plugins.find(({ specifier }) => specifier === entry.specifier) ?? entry).options
    );
    const certificates = await listeners.reload();
    return { certificates, plugins: await brokerParts.hooks.reload(options) };
  }

  /**
   * Publishes a message; no permission is asked. Resolves when it is routed, and at QoS 1 and 2 stored where it has to be.
   * What is published before the first start is complete does not wait for that: it is retained, and stored with the start.
   *
   * @param payload bytes, which are copied, or text
   * @throws {TopicError} if the topic name is wrong
   * @throws {Error} if a property is wrong; if it would have to be stored while the store fails, and nobody gets it; if the
   * broker ended before it was stored; or if it is shut down and {@linkcode Broker.start} was not called again
   */
  publish(topicName: string, payload: Uint8Array | string, options?: PublishOptions): Promise<void> {
    if (this.#state === "stopped") {
      const reason = "the broker is shut down, and takes messages again once start() was called";
      return Promise.reject(new Error(`Cannot publish to ${quote(topicName)}: ${reason}`));
    }
    return this.#run.inProcess.publish(topicName, payload, options);
  }

  /**
   * Subscribes the program itself, from this call on. Messages wait in a queue of `queue-limit` messages and
   * `queue-limit-bytes`; the oldest goes first. The iterator ends at shutdown, and the subscription when its loop is left.
   *
   * @param topicFilter may be that of a shared subscription, `$share/{ShareName}/{filter}`
   * @throws {TopicError} if the topic filter is wrong
   */
  subscribe(topicFilter: string, options: { readonly qos?: QoS } = {}): AsyncIterableIterator<ApplicationMessage> {
    return this.#run.inProcess.subscribe(topicFilter, options.qos ?? 2);
  }

  /**
   * Opens a client inside the broker: a session with subscriptions and acknowledgements of its own, without a socket. It
   * ends at shutdown, or when another client of the program takes its session; a session that was asked to outlive it stays.
   * {@linkcode Broker.clients} has it with the listener `program`.
   *
   * @param clientIdentifier name of its session, which no client of the network can take up
   * @throws {Error} if the broker is not started, an option is wrong, or the session cannot be read or stored
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
   * await broker.start();
   * await using client = await broker.openClient("worker", { sessionExpiryIntervalSeconds: 3600 });
   * await client.subscribe("jobs/#", { qos: 1, noLocal: true });
   * await broker.publish("jobs/1", "work", { qos: 1 });
   * for await (const { message, acknowledge } of client) {
   *   console.log(message.topicName);
   *   acknowledge();
   *   break;
   * }
   * ```
   */
  openClient(clientIdentifier: string, options: LocalClientOptions = {}): Promise<LocalClient> {
    if (this.#state === "started") return this.#run.inProcess.openClient(clientIdentifier, options);
    return Promise.reject(new Error(`Cannot open client ${clientIdentifier}: the broker is ${this.#state}`));
  }

  /**
   * Cuts a client off; session and will are treated as after a lost connection.
   *
   * @param reasonCode what a 5.0 client is told (MQTT 5.0 §3.14.2.1). @default `AdministrativeAction`
   * @param properties what it is told beside: with `UseAnotherServer` or `ServerMoved` the server to go to
   * @returns false if no such client is connected
   * @throws {Error} if the reason code is none that a server says in DISCONNECT, or a property is wrong; the client stays
   */
  disconnect(clientIdentifier: string, reasonCode?: ReasonCode, properties?: DisconnectProperties): boolean {
    return this.#run.inProcess.disconnect(clientIdentifier, reasonCode, properties);
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
    return Promise.resolve({
      closed: this.#run.reception.serve(transport, this.#run.reception.handedIn(options.listener)),
    });
  }

  /**
   * Takes a WebSocket request from the host's own web server.
   *
   * @returns the response to give: the upgrade, or an error with a sentence
   */
  upgrade(request: Request, options: { readonly listener?: string } = {}): Response {
    if (this.#state !== "started") return new Response("The broker is not running\n", { status: 503 });
    const listener = this.#run.reception.handedIn(options.listener);
    const { maxInboundBytes, maxOutboundBytes } = listener.limits;
    const { origins, hosts, name } = listener;
    const rules = { origins, hosts, place: `listeners.${name}` };
    const { response, transport, refusal } = upgradeRequest(request, { ...rules, maxInboundBytes, maxOutboundBytes });
    if (refusal) this.#run.brokerParts.refuse(name, refusal.kind, {}, `a request, listener ${name}: ${refusal.reason}`);
    if (transport) this.#run.reception.serve(transport, listener);
    return response;
  }

  /** Makes sure that a start may begin, and that there is a run which was not ended. */
  #beginRun(): void {
    if (this.#state === "stopped") {
      this.#run = makeRun(this.#config, this.#environment);
      this.#stopping = undefined;
    } else if (this.#state !== "new" || this.#stopping) {
      const state = this.#stopping ? "being shut down" : `${this.#state} already`;
      throw new Error(`Cannot start the broker: it is ${state}`);
    }
  }

  async #open({ brokerParts, listeners, reception, inProcess }: Run): Promise<void> {
    const { config, logger, statistics } = brokerParts;
    for (const warning of config.warnings) logger.warn(warning);
    await brokerParts.open(inProcess.powers());
    for (const warning of await emptyPasswordFiles(config)) logger.warn(warning);
    await brokerParts.hooks.beforeStart();
    statistics.startedAt = new Date();
    await listeners.start(config.listeners, (transport, listener) => {
      reception.serve(transport, listener);
    });
    brokerParts.every(TICK_MS, () => tick(brokerParts));
    watchCertificates(brokerParts, listeners);
  }

  async #stop(run: Run): Promise<void> {
    const { brokerParts } = run;
    // A start under way is let finish, so that nothing is opened behind this; a store is not waited for.
    if (this.#state === "starting") brokerParts.ending.abort();
    await this.#opening?.catch(() => {});
    if (this.#state === "started") {
      await within(PLUGIN_PATIENCE_MS, brokerParts.hooks.beforeShutdown(), brokerParts.machine);
    }
    this.#state = "stopping";
    try {
      await shutDown(run);
    } finally {
      this.#state = "stopped";
    }
  }
}

/** The parts of a run; nothing is opened yet. */
function makeRun(config: ResolvedConfig, environment: BrokerEnvironment): Run {
  const brokerParts = new BrokerParts(config, environment);
  return {
    brokerParts,
    listeners: new Listeners(
      loggerOf(brokerParts.logger, "listeners"),
      brokerParts.work,
      (listener, kind, remote, reason) => {
        const where = `${describeAddress(remote)}, listener ${listener}`;
        brokerParts.refuse(listener, kind, remote, `${where}: ${reason}`);
      },
    ),
    reception: new Reception(brokerParts),
    inProcess: new InProcess(brokerParts),
  };
}

function tick(brokerParts: BrokerParts): void {
  const { clock, clientTime, connections, context, wills, memory, retained, refusals, statistics } = brokerParts;
  const nowMs = clock.now();
  brokerParts.eventLoopDelay.tick(nowMs);
  statistics.tick(nowMs);
  if (clientTime.tick()) {
    const clientNowMs = clientTime.now();
    for (const connection of connections) connection.tick(clientNowMs);
  }
  context.persistence?.tick();
  wills.tick(nowMs);
  refusals.tick(nowMs);
  brokerParts.readAgain(nowMs);
  brokerParts.expireSessions(nowMs);
  retained.expire(nowMs);
  memory.look();
}

function watchCertificates(brokerParts: BrokerParts, listeners: Listeners): void {
  const { clock, config } = brokerParts;
  if (!config.listeners.some(({ tls }) => tls)) return;
  listeners.warnOfCertificates(clock.epoch());
  brokerParts.every(CERTIFICATE_LOOK_MS, () => listeners.refresh(clock.epoch()));
  brokerParts.every(DAY_MS, () => listeners.warnOfCertificates(clock.epoch()));
}

function isTransport(connection: ByteStream | Transport): connection is Transport {
  return "acceptedAt" in connection;
}
