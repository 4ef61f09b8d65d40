/** The broker as a whole, in figures and in words. */
import denoJson from "../../deno.json" with { type: "json" };
import { host as runtime } from "../runtime/host.ts";
import { isLoopback } from "../transport/address.ts";
import type { AdminHost } from "./host.ts";
import { totalDropped } from "./overview_history.ts";
import type { Recorder } from "./recorder.ts";
import { first } from "./ring.ts";
import { eventView, time } from "./views.ts";

/** Events that are shown with the overview. */
const SHOWN_EVENTS = 20;
const WARN_DAYS = 14;
const DAY_MS = 86_400_000;
/** Share of a ceiling from which it is worth a word. */
const NEAR = 0.9;

type Sources = { readonly host: AdminHost; readonly recorder: Recorder };

/** What makes the broker less safe than it could be, in sentences. */
export function warningsOf({ config, listeners, epoch }: AdminHost): string[] {
  const warnings: string[] = [];
  const anonymous = config.plugins.some(({ specifier, options }) =>
    specifier === "auth.anonymous" && (options as { allowAnonymous?: unknown } | undefined)?.allowAnonymous !== false
  );
  for (const { name, hostname, tls, type, socketPath } of config.listeners) {
    if (type === "external" || socketPath !== undefined || isLoopback(hostname)) continue;
    if (anonymous) warnings.push(`Listener ${name} lets anonymous clients in from the network.`);
    if (!tls) warnings.push(`Listener ${name} has no TLS: passwords cross the network in plain text.`);
  }
  if (!config.topicCheck) warnings.push("Every client may use every topic (topic-check is off).");
  for (const { name, certificate } of listeners()) {
    if (!certificate) continue;
    const days = Math.floor((certificate.to.getTime() - epoch()) / DAY_MS);
    if (days < WARN_DAYS) {
      warnings.push(`The certificate of listener ${name} ${days < 0 ? "has expired" : `expires in ${days} days`}.`);
    }
  }
  return warnings;
}

/** One sentence on the broker's health. */
function healthOf({ host }: Sources) {
  const { statistics, heldBytes, config } = host;
  if (statistics.storeFault !== undefined) {
    return { level: "fault", sentence: `The store does not store: ${statistics.storeFault}.` };
  }
  const { messages, bytes } = host.inspection.retainedFigures;
  if (heldBytes > NEAR * config.maxTotalBytes) {
    return { level: "warning", sentence: "What clients make the broker hold is near its ceiling (max-total-bytes)." };
  }
  if (messages > NEAR * config.maxRetained || bytes > NEAR * config.maxRetainedBytes) {
    return {
      level: "warning",
      sentence: "The retained messages are near their ceiling (max-retained, max-retained-bytes).",
    };
  }
  return { level: "ok", sentence: "All is well: clients are served, and nothing is near its ceiling." };
}

/** What `GET /overview` shows. */
export function overviewOf(sources: Sources) {
  const { host, recorder } = sources;
  const { statistics, config, inspection } = host;
  const { topics, timelines, overview } = recorder;
  const nowMs = host.epoch();
  const { received, sent } = overview.rates(nowMs);
  return {
    version: denoJson.version,
    startedAt: statistics.startedAt.toISOString(),
    uptimeSeconds: Math.max(0, (nowMs - statistics.startedAt.getTime()) / 1000),
    now: time(nowMs),
    health: healthOf(sources),
    warnings: warningsOf(host),
    clients: {
      connected: statistics.clientsConnected,
      maximum: statistics.clientsMaximum,
      offline: statistics.clientsDisconnected,
    },
    sessions: statistics.clientsConnected + statistics.clientsDisconnected,
    subscriptions: statistics.subscriptions,
    retained: {
      ...inspection.retainedFigures,
      maximumMessages: config.maxRetained,
      maximumBytes: config.maxRetainedBytes,
    },
    messages: {
      received: statistics.publishesReceived,
      sent: statistics.publishesSent,
      receivedPerSecond: received,
      sentPerSecond: sent,
      queued: statistics.messagesQueued,
      inflightInbound: statistics.inflightInbound,
      inflightOutbound: statistics.inflightOutbound,
      denied: statistics.publishesDenied,
    },
    bytes: { received: statistics.bytesReceived, sent: statistics.bytesSent },
    dropped: statistics.messagesDropped,
    refused: statistics.refused,
    connectionsRefused: statistics.connectionsRefused,
    memory: {
      heldBytes: host.heldBytes,
      maximumBytes: config.maxTotalBytes,
      rssBytes: runtime.memoryUsage().rss,
    },
    store: storeOf(host),
    topics: {
      count: topics.count,
      bytes: topics.bytes,
      maximum: config.admin.maxTopics,
      forgotten: topics.forgotten,
    },
    events: Array.from(first(timelines.newestFirst(), SHOWN_EVENTS), eventView),
  };
}

/** Where messages and sessions are kept, and how that goes. */
export function storeOf({ config: { persistence }, statistics, commits }: AdminHost) {
  const { count = 0, sum = 0 } = commits ?? {};
  return {
    type: persistence.type === "module" ? persistence.specifier : persistence.type,
    path: persistence.type === "sqlite" ? persistence.path : null,
    fault: statistics.storeFault ?? null,
    changesWaiting: statistics.changesWaiting,
    commits: count,
    commitSeconds: count > 0 ? sum / count : null,
  };
}

/** The figures that change, for a stream. */
export function liveFigures({ host, recorder }: Sources) {
  const { statistics } = host;
  const nowMs = host.epoch();
  const { received, sent } = recorder.overview.rates(nowMs);
  return {
    at: time(nowMs),
    connected: statistics.clientsConnected,
    offline: statistics.clientsDisconnected,
    received: statistics.publishesReceived,
    sent: statistics.publishesSent,
    receivedPerSecond: received,
    sentPerSecond: sent,
    droppedTotal: totalDropped(statistics),
    queued: statistics.messagesQueued,
    heldBytes: host.heldBytes,
    changesWaiting: statistics.changesWaiting,
  };
}
