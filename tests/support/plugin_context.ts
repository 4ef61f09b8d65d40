/** A plugin's context that stands for a broker and writes down what the plugin does with it. */
import { noRefusals } from "../../src/routing/refusals.ts";
import type {
  BrokerStatistics,
  ClientSnapshot,
  LoadAverage,
  PluginContext,
  PublishOptions,
  SignIn,
} from "../../src/hooks/plugin.ts";
import { PacketType } from "../../src/packet/packets.ts";
import type { Payload } from "../../src/message.ts";
import { FakeClock } from "./fake_clock.ts";

/** A message that the plugin published. */
export interface Published {
  readonly topicName: string;
  readonly payload: string;
  readonly options: PublishOptions;
}

/** A {@linkcode PluginContext} for tests. */
export interface TestContext extends PluginContext {
  readonly clock: FakeClock;
  readonly published: Published[];
  /** Lines as `level: text`. */
  readonly log: string[];
  statistics: BrokerStatistics;
}

/** Makes a context; its timers go by `clock`. */
export function pluginContext(baseDirectory = "/nowhere"): TestContext {
  const clock = new FakeClock(0);
  const published: Published[] = [];
  const log: string[] = [];
  const logger = {
    debug: (text: string) => void log.push(`debug: ${text}`),
    info: (text: string) => void log.push(`info: ${text}`),
    warn: (text: string) => void log.push(`warn: ${text}`),
    error: (text: string) => void log.push(`error: ${text}`),
  };
  return {
    specifier: "under test",
    logger,
    baseDirectory,
    signal: new AbortController().signal,
    statistics: noStatistics(),
    clock,
    published,
    log,
    publish(topicName, payload, options = {}) {
      published.push({ topicName, payload: text(payload), options });
      return Promise.resolve({ subscribers: 0 });
    },
    retained: () => [].values(),
    retain: () => {
      throw new Error("not expected of this plugin");
    },
    clients: () => [],
    sessions: () => [].values(),
    session: () => undefined,
    disconnect: () => false,
    subscribe: () => false,
    every: (seconds, tick) => void clock.every(seconds * 1000, tick),
  };
}

/** Figures of a broker that has done nothing. */
export function noStatistics(): BrokerStatistics {
  return {
    startedAt: new Date(),
    bytesReceived: 0,
    bytesSent: 0,
    packetsReceived: 0,
    packetsSent: 0,
    publishesReceived: 0,
    publishesSent: 0,
    packetsReceivedByKind: noPackets(),
    packetsSentByKind: noPackets(),
    clientsConnected: 0,
    clientsDisconnected: 0,
    clientsMaximum: 0,
    inflightInbound: 0,
    inflightOutbound: 0,
    messagesQueued: 0,
    retainedMessages: 0,
    retainedBytes: 0,
    subscriptions: 0,
    sharedSubscriptions: 0,
    messagesDropped: {
      "queue-limit": 0,
      "max-total-bytes": 0,
      "max-outbound-bytes": 0,
      "max-retained": 0,
      "offline-qos0": 0,
      "receive-denied": 0,
      "maximum-packet-size": 0,
      "message-expired": 0,
      "refused-by-client": 0,
      "session-ended": 0,
      "cluster-link": 0,
    },
    publishesDenied: 0,
    connectionsAccepted: 0,
    connectionsClosed: {},
    connectionsRefused: 0,
    refused: noRefusals(),
    signIns: [],
    load: noLoad(),
    storeFault: undefined,
    changesWaiting: 0,
  };
}

function noPackets(): BrokerStatistics["packetsSentByKind"] {
  const none = Object.keys(PacketType).map((name) => [name.toLowerCase(), 0]);
  return Object.fromEntries(none) as BrokerStatistics["packetsSentByKind"];
}

function noLoad(): BrokerStatistics["load"] {
  const none: LoadAverage = { oneMinute: 0, fiveMinutes: 0, fifteenMinutes: 0 };
  return {
    "messages/received": none,
    "messages/sent": none,
    "publish/received": none,
    "publish/sent": none,
    "publish/dropped": none,
    "bytes/received": none,
    "bytes/sent": none,
    "sockets": none,
    "connections": none,
  };
}

/** A client as plugins see it. */
export function clientSnapshot(parts: Partial<ClientSnapshot> = {}): ClientSnapshot {
  return {
    clientIdentifier: "client-1",
    protocolVersion: 4,
    listener: "tcp",
    remote: { hostname: "192.0.2.1", port: 40000 },
    secure: false,
    cleanStart: true,
    keepAliveSeconds: 60,
    ...parts,
  };
}

/** A sign-in of such a client; a password that is text stands for its UTF-8. */
export function signIn(parts: Partial<Omit<SignIn, "password">> & { readonly password?: string } = {}): SignIn {
  const { password, ...rest } = parts;
  return {
    ...clientSnapshot(),
    signal: new AbortController().signal,
    ...rest,
    ...(password === undefined ? {} : { password: new TextEncoder().encode(password) }),
  };
}

function text(payload: Payload): string {
  return typeof payload === "string" ? payload : new TextDecoder().decode(payload);
}
