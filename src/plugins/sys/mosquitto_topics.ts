/** The figures that Mosquitto publishes, under its names: boards and sensors that were made for it read these. */
import type { BrokerStatistics, LoadAverage, LoadName } from "../../hooks/plugin.ts";

/** What the figures are taken from. */
export interface MosquittoSources {
  readonly statistics: BrokerStatistics;
  /** Messages that wait, are under way to clients or are retained. */
  readonly storedMessages: number;
  /** Seconds since the start. */
  readonly uptimeSeconds: number;
  /** JavaScript objects in memory. */
  readonly heapBytes: number;
}

/** One of Mosquitto's figures. */
export interface MosquittoTopic {
  /** Below `$SYS/broker/`. */
  readonly topic: string;
  /** What it is, in a few words. */
  readonly meaning: string;
  value(sources: MosquittoSources): number;
}

type Row = readonly [topic: string, meaning: string, value: MosquittoTopic["value"]];

const rows: readonly Row[] = [
  ["uptime", "seconds since the start", (sources) => sources.uptimeSeconds],
  ["clients/total", "sessions with and without a client", ({ statistics }) => totalOf(statistics)],
  ["clients/connected", "clients that are connected", ({ statistics }) => statistics.clientsConnected],
  ["clients/active", "the same, as it was called formerly", ({ statistics }) => statistics.clientsConnected],
  ["clients/disconnected", "sessions without a client", ({ statistics }) => statistics.clientsDisconnected],
  ["clients/inactive", "the same, as it was called formerly", ({ statistics }) => statistics.clientsDisconnected],
  ["clients/maximum", "most clients at once since the start", ({ statistics }) => statistics.clientsMaximum],
  ["bytes/received", "bytes since the start", ({ statistics }) => statistics.bytesReceived],
  ["bytes/sent", "bytes since the start", ({ statistics }) => statistics.bytesSent],
  ["messages/received", "control packets of all kinds", ({ statistics }) => statistics.packetsReceived],
  ["messages/sent", "control packets of all kinds", ({ statistics }) => statistics.packetsSent],
  ["messages/stored", "the same as store/messages/count", (sources) => sources.storedMessages],
  [
    "store/messages/count",
    "messages that wait, are under way or are retained",
    (sources) => sources.storedMessages,
  ],
  ["publish/messages/received", "PUBLISH packets", ({ statistics }) => statistics.publishesReceived],
  ["publish/messages/sent", "PUBLISH packets", ({ statistics }) => statistics.publishesSent],
  ["publish/messages/dropped", "messages given up", ({ statistics }) => droppedOf(statistics)],
  ["retained messages/count", "retained messages", ({ statistics }) => statistics.retainedMessages],
  ["subscriptions/count", "subscriptions", ({ statistics }) => statistics.subscriptions],
  ["shared_subscriptions/count", "groups that share one", ({ statistics }) => statistics.sharedSubscriptions],
  [
    "connections/socket/count",
    "connections taken in since the start",
    ({ statistics }) => statistics.connectionsAccepted,
  ],
  ["heap/current", "JavaScript heap in use, in bytes", (sources) => sources.heapBytes],
];

const loads: Readonly<Record<LoadName, string>> = {
  "messages/received": "control packets received",
  "messages/sent": "control packets sent",
  "publish/received": "PUBLISH packets received",
  "publish/sent": "PUBLISH packets sent",
  "publish/dropped": "messages given up",
  "bytes/received": "bytes received",
  "bytes/sent": "bytes sent",
  "sockets": "connections taken in",
  "connections": "CONNECT packets received",
};

const spans: Readonly<Record<string, (average: LoadAverage) => number>> = {
  "1min": ({ oneMinute }) => oneMinute,
  "5min": ({ fiveMinutes }) => fiveMinutes,
  "15min": ({ fifteenMinutes }) => fifteenMinutes,
};

/** All of them. */
export const mosquittoTopics: readonly MosquittoTopic[] = [
  ...rows.map(([topic, meaning, value]) => ({ topic, meaning, value })),
  ...Object.entries(loads).flatMap(([name, meaning]) =>
    Object.entries(spans).map(([span, averageOver]): MosquittoTopic => ({
      topic: `load/${name}/${span}`,
      meaning: `${meaning} in a minute, averaged over ${span}`,
      value: ({ statistics }) => Math.round(averageOver(statistics.load[name as LoadName]) * 100) / 100,
    }))
  ),
];

/** By topic, without `$SYS/broker/`. */
export function mosquittoFigures(sources: MosquittoSources): Record<string, number> {
  return Object.fromEntries(mosquittoTopics.map(({ topic, value }) => [topic, value(sources)]));
}

/** What the exporters for Prometheus call the figure of such a topic: `broker_clients_connected`. */
export function exporterName(topic: string): string {
  return `broker_${topic.replace(/[/ .-]/g, "_")}`;
}

function totalOf({ clientsConnected, clientsDisconnected }: BrokerStatistics): number {
  return clientsConnected + clientsDisconnected;
}

function droppedOf({ messagesDropped }: BrokerStatistics): number {
  return Object.values(messagesDropped).reduce((sum, count) => sum + count, 0);
}
