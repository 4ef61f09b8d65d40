/** How things are shown in JSON. */
import type { ClientFigures, SubscriptionFigures, WaitingMessage } from "../embedding/inspection.ts";
import type { SessionSnapshot } from "../hooks/plugin.ts";
import { publisherOf } from "./recorder.ts";
import type { ClientEvent } from "./event.ts";
import type { TopicEntry } from "./topic_entry.ts";

/** Bytes of a payload that are shown. */
const SHOWN_BYTES = 65_536;
const VERSIONS = { 3: "3.1", 4: "3.1.1", 5: "5.0" } as const;
const strict = new TextDecoder("utf-8", { fatal: true });

/** A time as text. */
export function time(ms: number): string {
  return new Date(ms).toISOString();
}

/** A payload as text if it is, else in base64. @param size of the whole, of which `bytes` may be the beginning */
export function payloadView(bytes: Uint8Array, size: number = bytes.length) {
  const shown = bytes.subarray(0, SHOWN_BYTES);
  const truncated = shown.length < size;
  const text = decode(shown, truncated);
  if (text !== undefined) return { size, encoding: "utf8" as const, text, truncated };
  let binary = "";
  for (const byte of shown) binary += String.fromCharCode(byte);
  return { size, encoding: "base64" as const, text: btoa(binary), truncated };
}

/** A character that was cut through at the end is left out. */
function decode(bytes: Uint8Array, truncated: boolean): string | undefined {
  for (let cut = 0; cut <= (truncated ? 3 : 0); cut++) {
    try {
      return strict.decode(bytes.subarray(0, bytes.length - cut));
    } catch {
      continue;
    }
  }
  return undefined;
}

export function eventView({ atMs, kind, clientIdentifier = null, text }: Omit<ClientEvent, "clientIdentifier"> & {
  readonly clientIdentifier?: string | null;
}) {
  return { at: time(atMs), kind, clientIdentifier, text };
}

export function sessionView(session: SessionSnapshot) {
  const { clientIdentifier, username = null, connected, expiryIntervalSeconds, subscriptions } = session;
  const { messagesQueued: queued, inflightInbound, inflightOutbound, messagesDropped: dropped } = session;
  const figures = { subscriptions, queued, inflightInbound, inflightOutbound, dropped };
  return { clientIdentifier, username, connected, expiryIntervalSeconds, ...figures };
}

export function clientView(
  { client, connectedAtMs, publishesReceived, publishesSent }: ClientFigures,
  session?: SessionSnapshot,
) {
  const { clientIdentifier, username = null, address = null } = publisherOf(client);
  const { listener, secure, protocolVersion, keepAliveSeconds, cleanStart, will } = client;
  return {
    clientIdentifier,
    username,
    address,
    listener: listener === "\0program" ? "program" : listener,
    secure,
    protocolVersion: VERSIONS[protocolVersion],
    connectedAt: connectedAtMs === undefined ? null : time(connectedAtMs),
    keepAliveSeconds,
    cleanStart,
    queued: session?.messagesQueued ?? 0,
    inflightOutbound: session?.inflightOutbound ?? 0,
    inflightInbound: session?.inflightInbound ?? 0,
    received: publishesReceived ?? null,
    sent: publishesSent ?? null,
    dropped: Object.values(session?.messagesDropped ?? {}).reduce((sum, messages) => sum + messages, 0),
    subscriptions: session?.subscriptions ?? 0,
    will: will ? { topicName: will.topicName, qos: will.qos, retain: will.retain } : null,
  };
}

export function subscriptionView(subscription: SubscriptionFigures) {
  const { clientIdentifier, topicFilter, shareName = null, qos, noLocal, retainAsPublished, connected } = subscription;
  const { identifier = null } = subscription;
  return { clientIdentifier, topicFilter, shareName, qos, noLocal, retainAsPublished, identifier, connected };
}

export function messageView(message: WaitingMessage, withPayload: boolean) {
  const { topicName, qos, retain, publisher = null, packetIdentifier = null, payload } = message;
  const shown = withPayload ? payloadView(payload) : null;
  return { topicName, qos, retain, publisher, size: payload.length, packetIdentifier, payload: shown };
}

/** The last message of a topic; `null`: none has come. */
export function topicBrief(entry: TopicEntry, { nowMs, retained, payloads }: {
  readonly nowMs: number;
  readonly retained: boolean;
  readonly payloads: boolean;
}) {
  if (entry.messages === 0) return null;
  return {
    at: time(entry.atMs),
    ageSeconds: Math.max(0, (nowMs - entry.atMs) / 1000),
    ratePerSecond: entry.rate(nowMs),
    qos: entry.qos,
    retained,
    size: entry.sizeBytes,
    payload: payloads ? payloadView(entry.payload, entry.sizeBytes) : null,
    publisher: entry.publisherIdentifier ?? null,
  };
}
