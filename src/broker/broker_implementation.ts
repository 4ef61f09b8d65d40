import type { BrokerConfig, ResolvedConfig } from "../config/config.ts";
import { resolveConfig } from "../config/resolve.ts";
import type {
  BrokerStatistics,
  ClientSnapshot,
  DisconnectProperties,
  PublishOptions,
  PublishResult,
  SessionSnapshot,
} from "../hooks/plugin.ts";
import type { BridgeSnapshot } from "../hooks/figures.ts";
import type { Bridge } from "../bridge/bridge.ts";
import type { ApplicationMessage, Payload } from "../message.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { DuplexSocket } from "../runtime/duplex.ts";
import type { ByteStream } from "../transport/stream.ts";
import type { Transport } from "../transport/transport.ts";
import type { UpgradeHead } from "../transport/websocket/handed_socket.ts";
import { quote } from "../quote.ts";
import type { ClientEvent } from "../admin/event.ts";
import type { TopicsView } from "../admin/topics_view.ts";
import type { BrokerEnvironment } from "../runtime/environment.ts";
import { checkSignal, whenAborted } from "../embedding/aborting.ts";
import type { RetainedDeletion } from "../embedding/inspection.ts";
import {
  type BrokerEventListener,
  type BrokerEventName,
  type BrokerEvents,
  type EventsOptions,
  type ListenOptions,
  ProgramEvents,
} from "../embedding/program_events.ts";
import type { RequestHandler, RequestOptions, RespondOptions } from "../embedding/requests.ts";
import type { ReceivedMessage, Subscribed, SubscribeOptions } from "../embedding/subscribing.ts";
import type { AdminRequestOptions } from "./administration.ts";
import type { LocalClient, LocalClientOptions } from "../embedding/local_client.ts";
import type { Observability } from "../metrics/observability.ts";
import type { ListenerAddress } from "./listeners.ts";
import { observe } from "./observed.ts";
import { nothingReloaded, reload, type ReloadReport } from "./reload.ts";
import {
  type Accepted,
  acceptStream,
  type HandInOptions,
  upgradeNodeSocket,
  type UpgradeOptions,
  upgradeWebRequest,
} from "./hand_ins.ts";
import { makeRun, openRun, type Run } from "./run.ts";
import { PLUGIN_PATIENCE_MS, shutDown } from "./shutdown.ts";
import { within } from "../runtime/within.ts";
import { host } from "../runtime/host.ts";

/**
 * How a broker is started.
 *
 * @category Broker
 */
export interface StartOptions {
  /** Shuts the broker down when it is aborted, also while it starts. @default only `shutdown()` does */
  readonly signal?: AbortSignal;
}

/** The broker behind the interface `Broker` in `broker.ts`, which says what its members are for. */
export class Broker implements AsyncDisposable {
  readonly #environment: BrokerEnvironment;
  /** Listeners of the program, who outlive a run. */
  readonly #events = new ProgramEvents();
  readonly #observability = observe({
    brokerParts: () => this.#run.brokerParts,
    listeners: () => this.#run.listeners,
    adminListeners: () => this.#run.administration.listeners,
    bridges: () => this.bridges(),
    state: () => this.#state,
  });
  #config: ResolvedConfig;
  #run: Run;
  #state: "new" | "starting" | "started" | "stopping" | "stopped" = "new";
  #opening: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #forgetSignal = () => {};

  constructor(config: BrokerConfig = {}, environment: BrokerEnvironment = {}) {
    const baseDirectory = environment.baseDirectory ?? host.cwd();
    this.#environment = environment;
    this.#config = resolveConfig(config, { baseDirectory });
    this.#run = this.#makeRun();
  }

  static fromYaml(config: Readonly<Record<string, unknown>>, environment: BrokerEnvironment = {}): Broker {
    return new Broker(config as BrokerConfig, environment);
  }

  get addresses(): Readonly<Record<string, ListenerAddress>> {
    return this.#run.listeners.addresses;
  }

  get clients(): ClientSnapshot[] {
    return this.#run.inProcess.clients;
  }

  sessions(): IterableIterator<SessionSnapshot> {
    return this.#run.inProcess.sessions();
  }

  session(clientIdentifier: string): SessionSnapshot | undefined {
    return this.#run.inProcess.session(clientIdentifier);
  }

  bridges(): BridgeSnapshot[] {
    return this.#run.bridges?.snapshots ?? [];
  }

  pauseBridge(name: string): void {
    this.#bridge("pause", name).pause();
  }

  resumeBridge(name: string): void {
    this.#bridge("resume", name).resume();
  }

  reconnectBridge(name: string): void {
    this.#bridge("reconnect", name).reconnect();
  }

  #bridge(action: string, name: string): Bridge {
    if (this.#state !== "started") throw new Error(`Cannot ${action} bridge ${quote(name)}: the broker is not started`);
    const bridge = this.#run.bridges?.get(name);
    if (!bridge) throw new Error(`Cannot ${action} bridge ${quote(name)}: there is none of this name in bridges`);
    return bridge;
  }

  get retained(): ReadonlyMap<string, ApplicationMessage> {
    return this.#run.inProcess.retained;
  }

  get statistics(): BrokerStatistics {
    return this.#run.brokerParts.statistics.snapshot();
  }

  get observability(): Observability {
    return this.#observability;
  }

  async start({ signal }: StartOptions = {}): Promise<void> {
    checkSignal(signal, "Cannot start the broker");
    signal?.throwIfAborted();
    this.#beginRun();
    this.#state = "starting";
    const run = this.#run;
    this.#forgetSignal = whenAborted(signal, () => void this.shutdown().catch(() => {}));
    this.#opening = openRun(run);
    try {
      await this.#opening;
      if (this.#stopping) throw new Error("Cannot start the broker: it was shut down meanwhile");
      this.#state = "started";
    } catch (error) {
      await this.shutdown();
      signal?.throwIfAborted();
      throw error;
    }
    await run.brokerParts.hooks.afterStart();
  }

  shutdown(): Promise<void> {
    return this.#stopping ??= this.#stop(this.#run);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async reload(config?: BrokerConfig): Promise<ReloadReport> {
    const { brokerParts, listeners, administration } = this.#run;
    const running = brokerParts.config;
    const now = config && resolveConfig(config, { baseDirectory: running.baseDirectory });
    this.#config = now ?? this.#config;
    if (this.#state !== "started") return nothingReloaded;
    const { hooks } = brokerParts;
    const report = await reload(running, now, {
      sockets: [listeners, administration.listeners],
      hooks,
      administration,
    });
    administration.renewLink();
    return report;
  }

  publish(topicName: string, payload: Payload, options?: PublishOptions): Promise<PublishResult> {
    const fault = this.#stoppedFault(`Cannot publish to ${quote(String(topicName))}`);
    return fault ? Promise.reject(fault) : this.#run.inProcess.publish(topicName, payload, options);
  }

  subscribe(topicFilter: string, options?: SubscribeOptions): Subscribed {
    return this.#run.inProcess.subscribe(topicFilter, options);
  }

  request(topicName: string, body: Payload, options?: RequestOptions): Promise<ReceivedMessage> {
    const fault = this.#stoppedFault(`Cannot request ${quote(String(topicName))}`);
    return fault ? Promise.reject(fault) : this.#run.inProcess.requests.request(topicName, body, options);
  }

  respond(topicFilter: string, handler: RequestHandler, options?: RespondOptions): Disposable {
    const fault = this.#stoppedFault(`Cannot respond to ${quote(String(topicFilter))}`);
    if (fault) throw fault;
    return this.#run.inProcess.requests.respond(topicFilter, handler, options);
  }

  on<Name extends BrokerEventName>(
    event: Name,
    listener: BrokerEventListener<Name>,
    options?: ListenOptions,
  ): Disposable {
    return this.#events.on(event, listener, options);
  }

  events<Name extends BrokerEventName>(names: readonly Name[], options?: EventsOptions): BrokerEvents<Name> {
    return this.#events.events(names, options);
  }

  openClient(clientIdentifier: string, options: LocalClientOptions = {}): Promise<LocalClient> {
    if (this.#state === "started") return this.#run.inProcess.openClient(clientIdentifier, options);
    return Promise.reject(new Error(`Cannot open client ${clientIdentifier}: the broker is ${this.#state}`));
  }

  disconnect(clientIdentifier: string, reasonCode?: ReasonCode, properties?: DisconnectProperties): boolean {
    return this.#run.inProcess.disconnect(clientIdentifier, reasonCode, properties);
  }

  // deno-lint-ignore require-await -- what is thrown is to reject
  async accept(connection: ByteStream | Transport, options: HandInOptions = {}): Promise<Accepted> {
    return acceptStream(this.#handInPlace ?? this.#state, connection, options);
  }

  upgrade(request: Request, options: UpgradeOptions = {}): Response {
    return upgradeWebRequest(this.#handInPlace, request, options);
  }

  upgradeSocket(
    request: UpgradeHead,
    socket: DuplexSocket,
    head: Uint8Array,
    options: UpgradeOptions = {},
  ): Promise<Accepted | undefined> {
    return upgradeNodeSocket(() => this.#handInPlace, { request, socket, head }, options);
  }

  /** `undefined`: the broker does not run. */
  get #handInPlace(): Run | undefined {
    return this.#state === "started" ? this.#run : undefined;
  }

  /** What is wrong with asking for something after a shutdown; `undefined`: nothing. */
  #stoppedFault(place: string): Error | undefined {
    if (this.#state !== "stopped") return undefined;
    return new Error(`${place}: the broker is shut down, and takes messages again once start() was called`);
  }

  get topics(): TopicsView {
    return this.#run.administration.topics;
  }

  timeline(clientIdentifier: string): readonly ClientEvent[] {
    return this.#run.administration.timeline(clientIdentifier);
  }

  deleteRetained(topicFilter: string, options: { readonly dryRun?: boolean } = {}): Promise<RetainedDeletion> {
    return this.#run.administration.inspection.deleteRetained(topicFilter, options);
  }

  async admin(request: Request, options: AdminRequestOptions = {}): Promise<Response> {
    if (this.#state === "started") return await this.#run.administration.answer(request, options);
    return new Response("The broker is not running\n", { status: 503 });
  }

  get adminUrl(): string | undefined {
    return this.#run.administration.link;
  }

  /** Makes sure that a start may begin, and that there is a run which was not ended. */
  #beginRun(): void {
    if (this.#state === "stopped") {
      this.#run = this.#makeRun();
      this.#stopping = undefined;
    } else if (this.#state !== "new" || this.#stopping) {
      const state = this.#stopping ? "being shut down" : `${this.#state} already`;
      throw new Error(`Cannot start the broker: it is ${state}`);
    }
  }

  #makeRun(): Run {
    return makeRun(this.#config, this.#environment, {
      events: this.#events,
      reload: () => this.reload(),
      observability: () => this.#observability,
    });
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
      this.#forgetSignal();
      this.#events.endLoops();
    }
  }
}
