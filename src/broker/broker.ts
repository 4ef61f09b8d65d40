import type { ClientEvent } from "../admin/event.ts";
import type { TopicsView } from "../admin/topics_view.ts";
import type { CheckedConfig } from "../config/checked_config.ts";
import type { RetainedDeletion } from "../embedding/inspection.ts";
import type { LocalClient, LocalClientOptions } from "../embedding/local_client.ts";
import type {
  BrokerEventListener,
  BrokerEventName,
  BrokerEvents,
  EventsOptions,
  ListenOptions,
} from "../embedding/program_events.ts";
import type { RequestHandler, RequestOptions, RespondOptions } from "../embedding/requests.ts";
import type { ReceivedMessage, Subscribed, SubscribeOptions } from "../embedding/subscribing.ts";
import type { BridgeSnapshot } from "../hooks/figures.ts";
import type {
  BrokerStatistics,
  ClientSnapshot,
  DisconnectProperties,
  PublishOptions,
  PublishResult,
  SessionSnapshot,
} from "../hooks/plugin.ts";
import type { ApplicationMessage, Payload } from "../message.ts";
import type { Observability } from "../metrics/observability.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { DuplexSocket } from "../runtime/duplex.ts";
import type { BrokerEnvironment } from "../runtime/environment.ts";
import type { ByteStream } from "../transport/stream.ts";
import type { Transport } from "../transport/transport.ts";
import type { UpgradeHead } from "../transport/websocket/handed_socket.ts";
import type { AdminRequestOptions } from "./administration.ts";
import { Broker as BrokerImplementation, type StartOptions } from "./broker_implementation.ts";
import type { Accepted, HandInOptions, UpgradeOptions } from "./hand_ins.ts";
import type { ListenerAddress } from "./listeners.ts";
import type { ReloadReport } from "./reload.ts";

export type { AdminRequestOptions, AdminUser } from "./administration.ts";
export type { StartOptions } from "./broker_implementation.ts";
export type { ListenerAddress } from "./listeners.ts";
export type { Accepted, HandInOptions, UpgradeOptions } from "./hand_ins.ts";
export type { DuplexSocket } from "../runtime/duplex.ts";
export type { UpgradeHead } from "../transport/websocket/handed_socket.ts";
export type { ReloadFailure, ReloadReport } from "./reload.ts";
export type { BrokerEnvironment, Clock, ProcessMemory } from "../runtime/environment.ts";
export type {
  HostAddress,
  HostConnection,
  HostConnectOptions,
  HostTcpAddress,
  HostTcpConnection,
} from "../runtime/host_types.ts";
export type { Machine } from "../runtime/machine.ts";
export type { MetricsPage, Observability } from "../metrics/observability.ts";

/**
 * An MQTT broker. It may be started again after a shutdown: what its store holds is back then, everything else begins
 * anew.
 *
 * @category Broker
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
export interface Broker extends AsyncDisposable {
  /** What it listens on, by listener name; listeners without a socket are left out. */
  readonly addresses: Readonly<Record<string, ListenerAddress>>;

  /** The clients that are connected now. */
  readonly clients: ClientSnapshot[];

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
  sessions(): IterableIterator<SessionSnapshot>;

  /** One client's session as it is now; `undefined`: it has none. */
  session(clientIdentifier: string): SessionSnapshot | undefined;

  /** The bridges as they are now, in the config's order. */
  bridges(): BridgeSnapshot[];

  /**
   * Ends a bridge's connection, and makes no other one until it is resumed or the broker is started again. What is
   * published for the remote waits in the bridge's session.
   *
   * @param name its key in `bridges`
   * @throws {Error} if there is no such bridge, or the broker is not started
   */
  pauseBridge(name: string): void;

  /**
   * Connects a bridge that was paused, at once. Does nothing if it was not.
   *
   * @param name its key in `bridges`
   * @throws {Error} if there is no such bridge, or the broker is not started
   */
  resumeBridge(name: string): void;

  /**
   * Ends a bridge's connection if there is one, and connects it without a wait, also if it was paused.
   *
   * @param name its key in `bridges`
   * @throws {Error} if there is no such bridge, or the broker is not started
   */
  reconnectBridge(name: string): void;

  /** The retained messages by topic name, as of now. */
  readonly retained: ReadonlyMap<string, ApplicationMessage>;

  /** Counters since the start, and figures: a frozen snapshot as of now. */
  readonly statistics: BrokerStatistics;

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
  readonly observability: Observability;

  /**
   * Loads the plugins and opens the listeners, with the config that was given last. After a shutdown, or a start that
   * failed, it may be called again.
   *
   * @param options.signal shuts the broker down when it is aborted
   * @throws the signal's reason, if it is aborted before the start is complete
   * @throws {Error} if the broker is running or not quite shut down, a plugin does not load, or a listener cannot be
   * opened; everything is closed again then
   */
  start(options?: StartOptions): Promise<void>;

  /**
   * Publishes the wills, closes every connection in bounded time, and frees everything. May be called again. What
   * {@linkcode Broker.sessions} and the like tell stays until the next start.
   */
  shutdown(): Promise<void>;

  /** {@linkcode Broker.shutdown}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * Reads certificates, password files and permissions again without dropping anybody. What is faulty is logged, and
   * the old stays.
   *
   * @param config what the config says now, from a file by way of {@linkcode checkConfig}; its plugin options are taken over, and the rest with the next
   * {@linkcode Broker.start}. `undefined`: as it was
   * @returns what was read, what needs a restart, and what has failed; nothing of all if the broker is not started
   * @throws {ConfigError} if the new config has faults; nothing is changed then
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * const listeners = { tcp: { bind: "127.0.0.1:0" } };
   * await using broker = new Broker({ listeners });
   * await broker.start();
   * const { needsRestart, failed } = await broker.reload({ listeners, maxInflight: 10 });
   * console.log(needsRestart, failed); // [ "max-inflight" ] []
   * ```
   */
  reload<
    Plugins extends readonly unknown[] = never,
    SignInPlugins extends readonly unknown[] = never,
    TopicPlugins extends readonly unknown[] = never,
  >(config?: CheckedConfig<Plugins, SignInPlugins, TopicPlugins>): Promise<ReloadReport>;

  /**
   * Publishes a message; no permission is asked. Resolves when it is routed, and at QoS 1 and 2 stored where it has to be.
   * What is published before the first start is complete does not wait for that: it is retained, and stored with the start.
   *
   * @param payload bytes, which are copied, or text
   * @returns how many subscribers it was given to
   * @throws {TopicError} if the topic name is wrong
   * @throws {Error} if the payload, an option or a property is wrong; if a plugin fails at it; if it would have to be stored
   * while the store fails, and nobody gets it; if the broker ended before it was stored; or if it is shut down and
   * {@linkcode Broker.start} was not called again
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
   * await broker.start();
   * const { subscribers } = await broker.publish("hello", new TextEncoder().encode("world"), { qos: 1, retain: true });
   * console.log(subscribers); // 0: nobody listens yet
   * ```
   */
  publish(topicName: string, payload: Payload, options?: PublishOptions): Promise<PublishResult>;

  /**
   * Subscribes the program itself, from this call on. Messages wait in a queue of `queue-limit` messages and
   * `queue-limit-bytes`, unless `options` say otherwise. The iterator ends at shutdown, and the subscription when its loop is
   * left; what is subscribed to after a shutdown ends at once.
   *
   * @param topicFilter may be that of a shared subscription, `$share/{ShareName}/{filter}`
   * @throws {TopicError} if the topic filter is wrong
   * @throws {Error} if an option is wrong
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
   * await broker.start();
   * await using messages = broker.subscribe("sensors/#", { qos: 1, limit: 100, onOverflow: "throw" });
   * await broker.publish("sensors/door", "open");
   * for await (const { topicName, replayed } of messages) {
   *   console.log(topicName, replayed); // sensors/door false
   *   break;
   * }
   * ```
   */
  subscribe(topicFilter: string, options?: SubscribeOptions): Subscribed;

  /**
   * Sends a request and waits for its response (MQTT 5.0 §4.10): from another part of the program, or from a client of MQTT
   * 5.0, which publishes it to the request's response topic with the request's correlation data.
   *
   * @param topicName where the request goes
   * @param body its payload: bytes, which are copied, or text
   * @returns the first response
   * @throws {TopicError} if a topic name is wrong
   * @throws {Error} if nobody is subscribed to the topic, the program's handler fails, the broker is shut down, or as
   * {@linkcode Broker.publish}
   * @throws the signal's reason, if it is aborted before there is a response
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
   * await broker.start();
   * using _ = broker.respond("rpc/upper", ({ payload }) => new TextDecoder().decode(payload).toUpperCase());
   * const reply = await broker.request("rpc/upper", "hello", { signal: AbortSignal.timeout(5000) });
   * console.log(new TextDecoder().decode(reply.payload)); // HELLO
   * ```
   */
  request(topicName: string, body: Payload, options?: RequestOptions): Promise<ReceivedMessage>;

  /**
   * Responds to requests (MQTT 5.0 §4.10), of the program and of clients. A client gets no response at a topic that it may not
   * publish to itself: the program would do it for the client otherwise.
   *
   * @param topicFilter where requests come; may be that of a shared subscription
   * @param handler makes the payload of each response
   * @returns what ends it, as the signal and a shutdown do
   * @throws {TopicError} if the topic filter is wrong
   * @throws {Error} if the handler or an option is wrong
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
   * await broker.start();
   * const stop = new AbortController();
   * broker.respond("time", () => new Date().toISOString(), { signal: stop.signal });
   * console.log(new TextDecoder().decode((await broker.request("time", "")).payload));
   * stop.abort();
   * ```
   */
  respond(topicFilter: string, handler: RequestHandler, options?: RespondOptions): Disposable;

  /**
   * Tells a listener of what happens, from this call on, also before a start and over several. Nothing is slower for events
   * that nobody listens to.
   *
   * @param event name of an observing hook of {@linkcode Plugin}; the listener is given what that hook is given
   * @returns what ends it, as the signal does
   * @throws {Error} if there is no such event, or the listener is no function
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
   * broker.on("clientConnected", ({ clientIdentifier, remote }) => console.log(clientIdentifier, remote.hostname));
   * await broker.start();
   * ```
   */
  on<Name extends BrokerEventName>(
    event: Name,
    listener: BrokerEventListener<Name>,
    options?: ListenOptions,
  ): Disposable;

  /**
   * What happens, as a loop, from this call on. Events wait in a queue of `limit`; when that is full the oldest goes, and
   * is counted in `dropped`. The loop ends at shutdown.
   *
   * @param names of the events, as for {@linkcode Broker.on}
   * @throws {Error} if there is no such event, or an option is wrong
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } }, sysInterval: 0 });
   * await using events = broker.events(["messageRouted", "messageDropped"]);
   * await broker.start();
   * await broker.publish("hello", "world");
   * for await (const event of events) {
   *   if (event.name === "messageDropped") continue;
   *   const [message, subscribers] = event.details;
   *   console.log(message.topicName, subscribers); // hello 0
   *   break;
   * }
   * ```
   */
  events<Name extends BrokerEventName>(names: readonly Name[], options?: EventsOptions): BrokerEvents<Name>;

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
  openClient(clientIdentifier: string, options?: LocalClientOptions): Promise<LocalClient>;

  /**
   * Cuts a client off, at the end of this turn of the event loop; session and will are treated as after a lost connection.
   *
   * @param reasonCode what a 5.0 client is told (MQTT 5.0 §3.14.2.1). @default `AdministrativeAction`
   * @param properties what it is told beside: with `UseAnotherServer` or `ServerMoved` the server to go to
   * @returns false if no such client is connected, or it is being cut off already
   * @throws {Error} if the reason code is none that a server says in DISCONNECT, or a property is wrong; the client stays
   */
  disconnect(clientIdentifier: string, reasonCode?: ReasonCode, properties?: DisconnectProperties): boolean;

  /**
   * Takes a connection from the host program: a unix socket, one end of a pair, any stream of bytes.
   *
   * @param options.listener whose attributes it gets
   * @throws {Error} if the broker is not started, there is no such listener, none is named where several are external, or
   * the connection is no stream; the connection is closed then
   */
  accept(connection: ByteStream | Transport, options?: HandInOptions): Promise<Accepted>;

  /**
   * Takes a WebSocket request from the host's own web server, where the runtime can turn a `Request` into a WebSocket, as
   * Deno can; elsewhere the response is 501, and {@linkcode Broker.upgradeSocket} is the way.
   *
   * @param options.listener whose attributes the connection gets
   * @param options.remote where the client is, for logs, snapshots and what is counted by address
   * @returns the response to give: the upgrade, or an error with a sentence
   * @throws {Error} if there is no such listener, or none is named where several are external
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { web: { type: "external" } }, auth: { allowAnonymous: true } });
   * await broker.start();
   * await using server = Deno.serve(
   *   { hostname: "127.0.0.1", port: 0, onListen: () => {} },
   *   (request, info) => broker.upgrade(request, { listener: "web", remote: info.remoteAddr }),
   * );
   * const response = await fetch(`http://127.0.0.1:${server.addr.port}/`);
   * console.log(response.status, await response.text()); // 426: a WebSocket is expected
   * ```
   */
  upgrade(request: Request, options?: UpgradeOptions): Response;

  /**
   * Takes a WebSocket request from a web server of `node:http` or `node:https`: what its event `upgrade` tells. The socket
   * belongs to the broker then, also if the request is refused, which is answered with a sentence.
   *
   * @param head what came behind the request
   * @param options.listener whose attributes the connection gets
   * @param options.remote where the client is, if a proxy stands in between
   * @returns the connection; `undefined`: the request was refused
   * @throws {Error} if it is no request or socket, there is no such listener, or none is named where several are external
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   * import { createServer } from "node:http";
   *
   * await using broker = new Broker({ listeners: { web: { type: "external" } }, auth: { allowAnonymous: true } });
   * await broker.start();
   * const server = createServer((_request, response) => response.end("hello\n"));
   * server.on("upgrade", (request, socket, head) => broker.upgradeSocket(request, socket, head));
   * server.listen(0, "127.0.0.1", () => server.close());
   * ```
   */
  upgradeSocket(
    request: UpgradeHead,
    socket: DuplexSocket,
    head: Uint8Array,
    options?: UpgradeOptions,
  ): Promise<Accepted | undefined>;

  /**
   * What was published last to each topic, and by whom. Remembered from the start with a section `admin`, else from the
   * first time that this, {@linkcode Broker.timeline} or {@linkcode Broker.admin} is asked for.
   */
  readonly topics: TopicsView;

  /**
   * The last events of a client in words, oldest first, also if it never got in; remembered as {@linkcode Broker.topics}.
   * Empty: nothing is remembered of it.
   */
  timeline(clientIdentifier: string): readonly ClientEvent[];

  /**
   * Deletes the retained messages that a topic filter matches. Subscribers are told, as if each had been cleared by an
   * empty message.
   *
   * @param options.dryRun only tells how many there are. @default false
   * @throws {TopicError} if the topic filter is wrong
   */
  deleteRetained(topicFilter: string, options?: { readonly dryRun?: boolean }): Promise<RetainedDeletion>;

  /**
   * Answers a request to the admin API under the host's own web server. Nothing is opened for it.
   *
   * @example
   * ```ts
   * import { Broker } from "@amqtt/broker";
   *
   * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
   * await broker.start();
   * const request = new Request("http://localhost/broker/api/v1/overview");
   * const response = await broker.admin(request, { prefix: "/broker", user: { name: "ada", role: "viewer" } });
   * console.log(await response.json());
   * ```
   */
  admin(request: Request, options?: AdminRequestOptions): Promise<Response>;

  /**
   * The address of the admin page of the section `admin`; it holds a one-time token if no users are listed and nobody has
   * used it. `undefined`: nothing listens.
   */
  readonly adminUrl: string | undefined;
}

/**
 * {@linkcode Broker} as a class: what stands behind `new`, `instanceof` and `extends`. It is told of apart from what a
 * broker can do, since a class cannot have its constructor check the options of each plugin, as this one does.
 *
 * @category Broker
 */
export interface BrokerConstructor {
  /**
   * Checks the config; nothing is opened or read yet.
   *
   * @param config without it the command line's defaults; for a parsed YAML file see
   * {@linkcode BrokerConstructor.fromYaml}. Of plugins that stand in it the compiler checks the options
   * @throws {ConfigError} with every fault of the config
   */
  new <
    Plugins extends readonly unknown[] = never,
    SignInPlugins extends readonly unknown[] = never,
    TopicPlugins extends readonly unknown[] = never,
  >(
    config?: CheckedConfig<Plugins, SignInPlugins, TopicPlugins>,
    environment?: BrokerEnvironment,
  ): Broker;

  /** What every broker has; for `instanceof`. */
  readonly prototype: Broker;

  /**
   * Makes a broker of a config whose keys are spelt as in YAML files: `max-packet-size`. It may come from a YAML or JSON
   * file, or from {@linkcode loadConfigFile}.
   *
   * @throws {ConfigError} with every fault of the config
   *
   * @example
   * ```ts
   * import { Broker, loadConfigFile } from "@amqtt/broker";
   *
   * const { config, baseDirectory } = await loadConfigFile("examples/acl.yaml");
   * await using broker = Broker.fromYaml(config, { baseDirectory });
   * ```
   */
  fromYaml(config: Readonly<Record<string, unknown>>, environment?: BrokerEnvironment): Broker;
}

/**
 * Makes a broker; also a class to extend.
 *
 * @category Broker
 *
 * @example
 * ```ts
 * import { Broker } from "@amqtt/broker";
 *
 * const greeter = ({ greeting }: { readonly greeting: string }) => ({ afterStart: () => console.log(greeting) });
 * await using broker = new Broker({
 *   listeners: { tcp: { bind: "127.0.0.1:0" } },
 *   plugins: [[greeter, { greeting: "hi" }], "event_logger"], // { greeting: 5 } would not compile.
 * });
 * await broker.start();
 * ```
 */
export const Broker: BrokerConstructor = BrokerImplementation;
