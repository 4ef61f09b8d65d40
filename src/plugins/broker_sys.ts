/**
 * `broker_sys`: publishes figures about the broker under `$SYS/broker/`, retained, at QoS 0, as plain text.
 *
 * | topic | figure |
 * | --- | --- |
 * | `version` | name and version of the broker |
 * | `time` | seconds since 1970 |
 * | `uptime`, `uptime/formatted` | seconds since the start; the same as `2 days, 03:04:05` |
 * | `load/bytes/received`, `load/bytes/sent` | bytes since the start |
 * | `messages/received`, `messages/sent` | control packets of all kinds since the start |
 * | `messages/publish/received`, `messages/publish/sent` | PUBLISH packets since the start |
 * | `messages/publish/denied` | messages that their publisher was not allowed to publish |
 * | `messages/inflight`, `messages/inflight/in`, `messages/inflight/out` | QoS 1 and 2 messages under way |
 * | `messages/inflight/stored` | messages that wait in sessions, and retained messages |
 * | `messages/queued` | messages that wait in sessions |
 * | `messages/retained/count`, `messages/subscriptions/count` | retained messages; subscriptions |
 * | `messages/dropped`, `messages/dropped/{reason}` | messages given up since the start, in all and by reason |
 * | `clients/connected`, `clients/disconnected`, `clients/total` | clients now; sessions without client; the sum |
 * | `clients/maximum` | most clients at once since the start |
 * | `connections/refused` | connections that were not let in since the start |
 * | `refused/{kind}` | what was refused since the start, by kind: `sign-in`, `publish`, `origin`, … |
 * | `store/state` | `ok`, or what keeps the store from storing; also `ok` where nothing is stored |
 * | `store/waiting` | changes of sessions and messages that are not stored yet |
 * | `heap/size`, `heap/maximum` | MiB of JavaScript heap in use now; at most since the start, as seen here |
 * | `cpu/percent`, `cpu/maximum` | processor time since the last time, 100 is one core; the most seen |
 * Mosquitto's own names of these figures are there, too, but for `heap/maximum`, which is in MiB here:
 * `publish/messages/received`, `load/messages/received/1min`, `store/messages/count` and so on; all of them are listed in
 * `docs/metrics.md`.
 *
 * @module
 */
import configuration from "../../deno.json" with { type: "json" };
import type { BrokerStatistics, Duration, Plugin, PluginContext, PluginFactory } from "../hooks/plugin.ts";
import { brokerSysOptions } from "./broker_sys_options.ts";
import { readOptions, show } from "./options.ts";
import { mosquittoFigures } from "./sys/mosquitto_topics.ts";
import { ProcessLoad } from "./sys/process_load.ts";

/** Options of `broker_sys`. */
export interface BrokerSysOptions {
  /** Seconds between publications; 0 turns them off. @default 20 */
  readonly interval?: Duration;
  /** Another name of `interval`. */
  readonly sysInterval?: Duration;
}

const ROOT = "$SYS/broker/";

/** Makes the plugin; its options are {@linkcode BrokerSysOptions}. */
const create: PluginFactory = (options: unknown, context: PluginContext): Plugin => {
  const intervalSeconds = readInterval(options);
  if (intervalSeconds === 0) return {};
  const load = new ProcessLoad();
  const publish = () => {
    const topics = { ...figures(context.statistics, new Date(), load.heapBytes), ...load.measure() };
    for (const [topic, value] of Object.entries(topics)) context.publish(ROOT + topic, String(value), { retain: true });
  };
  return {
    afterStart() {
      context.publish(`${ROOT}version`, `${configuration.name} ${configuration.version}`, { retain: true });
      publish();
      context.every(intervalSeconds, publish);
    },
  };
};

export default create;

function readInterval(options: unknown): number {
  const { interval, sysInterval } = readOptions(options, brokerSysOptions);
  const seconds = interval ?? sysInterval ?? brokerSysOptions.interval.default;
  if (typeof seconds !== "number" || !Number.isFinite(seconds) || seconds < 0) {
    throw new Error(`interval must be a number of seconds, 0 or more: got ${show(seconds)}`);
  }
  return seconds;
}

/** What is summed up over all clients is asked for once. */
function figures(statistics: BrokerStatistics, now: Date, heapBytes: number): Record<string, number | string> {
  const { clientsConnected, clientsDisconnected, inflightInbound, inflightOutbound, messagesQueued } = statistics;
  const uptimeSeconds = Math.max(0, Math.floor((now.getTime() - statistics.startedAt.getTime()) / 1000));
  const storedMessages = messagesQueued + inflightOutbound + statistics.retainedMessages;
  return {
    ...mosquittoFigures({ statistics, storedMessages, uptimeSeconds, heapBytes }),
    "time": Math.floor(now.getTime() / 1000),
    "uptime": uptimeSeconds,
    "uptime/formatted": formatDuration(uptimeSeconds),
    "load/bytes/received": statistics.bytesReceived,
    "load/bytes/sent": statistics.bytesSent,
    "messages/received": statistics.packetsReceived,
    "messages/sent": statistics.packetsSent,
    "messages/publish/received": statistics.publishesReceived,
    "messages/publish/sent": statistics.publishesSent,
    "messages/publish/denied": statistics.publishesDenied,
    "messages/inflight": inflightInbound + inflightOutbound,
    "messages/inflight/in": inflightInbound,
    "messages/inflight/out": inflightOutbound,
    "messages/inflight/stored": messagesQueued + statistics.retainedMessages,
    "messages/queued": messagesQueued,
    "messages/retained/count": statistics.retainedMessages,
    "messages/subscriptions/count": statistics.subscriptions,
    ...drops(statistics),
    "clients/connected": clientsConnected,
    "clients/disconnected": clientsDisconnected,
    "clients/total": clientsConnected + clientsDisconnected,
    "clients/maximum": statistics.clientsMaximum,
    "connections/refused": statistics.connectionsRefused,
    ...refusals(statistics),
    "store/state": statistics.storeFault ?? "ok",
    "store/waiting": statistics.changesWaiting,
  };
}

function drops({ messagesDropped }: BrokerStatistics): Record<string, number> {
  const reasons = Object.entries(messagesDropped);
  const total = reasons.reduce((sum, [, count]) => sum + count, 0);
  const byReason = reasons.map(([reason, count]) => [`messages/dropped/${reason}`, count] as const);
  return { "messages/dropped": total, ...Object.fromEntries(byReason) };
}

function refusals({ refused }: BrokerStatistics): Record<string, number> {
  return Object.fromEntries(Object.entries(refused).map(([kind, count]) => [`refused/${kind}`, count]));
}

/** `0 days, 00:12:34` */
function formatDuration(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  return `${days} ${days === 1 ? "day" : "days"}, ${two(seconds / 3600 % 24)}:${two(seconds / 60 % 60)}:${
    two(seconds % 60)
  }`;
}
