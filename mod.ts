/**
 * An MQTT 3.1, 3.1.1 and 5.0 broker: in a program of its own, or inside another one.
 *
 * ```ts
 * import { Broker } from "@amqtt/broker";
 *
 * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
 * await broker.start();
 * await broker.publish("greetings/hello", "world", { retain: true });
 * for await (const message of broker.subscribe("greetings/#")) {
 *   console.log(message.topicName, new TextDecoder().decode(message.payload));
 *   break;
 * }
 * ```
 *
 * {@linkcode Broker} is where to begin, {@linkcode BrokerConfig} lists what can be set, {@linkcode loadConfigFile} reads
 * a YAML file, {@linkcode Plugin} is what a plugin can do, and {@linkcode Store} what keeps sessions and messages.
 *
 * @module
 */
export {
  type Accepted,
  type AdminRequestOptions,
  type AdminUser,
  Broker,
  type BrokerConstructor,
  type BrokerEnvironment,
  type Clock,
  type DuplexSocket,
  type HandInOptions,
  type HostAddress,
  type HostConnection,
  type HostConnectOptions,
  type HostTcpAddress,
  type HostTcpConnection,
  type ListenerAddress,
  type Machine,
  type MetricsPage,
  type Observability,
  type ProcessMemory,
  type ReloadFailure,
  type ReloadReport,
  type StartOptions,
  type UpgradeHead,
  type UpgradeOptions,
} from "./src/broker/broker.ts";

export type {
  AccessControlList,
  AdminConfig,
  AdminListenerConfig,
  AdminMetricsConfig,
  AdminRole,
  AuthConfig,
  BridgeAddress,
  BridgeConfig,
  BridgePreset,
  BridgeTls,
  BridgeTopicConfig,
  BrokerConfig,
  BrokerLimits,
  ClientCertificateRequest,
  ClusterConfig,
  ClusterLogConfig,
  ConfigOrigin,
  ConfigValueOrigin,
  ConnectionLimits,
  Duration,
  InNumbers,
  ListenerConfig,
  LogConfig,
  LogLevel,
  NatsAccess,
  NatsTls,
  PersistenceConfig,
  PluginEntry,
  PluginInPlace,
  PluginList,
  PluginWithOptions,
  ResolvedAdmin,
  ResolvedAdminBind,
  ResolvedBridge,
  ResolvedBridgeTopic,
  ResolvedCluster,
  ResolvedClusterLog,
  ResolvedConfig,
  ResolvedLimits,
  ResolvedListener,
  ResolvedLog,
  ResolvedTls,
  Size,
  StoreInPlace,
  TopicCheckConfig,
  UsernameFromCertificate,
} from "./src/config/config.ts";
export type {
  AnyOptions,
  CheckedAuth,
  CheckedConfig,
  CheckedPlugin,
  CheckedPlugins,
  CheckedTopicCheck,
  OptionsOf,
} from "./src/config/checked_config.ts";
export { checkConfig } from "./src/config/check.ts";
export { ConfigError, type ConfigFault, type Position } from "./src/config/config_error.ts";
export type { KeyPath } from "./src/config/key_path.ts";
export { loadConfigFile, type LoadConfigOptions, type LoadedConfig } from "./src/config/load.ts";
export {
  type DefinedHooks,
  type DefinedPlugin,
  definePlugin,
  type PluginDefinition,
} from "./src/hooks/define_plugin.ts";
export type { StandardIssue, StandardResult, StandardSchema } from "./src/hooks/standard_schema.ts";
export { PluginLoadError } from "./src/hooks/loader.ts";

export type {
  AuthenticationExchange,
  AuthenticationStep,
  BridgeSnapshot,
  BrokerStatistics,
  ClientAttributes,
  ClientSnapshot,
  Decision,
  Denial,
  Disconnection,
  DisconnectProperties,
  EnhancedSignIn,
  HandshakeRefusalKind,
  LoadAverage,
  LoadName,
  PacketName,
  Permission,
  Plugin,
  PluginContext,
  PluginFactory,
  PublishOptions,
  PublishResult,
  Refusal,
  RefusalKind,
  SessionSnapshot,
  SignIn,
  SignInCounts,
  SignInPermission,
  SignInRefusal,
  SubscriptionPermission,
  SubscriptionSnapshot,
  TransformedMessage,
} from "./src/hooks/plugin.ts";
export type {
  LocalClient,
  LocalClientOptions,
  LocalDelivery,
  LocalSubscribeOptions,
} from "./src/embedding/local_client.ts";
export type {
  BrokerEvent,
  BrokerEventListener,
  BrokerEventMap,
  BrokerEventName,
  BrokerEvents,
  EventsOptions,
  ListenOptions,
} from "./src/embedding/program_events.ts";
export type { RequestHandler, RequestOptions, RespondOptions } from "./src/embedding/requests.ts";
export type { ReceivedMessage, Subscribed, SubscribeOptions } from "./src/embedding/subscribing.ts";
export type { ClientEvent, EventKind } from "./src/admin/event.ts";
export type { TopicPublisher, TopicSnapshot, TopicsView } from "./src/admin/topics_view.ts";
export type { RetainedDeletion } from "./src/embedding/inspection.ts";
export type { Logger } from "./src/logger.ts";
export type { ApplicationMessage, DropReason, Payload } from "./src/message.ts";

export {
  type AckPacket,
  type AuthPacket,
  type ConnackPacket,
  type ConnackProperties,
  type ConnectPacket,
  type DisconnectPacket,
  type InboundPacket,
  type MessageProperties,
  type MessagePropertiesInput,
  type OutboundPacket,
  PacketType,
  type PingreqPacket,
  type PingrespPacket,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  type ReasonProperties,
  type SubackPacket,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubackPacket,
  type UnsubscribePacket,
  type UserProperty,
  type Will,
} from "./src/packet/packets.ts";
export type { PatternLevel, TopicPattern } from "./src/packet/topic_pattern.ts";
export { ReasonCode } from "./src/packet/reason_code.ts";
export {
  matches,
  parseTopicFilter,
  parseTopicName,
  TopicError,
  type TopicFilter,
  type TopicName,
} from "./src/packet/topic.ts";

export {
  type AcceptChange,
  type Change,
  type ClearChange,
  type ClockChange,
  type DeliveryChange,
  type DeliveryRange,
  type DeliveryState,
  type NewMessageChange,
  type ReleaseChange,
  type ReleasedChange,
  type RestoredSubscription,
  type RetainChange,
  type RetainedSentChange,
  type SentChange,
  type SessionChange,
  type SessionEndChange,
  type SessionPart,
  type SettledChange,
  type Store,
  type StoreContext,
  type StoredClock,
  type StoredDelivery,
  type StoredMessage,
  type StoredPosition,
  type StoredRetained,
  type StoredSession,
  type StoredState,
  type StoredSubscription,
  type StoredWill,
  StoreError,
  type StoreFactory,
  type SubscribeChange,
  type UnsubscribeChange,
  type WillChange,
  type WillEndChange,
} from "./src/store/store.ts";
export type { ByteStream } from "./src/transport/stream.ts";
export type { ClientCertificate, RemoteAddress, Transport } from "./src/transport/transport.ts";
