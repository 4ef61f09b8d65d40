/**
 * What a plugin is made of. A plugin is an ES module whose default export is a {@linkcode PluginFactory}: it takes the
 * options from the config and a context to act with, and returns the hooks that it wants to serve.
 */
import type { ApplicationMessage, DropReason, Payload } from "../message.ts";
import type {
  InboundPacket,
  MessagePropertiesInput,
  OutboundPacket,
  ProtocolVersion,
  QoS,
  UserProperty,
  Will,
} from "../packet/packets.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { ClientCertificate, RemoteAddress } from "../transport/transport.ts";
import type { Logger } from "../logger.ts";
import type {
  AuthenticationExchange,
  ClientAttributes,
  Decision,
  Permission,
  Refusal,
  SignInPermission,
  SignInRefusal,
  SubscriptionPermission,
} from "./answer.ts";
import type { BrokerStatistics, SessionSnapshot } from "./figures.ts";

export type * from "./answer.ts";
export type * from "./figures.ts";
export type { Duration } from "../config/units.ts";

/**
 * A client as it was when the hook was called; frozen, and never brought up to date.
 *
 * @category Plugins
 */
export interface ClientSnapshot {
  /** Name of the client's session. */
  readonly clientIdentifier: string;
  /** `undefined`: the client is anonymous. */
  readonly username?: string;
  /** Version of MQTT that the client speaks. */
  readonly protocolVersion: ProtocolVersion;
  /** Name of the listener that the connection came through. */
  readonly listener: string;
  /** Where the client is. */
  readonly remote: RemoteAddress;
  /** Whether the connection is encrypted. */
  readonly secure: boolean;
  /** Present if the client showed a certificate that the listener's authorities vouch for. */
  readonly certificate?: ClientCertificate;
  /** Whether the client asked for a new session. */
  readonly cleanStart: boolean;
  /** The client is lost if silent for one and a half of this; 0: no limit. */
  readonly keepAliveSeconds: number;
  /** `undefined`: the client leaves none. */
  readonly will?: Will;
  /** Of its CONNECT, in their order; `undefined`: none. */
  readonly userProperties?: readonly UserProperty[];
  /** Name of the enhanced authentication it signs in with (MQTT 5.0 §4.12); `undefined`: none. */
  readonly authenticationMethod?: string;
  /** When its CONNECT came, by the broker's clock; `undefined`: in an earlier run. */
  readonly connectedAt?: Date;
  /** What plugins have attached at sign-in; `undefined`: nothing, or it is not signed in yet. */
  readonly attributes?: ClientAttributes;
  /** What stands before all of its topics, `%u` and `%c` replaced; `undefined`: nothing, or it is not signed in yet. */
  readonly mountpoint?: string;
  /**
   * What it is subscribed to at the moment in which this is read, as the broker has it: with the mountpoint, and with
   * `$share/{ShareName}/` in front of what is shared. A new array each time; nothing is made unless it is read. `undefined`:
   * it is not signed in yet.
   */
  readonly topicFilters?: readonly TopicFilter[];
}

/**
 * What a client signs in with.
 *
 * @category Plugins
 */
export interface SignIn extends ClientSnapshot {
  /** `undefined`: none was given. */
  readonly password?: Uint8Array;
  /** Seconds after which the client is refused if nothing is decided: `connect-timeout`. `undefined`: not known. */
  readonly timeoutSeconds?: number;
  /** Aborted when the client has gone, so that nobody works for it any longer. */
  readonly signal: AbortSignal;
}

/** One filter of a SUBSCRIBE as it is asked for. */
export interface SubscriptionSnapshot {
  /** Without the `$share/{ShareName}/` in front. */
  readonly topicFilter: TopicFilter;
  /** `undefined`: the subscription is not shared. */
  readonly shareName?: string;
  /** Highest QoS at which messages are to be delivered. */
  readonly qos: QoS;
  /** Whether the client's own messages are kept from it; 5.0 only. @default false */
  readonly noLocal?: boolean;
  /** Whether messages keep the RETAIN flag they were published with; 5.0 only. @default false */
  readonly retainAsPublished?: boolean;
  /** Number that messages of this subscription carry; `undefined`: none. */
  readonly identifier?: number;
}

/**
 * Why a connection ended.
 *
 * @category Plugins
 */
export interface Disconnection {
  /** What a 5.0 client is told, or has said. */
  readonly reasonCode: ReasonCode;
  /** For people; in the log's words. */
  readonly reason: string;
  /** The client said goodbye with DISCONNECT. */
  readonly clean: boolean;
}

/** What a sign-in by enhanced authentication begins with (MQTT 5.0 §4.12). */
export interface EnhancedSignIn extends SignIn {
  /** Name of the mechanism, such as `SCRAM-SHA-256`. */
  readonly authenticationMethod: string;
  /** The client is signed in already and proves anew who it is. */
  readonly reAuthenticating: boolean;
}

/**
 * Who was refused what, and by whom.
 *
 * @category Plugins
 */
export interface Denial {
  /** What was asked for; `publish` also stands for a will that is due, `will` for one at CONNECT. */
  readonly action: "sign-in" | "will" | "publish" | "subscribe";
  /** Who asked for it. */
  readonly client: ClientSnapshot;
  /** Topic name of the message or will, or topic filter with `$share/…` in front; `undefined` for `sign-in`. */
  readonly topic?: string;
  /** The plugin that said no, as the config names it; `undefined`: no plugin allowed it, or a limit or rule forbids it. */
  readonly plugin?: string;
  /** What a 5.0 client is told. */
  readonly reasonCode: ReasonCode;
  /** For people; `undefined`: nobody has said why. */
  readonly reason?: string;
}

/**
 * A message as a plugin makes it; see {@linkcode ApplicationMessage} for its parts.
 *
 * @category Plugins
 */
export interface TransformedMessage {
  /** Where it is published; checked when it comes. */
  readonly topicName: string;
  /** The message itself; may be empty. */
  readonly payload: Uint8Array;
  /** The quality of service it is published with. */
  readonly qos: QoS;
  /** Whether it is to be retained. */
  readonly retain: boolean;
  /** 5.0 only; `undefined`: none. */
  readonly properties?: MessagePropertiesInput;
  /** Not looked at: the publisher stays the same. */
  readonly publisher?: string;
}

/**
 * The hooks of a plugin; every one is optional. Arguments are frozen snapshots.
 *
 * @category Plugins
 *
 * @example
 * ```ts
 * import { Broker, type Plugin } from "@amqtt/broker";
 *
 * const plugin: Plugin = {
 *   authenticate: ({ username }) => username === "alice" ? "allow" : "deny",
 *   authorizePublish: (client, { topicName }) => topicName.startsWith(`${client.username}/`) ? "allow" : "deny",
 *   clientConnected: ({ clientIdentifier }) => console.log(clientIdentifier),
 * };
 * await using broker = new Broker({
 *   listeners: { tcp: { bind: "127.0.0.1:0" } },
 *   auth: { plugins: [() => plugin] },
 * });
 * await broker.start();
 * ```
 */
export interface Plugin {
  // Decide.

  /** May this client sign in? A {@linkcode SignInPermission} may also say as whom, and what is known of it. */
  authenticate?(
    signIn: SignIn,
  ): Decision | SignInPermission | SignInRefusal | Promise<Decision | SignInPermission | SignInRefusal>;
  /**
   * Begins an enhanced authentication (MQTT 5.0 §4.12) if it knows the mechanism; `undefined` if not. The first plugin
   * that knows it decides, and `authenticate` is not asked.
   */
  beginAuthentication?(signIn: EnhancedSignIn): AuthenticationExchange | undefined;
  /** May this client publish this message? Asked for wills too: at CONNECT and when the will is sent. */
  authorizePublish?(
    client: ClientSnapshot,
    message: ApplicationMessage,
  ): Decision | Permission | Refusal | Promise<Decision | Permission | Refusal>;
  /** May this client have this subscription? */
  authorizeSubscribe?(
    client: ClientSnapshot,
    subscription: SubscriptionSnapshot,
  ): Decision | SubscriptionPermission | Refusal | Promise<Decision | SubscriptionPermission | Refusal>;
  /**
   * May this client be given this message? Asked for every recipient of every message, so it has to answer at once: a
   * promise would let one recipient delay or reorder the others.
   */
  authorizeReceive?(client: ClientSnapshot, message: ApplicationMessage): Decision;

  // Transform.

  /**
   * Returns the message to route in its place, or `undefined` to drop it. Runs after `authorizePublish`. A message for which
   * it throws, or returns what is no message, goes nowhere: a 5.0 client is told 0x83, the program's `publish` rejects.
   */
  transformMessage?(
    message: ApplicationMessage,
    client: ClientSnapshot | undefined,
  ): TransformedMessage | undefined | Promise<TransformedMessage | undefined>;
  /**
   * Returns the topic filter to put in the place of one that a client gives, `topicFilter` itself to leave it. It is asked
   * for each filter of SUBSCRIBE and of UNSUBSCRIBE, and has to give the same answer for the same client and filter each
   * time. Asked before `authorizeSubscribe`, with the mountpoint and without `$share/{ShareName}/`. It has to answer at
   * once; a throw, or what is no topic filter, refuses the subscription (0x83 in 5.0).
   */
  transformSubscription?(client: ClientSnapshot, topicFilter: TopicFilter): string;
  /**
   * Returns what one recipient is given in place of a message, or `undefined` to keep it from the recipient; the message
   * itself to leave it. Asked after `authorizeReceive` for every recipient of every message, when it is sent or sent again,
   * so it has to answer at once. What it returns has the topic name with the mountpoint. QoS, RETAIN and message expiry
   * interval stay as they are; a throw keeps the message from the recipient.
   */
  transformDelivery?(client: ClientSnapshot, message: ApplicationMessage): TransformedMessage | undefined;

  // Observe. What these throw is logged with the plugin's name and changes nothing.

  /** Before the first listener opens; a throw here stops the start. */
  beforeStart?(): void | Promise<void>;
  /** Every listener is open. */
  afterStart?(): void | Promise<void>;
  /** Clients are still connected. */
  beforeShutdown?(): void | Promise<void>;
  /** Everything is closed; frees what the plugin holds. Also called when a start fails. */
  afterShutdown?(): void | Promise<void>;
  /**
   * Take new options and read files again; a throw is logged and means that the old ones stay.
   *
   * @param options what the config file says now, or what the plugin was made with if there is no file
   */
  reload?(options: unknown): void | Promise<void>;
  /** A client has signed in. */
  clientConnected?(client: ClientSnapshot): void;
  /** The connection of a client that had signed in has ended. */
  clientDisconnected?(client: ClientSnapshot, disconnection: Disconnection): void;
  /** A subscription was made, or took the place of its former self. */
  clientSubscribed?(client: ClientSnapshot, subscription: SubscriptionSnapshot): void;
  /** A subscription has ended at the client's wish. */
  clientUnsubscribed?(client: ClientSnapshot, topicFilter: TopicFilter): void;
  /** A client's message has arrived and has not been checked yet. */
  messageReceived?(client: ClientSnapshot, message: ApplicationMessage): void;
  /** A message was routed to `subscribers` subscribers. */
  messageRouted?(message: ApplicationMessage, subscribers: number): void;
  /** A topic's retained message was set, or cleared by an empty payload or message expiry interval 0. */
  messageRetained?(message: ApplicationMessage): void;
  /** A message waits for a client that is offline. */
  messageQueued?(clientIdentifier: string, message: ApplicationMessage): void;
  /**
   * A message was given up for one subscriber (`undefined`: for all). Not called for messages that are in the store only
   * when their session ends: those are counted alone.
   */
  messageDropped?(clientIdentifier: string | undefined, message: ApplicationMessage, reason: DropReason): void;
  /**
   * A sign-in, a will, a message or a subscription was refused: by a plugin, since no plugin allowed it, or by a rule. What
   * is kept from a recipient, and what finds no room or no store, is not told here.
   */
  denied?(denial: Denial): void;
  /** A packet has arrived; `client` is `undefined` until it is signed in. */
  packetReceived?(client: ClientSnapshot | undefined, packet: InboundPacket): void;
  /** A packet is on its way out; `client` is `undefined` until it is signed in. */
  packetSent?(client: ClientSnapshot | undefined, packet: OutboundPacket): void;
}

/**
 * How a message is published by a plugin or the host program.
 *
 * @category Messages
 */
export interface PublishOptions {
  /** Quality of service. @default 0 */
  readonly qos?: QoS;
  /** Whether it is retained for later subscribers. @default false */
  readonly retain?: boolean;
  /** MQTT 5.0 properties that go with it. */
  readonly properties?: MessagePropertiesInput;
}

/**
 * What became of a message that a plugin or the host program has published.
 *
 * @category Messages
 */
export interface PublishResult {
  /**
   * Subscribers that it was given to: sessions with or without a connected client, groups with a shared subscription, and
   * subscriptions of the program. 0 also if the queues of all of them are full, or if a plugin has dropped it.
   */
  readonly subscribers: number;
}

/** What a 5.0 client is told when it is cut off (MQTT 5.0 §3.14.2.2). */
export interface DisconnectProperties {
  /** In words for people. */
  readonly reasonString?: string;
  /** In this order. */
  readonly userProperties?: readonly UserProperty[];
  /** Where to go instead; with 0x9C `UseAnotherServer` or 0x9D `ServerMoved`. */
  readonly serverReference?: string;
}

/**
 * What a plugin can do with the broker.
 *
 * @category Plugins
 */
export interface PluginContext {
  /** Name of the plugin in the config. */
  readonly specifier: string;
  /** Writes to the broker's log. */
  readonly logger: Logger;
  /** Folder that relative paths in the options start from. */
  readonly baseDirectory: string;
  /** Aborted at shutdown. */
  readonly signal: AbortSignal;
  /** A snapshot as of now, each time it is read; frozen. */
  readonly statistics: BrokerStatistics;
  /**
   * Publishes a message; no permission is asked. Also writes `$SYS`. It is on its way when this returns: nobody has to wait.
   *
   * @returns resolves, as the host program's publish does, when the message is routed, and at QoS 1 and 2 stored where it
   * has to be. It rejects if the topic name, the payload, an option or a property is wrong, if a plugin fails at the message, or if the message would have to be stored while the
   * store fails; nobody gets it then. That is also logged, so that a plugin which does not wait loses nothing in silence
   */
  publish(topicName: string, payload: Payload, options?: PublishOptions): Promise<PublishResult>;
  /** Sets a topic's retained message without sending it to anybody; an empty payload clears it. */
  retain(topicName: string, payload: Payload, options?: Omit<PublishOptions, "retain">): void;
  /**
   * The retained messages that a topic filter matches, each as it is when its turn comes, without those that have expired.
   * Meant for a loop that may stop, or wait, wherever it likes: nothing is copied ahead, and what is retained or cleared
   * meanwhile is found or not. `undefined` as filter: all of them, those of `$SYS` included.
   *
   * @throws {TopicError} if the topic filter is wrong
   */
  retained(topicFilter?: string): IterableIterator<ApplicationMessage>;
  /** The clients that are connected now. */
  clients(): ClientSnapshot[];
  /** The sessions, with or without a connected client, each as it is when its turn comes. */
  sessions(): IterableIterator<SessionSnapshot>;
  /** One client's session; `undefined`: it has none. */
  session(clientIdentifier: string): SessionSnapshot | undefined;
  /**
   * Cuts a client off at the end of this turn of the event loop, so that a hook may ask for it: its session and its will are
   * treated as after a lost connection. False: no such client is connected, or it is being cut off already.
   */
  disconnect(clientIdentifier: string, reasonCode?: ReasonCode, properties?: DisconnectProperties): boolean;
  /** Adds a subscription to a session that exists; no permission is asked. False: no such session. */
  subscribe(clientIdentifier: string, topicFilter: string, qos?: QoS): boolean;
  /** Calls `tick` every so many seconds until shutdown, from the broker's own clock. */
  every(seconds: number, tick: () => void): void;
}

/**
 * The default export of a plugin module.
 *
 * @param options what the config says of this plugin; check it and throw an `Error` that says what was expected
 * @returns the hooks to serve
 * @category Plugins
 *
 * @example A module that a config may name
 * ```ts
 * import type { PluginFactory } from "@amqtt/broker";
 *
 * const create: PluginFactory = (_options, context) => ({
 *   messageDropped: (_client, { topicName }, reason) => context.logger.warn(`${topicName}: ${reason}`),
 * });
 * export default create;
 * ```
 */
export type PluginFactory = (options: unknown, context: PluginContext) => Plugin | Promise<Plugin>;
