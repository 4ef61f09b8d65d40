/**
 * Every key of the config with its default and its range: what the checks, the defaults and the documentation have in
 * common.
 */
import type { ResolvedLimits } from "./config.ts";
import { toHyphens } from "./spelling.ts";
import { formatBytes, formatSeconds } from "./units.ts";

/** A number with its range, ends included. */
export interface Quantity {
  readonly unit:
    | "bytes"
    | "seconds"
    | "connections"
    | "sessions"
    | "messages"
    | "filters"
    | "hashes"
    | "aliases"
    | "levels"
    | "properties"
    | "groups"
    | "subscriptions"
    | "QoS";
  readonly default: number;
  readonly minimum: number;
  /** `undefined`: no limit but that of whole numbers. */
  readonly maximum?: number;
  /** The minimum itself is too small. */
  readonly aboveMinimum?: boolean;
  /** Parts of a unit are allowed. */
  readonly fractional?: boolean;
}

const DAY = 86_400;
const MIB = 2 ** 20;
/** Longest wait in seconds that a timer can do. */
const LONGEST_TIMER = 2_147_483;
/** Session expiry interval of a session that does not expire (MQTT 5.0 §3.1.2.11.2). */
const NEVER = 4_294_967_295;

/** Limits that are numbers, for the broker and for a listener. */
export const limitQuantities = {
  connectTimeout: {
    unit: "seconds",
    default: 10,
    minimum: 0,
    maximum: DAY,
    aboveMinimum: true,
    fractional: true,
  },
  maxPacketSize: { unit: "bytes", default: 16 * MIB, minimum: 16, maximum: 268_435_460 },
  maxInflight: { unit: "messages", default: 1000, minimum: 1, maximum: 65_535 },
  maxOutboundBytes: { unit: "bytes", default: 16 * MIB, minimum: 1 },
  maxInboundBytes: { unit: "bytes", default: 32 * MIB, minimum: 1 },
  maxSubscriptions: { unit: "filters", default: 20_000, minimum: 1 },
  queueLimit: { unit: "messages", default: 10_000, minimum: 1 },
  queueLimitBytes: { unit: "bytes", default: 64 * MIB, minimum: 1 },
  stallTimeout: { unit: "seconds", default: 60, minimum: 0, maximum: DAY, aboveMinimum: true, fractional: true },
  sessionExpiryInterval: { unit: "seconds", default: 7 * DAY, minimum: 0, maximum: NEVER },
  maxSessionExpiryInterval: { unit: "seconds", default: NEVER, minimum: 0, maximum: NEVER },
  maxKeepAlive: { unit: "seconds", default: 0, minimum: 0, maximum: 65_535 },
  topicAliasMaximum: { unit: "aliases", default: 100, minimum: 0, maximum: 65_535 },
  outboundTopicAliasMaximum: { unit: "aliases", default: 0, minimum: 0, maximum: 65_535 },
  maxFiltersPerPacket: { unit: "filters", default: 10_000, minimum: 1 },
  maxOverlappingSubscriptions: { unit: "subscriptions", default: 256, minimum: 1 },
  maxUserProperties: { unit: "properties", default: 1000, minimum: 0 },
  maxTopicLevels: { unit: "levels", default: 200, minimum: 1, maximum: 65_536 },
  maximumQos: { unit: "QoS", default: 2, minimum: 0, maximum: 2 },
  timeoutDisconnectDelay: { unit: "seconds", default: 0, minimum: 0, maximum: 65_535, fractional: true },
} as const satisfies Partial<Record<keyof ResolvedLimits, Quantity>>;

/** Limits that are no numbers, where the config says nothing. */
const otherLimits = {
  queueQos0: true,
  queuePolicy: "drop-oldest",
  retainAvailable: true,
  wildcardSubscriptionAvailable: true,
  subscriptionIdentifiersAvailable: true,
  sharedSubscriptionAvailable: true,
  responseInformation: undefined,
  checkPayloadFormat: false,
} as const satisfies Omit<ResolvedLimits, keyof typeof limitQuantities>;

/** Numbers that only the broker as a whole has. */
export const brokerQuantities = {
  sysInterval: { unit: "seconds", default: 20, minimum: 0, maximum: LONGEST_TIMER, fractional: true },
  maxShareGroups: { unit: "groups", default: 1000, minimum: 1 },
  maxSessions: { unit: "sessions", default: 1_000_000, minimum: 1 },
  maxSessionsPerUser: { unit: "sessions", default: 100_000, minimum: 1 },
  maxSessionsPerAddress: { unit: "sessions", default: 100_000, minimum: 1 },
  maxRetained: { unit: "messages", default: 1_000_000, minimum: 1 },
  maxRetainedBytes: { unit: "bytes", default: 256 * MIB, minimum: 1 },
  maxTotalBytes: { unit: "bytes", default: 1024 * MIB, minimum: MIB },
} as const satisfies Record<string, Quantity>;

/** Numbers that only a listener has. */
export const listenerQuantities = {
  maxConnections: { unit: "connections", default: 0, minimum: 0 },
} as const satisfies Record<string, Quantity>;

/** Numbers of the `auth` section. */
export const authQuantities = {
  authConcurrency: { unit: "hashes", default: 2, minimum: 1, maximum: 64 },
} as const satisfies Record<string, Quantity>;

/** The limits of a connection where the config says nothing. */
export const defaultLimits: ResolvedLimits = {
  connectTimeout: limitQuantities.connectTimeout.default,
  maxPacketSize: limitQuantities.maxPacketSize.default,
  maxInflight: limitQuantities.maxInflight.default,
  maxOutboundBytes: limitQuantities.maxOutboundBytes.default,
  maxInboundBytes: limitQuantities.maxInboundBytes.default,
  maxSubscriptions: limitQuantities.maxSubscriptions.default,
  queueLimit: limitQuantities.queueLimit.default,
  queueLimitBytes: limitQuantities.queueLimitBytes.default,
  stallTimeout: limitQuantities.stallTimeout.default,
  sessionExpiryInterval: limitQuantities.sessionExpiryInterval.default,
  maxSessionExpiryInterval: limitQuantities.maxSessionExpiryInterval.default,
  maxKeepAlive: limitQuantities.maxKeepAlive.default,
  topicAliasMaximum: limitQuantities.topicAliasMaximum.default,
  outboundTopicAliasMaximum: limitQuantities.outboundTopicAliasMaximum.default,
  maxFiltersPerPacket: limitQuantities.maxFiltersPerPacket.default,
  maxOverlappingSubscriptions: limitQuantities.maxOverlappingSubscriptions.default,
  maxUserProperties: limitQuantities.maxUserProperties.default,
  maxTopicLevels: limitQuantities.maxTopicLevels.default,
  maximumQos: limitQuantities.maximumQos.default,
  timeoutDisconnectDelay: limitQuantities.timeoutDisconnectDelay.default,
  ...otherLimits,
};

/** The section `persistence` where the config says nothing; `path` and `commit` are those of `sqlite`. */
export const defaultPersistence = { type: "memory", path: "amqtt-broker.sqlite", commit: "disk" } as const;

/** The section `log` where the config says nothing. */
export const defaultLog = { level: "info", format: "text", packets: "off", excludeSys: true } as const;

/** A key as the documentation lists it. */
export interface KeyEntry {
  /** Where it stands: at the top, in each of `listeners`, or in the section of this name. */
  readonly section: "broker" | "listener" | "auth" | "topic-check" | "persistence" | "log";
  /** As in YAML. */
  readonly key: string;
  /** For people; empty: none. */
  readonly default: string;
  /** Empty: the value is not a quantity. */
  readonly unit: string;
}

/** Every key, section by section. The limits may stand at the top and in a listener, and are listed at the top only. */
export const keyEntries: readonly KeyEntry[] = [
  ...textEntries("broker", {
    listeners: "one on 127.0.0.1:1883",
    auth: "anonymous clients on loopback only",
    topicCheck: "off",
    plugins: "event_logger",
    persistence: "in memory",
    log: "events and warnings, as text",
  }),
  ...quantityEntries("broker", brokerQuantities),
  ...quantityEntries("broker", limitQuantities),
  ...textEntries("broker", textsOf(otherLimits)),
  ...textEntries("listener", {
    type: "tcp",
    bind: "0.0.0.0, port 1883, 8883 (tcp with ssl), 8080 (ws), 8443 (ws with ssl)",
    socketMode: "as the umask has it",
    ssl: "off",
    certfile: "",
    keyfile: "certfile",
    keyfilePassphrase: "",
    keyfilePassphraseFile: "",
    cafile: "",
    capath: "",
    cadata: "",
    crlfile: "",
    clientCertificate: "optional with authorities, else off",
    usernameFromCertificate: "off",
    path: "any",
    origins: "the listener's own address",
    hosts: "",
  }),
  ...quantityEntries("listener", listenerQuantities),
  ...textEntries("auth", {
    plugins: "auth.anonymous, and auth.file with a password file",
    allowAnonymous: "true if auth.anonymous is listed, else false",
    passwordFile: "",
    scramKeyFile: "the password file with .scram-key behind it",
  }),
  ...quantityEntries("auth", authQuantities),
  ...textEntries("topic-check", {
    enabled: "false",
    plugins: "topic_acl if there is a list",
    acl: "",
    publishAcl: "acl",
    subscribeAcl: "acl",
    receiveAcl: "acl",
  }),
  ...textEntries("persistence", defaultPersistence),
  ...textEntries("log", { ...textsOf(defaultLog), categories: "" }),
];

/** Writes a quantity for people, in a unit that suits it. */
export function formatQuantity(quantity: Quantity, value: number): string {
  if (quantity.unit === "bytes") return formatBytes(value);
  if (quantity.unit === "seconds") return formatSeconds(value);
  return value.toLocaleString("en-US");
}

function quantityEntries(section: KeyEntry["section"], quantities: Readonly<Record<string, Quantity>>): KeyEntry[] {
  return Object.entries(quantities).map(([key, quantity]) => ({
    section,
    key: toHyphens(key),
    default: formatQuantity(quantity, quantity.default),
    unit: quantity.unit,
  }));
}

function textEntries(section: KeyEntry["section"], defaults: Readonly<Record<string, string>>): KeyEntry[] {
  return Object.entries(defaults).map(([key, text]) => ({ section, key: toHyphens(key), default: text, unit: "" }));
}

/** Values for people; `undefined` is none. */
function textsOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value ?? "")]));
}
