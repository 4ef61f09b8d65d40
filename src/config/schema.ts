/** Schemas of the config's sections, in camelCase; every key is optional, and no other key is allowed. */
import { z } from "zod";
import { authQuantities, brokerQuantities, limitQuantities, listenerQuantities } from "./keys.ts";
import {
  accessControlList,
  anonymity,
  bind,
  choice,
  fileMode,
  flag,
  hosts,
  logCategories,
  logLevels,
  mqttText,
  origins,
  quantity,
  secret,
  text,
  urlPath,
} from "./values.ts";

const path = text("the path of a file");
const folder = text("the path of a folder");
/** Looked into by a schema of its own, or by nobody. */
const later = z.unknown();

const limits = {
  connectTimeout: quantity(limitQuantities.connectTimeout),
  maxPacketSize: quantity(limitQuantities.maxPacketSize),
  maxInflight: quantity(limitQuantities.maxInflight),
  maxOutboundBytes: quantity(limitQuantities.maxOutboundBytes),
  maxInboundBytes: quantity(limitQuantities.maxInboundBytes),
  maxSubscriptions: quantity(limitQuantities.maxSubscriptions),
  queueLimit: quantity(limitQuantities.queueLimit),
  queueLimitBytes: quantity(limitQuantities.queueLimitBytes),
  queueQos0: flag,
  queuePolicy: choice(["drop-oldest", "drop-newest", "disconnect"]),
  stallTimeout: quantity(limitQuantities.stallTimeout),
  sessionExpiryInterval: quantity(limitQuantities.sessionExpiryInterval),
  maxSessionExpiryInterval: quantity(limitQuantities.maxSessionExpiryInterval),
  maxKeepAlive: quantity(limitQuantities.maxKeepAlive),
  topicAliasMaximum: quantity(limitQuantities.topicAliasMaximum),
  outboundTopicAliasMaximum: quantity(limitQuantities.outboundTopicAliasMaximum),
  maxFiltersPerPacket: quantity(limitQuantities.maxFiltersPerPacket),
  maxOverlappingSubscriptions: quantity(limitQuantities.maxOverlappingSubscriptions),
  maxUserProperties: quantity(limitQuantities.maxUserProperties),
  maxTopicLevels: quantity(limitQuantities.maxTopicLevels),
  maximumQos: quantity(limitQuantities.maximumQos),
  retainAvailable: flag,
  wildcardSubscriptionAvailable: flag,
  subscriptionIdentifiersAvailable: flag,
  sharedSubscriptionAvailable: flag,
  responseInformation: mqttText,
  checkPayloadFormat: flag,
  timeoutDisconnectDelay: quantity(limitQuantities.timeoutDisconnectDelay),
};

const accessControlLists = {
  acl: accessControlList,
  publishAcl: accessControlList,
  subscribeAcl: accessControlList,
  receiveAcl: accessControlList,
};

/** Limits alone, to pick them from a larger section. */
export const limitsSchema = z.object(limits).partial();

/** The top level. */
export const brokerSchema = z.strictObject({
  listeners: later,
  auth: later,
  topicCheck: later,
  plugins: later,
  persistence: later,
  log: later,
  sysInterval: quantity(brokerQuantities.sysInterval),
  maxSessions: quantity(brokerQuantities.maxSessions),
  maxSessionsPerUser: quantity(brokerQuantities.maxSessionsPerUser),
  maxSessionsPerAddress: quantity(brokerQuantities.maxSessionsPerAddress),
  maxShareGroups: quantity(brokerQuantities.maxShareGroups),
  maxRetained: quantity(brokerQuantities.maxRetained),
  maxRetainedBytes: quantity(brokerQuantities.maxRetainedBytes),
  maxTotalBytes: quantity(brokerQuantities.maxTotalBytes),
  ...limits,
}).partial();

/** One of `listeners`. */
export const listenerSchema = z.strictObject({
  type: choice(["tcp", "ws", "external"]),
  bind,
  socketMode: fileMode,
  ssl: flag,
  certfile: path,
  keyfile: path,
  keyfilePassphrase: secret,
  keyfilePassphraseFile: path,
  cafile: path,
  capath: folder,
  cadata: text("certificates as PEM text"),
  crlfile: path,
  clientCertificate: choice(["off", "optional", "required"]),
  usernameFromCertificate: choice(["off", "cn", "san"]),
  maxConnections: quantity(listenerQuantities.maxConnections),
  path: urlPath,
  origins,
  hosts,
  // Keys of aMQTT that mean nothing here.
  reader: later,
  writer: later,
  ...limits,
}).partial();

/** `auth`. */
export const authSchema = z.strictObject({
  plugins: later,
  allowAnonymous: anonymity,
  passwordFile: path,
  scramKeyFile: path,
  authConcurrency: quantity(authQuantities.authConcurrency),
}).partial();

/** `topic-check`. */
export const topicCheckSchema = z.strictObject({ enabled: flag, plugins: later, ...accessControlLists }).partial();

/** `persistence`, unless its type is a module of the user's. */
export const persistenceSchema = z.strictObject({
  type: choice(["memory", "sqlite"]),
  path,
  commit: choice(["disk", "os"]),
}).partial();

/** `log`. */
export const logSchema = z.strictObject({
  level: choice(logLevels),
  format: choice(["text", "json"]),
  packets: choice(["off", "headers"]),
  excludeSys: flag,
  categories: logCategories,
}).partial();

/** Options of the bundled plugins. */
export const pluginSchemas = {
  "auth.anonymous": z.strictObject({ allowAnonymous: anonymity }).partial(),
  "auth.file": z.strictObject({
    passwordFile: path,
    scramKeyFile: path,
    authConcurrency: quantity(authQuantities.authConcurrency),
  }).partial(),
  topic_acl: z.strictObject(accessControlLists).partial(),
  topic_taboo: z.strictObject({}),
  broker_sys: z.strictObject({
    interval: quantity(brokerQuantities.sysInterval),
    // aMQTT's name for it.
    sysInterval: quantity(brokerQuantities.sysInterval),
  }).partial(),
  event_logger: z.strictObject({ excludeSys: flag }).partial(),
  packet_logger: z.strictObject({ excludeSys: flag }).partial(),
} as const;

/** What the top level says. */
export type BrokerValues = z.output<typeof brokerSchema>;

/** What a listener's section says. */
export type ListenerValues = z.output<typeof listenerSchema>;

/** What the `auth` section says. */
export type AuthValues = z.output<typeof authSchema>;

/** What the `topic-check` section says. */
export type TopicCheckValues = z.output<typeof topicCheckSchema>;
