import { CONNECTION_LOST, type ConnectionCounters } from "../connection/connection_context.ts";
import { PacketCounts } from "../connection/packet_counts.ts";
import { isDisconnectReason } from "../connection/disconnect_rules.ts";
import { Histogram } from "../histogram.ts";
import type {
  BrokerStatistics,
  LoadAverage,
  LoadName,
  PacketName,
  RefusalKind,
  SignInCounts,
} from "../hooks/plugin.ts";
import { SignInTally } from "../hooks/sign_in_tally.ts";
import type { DropReason } from "../message.ts";
import { PacketType } from "../packet/packets.ts";
import { ReasonCode, reasonCodeLabel } from "../packet/reason_code.ts";
import type { Held } from "../session/holdings.ts";
import type { Session } from "../session/session.ts";
import { noRefusals } from "../routing/refusals.ts";
import { ListenerCounts } from "./listener_counts.ts";
import { LoadAverages, type LoadCounters } from "./load_averages.ts";

/** What is asked for the figures that are not counted but looked up. */
export interface StatisticsSources {
  /** By the session that they have now. */
  clients(): ReadonlyMap<Session, unknown> & { readonly maximum: number };
  sessions(): { readonly size: number; heldOffline(): Held };
  retained(): { readonly count: number; readonly bytes: number };
  subscriptions(): { readonly count: number; readonly groupCount: number };
  /** Names of the listeners in the config. */
  readonly listenerNames: readonly string[];
  /** `undefined`: nothing outlives the process. */
  writeQueue():
    | { readonly position: number; readonly committed: number; readonly fault: Error | undefined }
    | undefined;
}

/** Buckets of a message's way through the broker, in seconds. */
const ROUTING_SECONDS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** The broker's counters. */
export class Statistics implements BrokerStatistics, ConnectionCounters {
  startedAt: Date = new Date();
  bytesReceived = 0;
  bytesSent = 0;
  readonly received = new PacketCounts();
  readonly sent = new PacketCounts();
  publishesDenied = 0;
  connectionsAccepted = 0;
  connectionsRefused = 0;
  /** By reason code, or {@linkcode CONNECTION_LOST}. */
  readonly closed = new Float64Array(CONNECTION_LOST + 1);
  readonly listeners: ListenerCounts;
  readonly signInTally = new SignInTally();
  /** In seconds; of one PUBLISH in 256. */
  readonly routingLatency = new Histogram(ROUTING_SECONDS);
  readonly refused: Record<RefusalKind, number> = noRefusals();
  readonly messagesDropped: Record<DropReason, number> = {
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
  };
  readonly #sources: StatisticsSources;
  readonly #load = new LoadAverages();

  constructor(sources: StatisticsSources) {
    this.#sources = sources;
    this.listeners = new ListenerCounts(sources.listenerNames);
  }

  /** All figures as of now, frozen; the clients are looked at once. */
  snapshot(): BrokerStatistics {
    const { queued, inflightInbound, inflightOutbound } = this.#held();
    return Object.freeze({
      // A `Date` could be set.
      startedAt: new Date(this.startedAt),
      bytesReceived: this.bytesReceived,
      bytesSent: this.bytesSent,
      packetsReceived: this.packetsReceived,
      packetsSent: this.packetsSent,
      publishesReceived: this.publishesReceived,
      publishesSent: this.publishesSent,
      packetsReceivedByKind: Object.freeze(this.packetsReceivedByKind),
      packetsSentByKind: Object.freeze(this.packetsSentByKind),
      clientsConnected: this.clientsConnected,
      clientsDisconnected: this.clientsDisconnected,
      clientsMaximum: this.clientsMaximum,
      inflightInbound,
      inflightOutbound,
      messagesQueued: queued,
      retainedMessages: this.retainedMessages,
      retainedBytes: this.retainedBytes,
      subscriptions: this.subscriptions,
      sharedSubscriptions: this.sharedSubscriptions,
      messagesDropped: Object.freeze({ ...this.messagesDropped }),
      publishesDenied: this.publishesDenied,
      connectionsAccepted: this.connectionsAccepted,
      connectionsClosed: Object.freeze(this.connectionsClosed),
      connectionsRefused: this.connectionsRefused,
      refused: Object.freeze({ ...this.refused }),
      signIns: Object.freeze(this.signIns),
      load: Object.freeze(this.load),
      storeFault: this.storeFault,
      changesWaiting: this.changesWaiting,
    });
  }

  /** Called by the broker's coarse timer. */
  tick(nowMs: number): void {
    this.#load.tick(nowMs, () => this.#loadCounters());
  }

  accept(listener: string): void {
    this.connectionsAccepted++;
    this.listeners.of(listener).accepted++;
  }

  refuse(listener: string): void {
    this.connectionsRefused++;
    this.listeners.of(listener).refused++;
  }

  get packetsReceived(): number {
    return sumOf(this.received.total());
  }

  get packetsSent(): number {
    return sumOf(this.sent.total());
  }

  get publishesReceived(): number {
    return this.received.total()[PacketType.Publish]!;
  }

  get publishesSent(): number {
    return this.sent.total()[PacketType.Publish]!;
  }

  get packetsReceivedByKind(): Record<PacketName, number> {
    return byKind(this.received.total());
  }

  get packetsSentByKind(): Record<PacketName, number> {
    return byKind(this.sent.total());
  }

  get connectionsClosed(): Record<string, number> {
    const codes = Object.values(ReasonCode).filter(isEnd);
    const counts = codes.map((code) => [endLabel(code), this.closed[code]!] as const);
    return { "connection-lost": this.closed[CONNECTION_LOST]!, ...Object.fromEntries(counts) };
  }

  get signIns(): readonly SignInCounts[] {
    return this.signInTally.all;
  }

  get load(): Record<LoadName, LoadAverage> {
    const names = Object.keys(this.#loadCounters()) as LoadName[];
    return Object.fromEntries(names.map((name) => [name, Object.freeze(this.#load.of(name))])) as Record<
      LoadName,
      LoadAverage
    >;
  }

  get clientsConnected(): number {
    return this.#sources.clients().size;
  }

  get clientsMaximum(): number {
    return this.#sources.clients().maximum;
  }

  get clientsDisconnected(): number {
    return this.#sources.sessions().size - this.clientsConnected;
  }

  get inflightInbound(): number {
    return this.#held().inflightInbound;
  }

  get inflightOutbound(): number {
    return this.#held().inflightOutbound;
  }

  get messagesQueued(): number {
    return this.#held().queued;
  }

  get retainedMessages(): number {
    return this.#sources.retained().count;
  }

  get retainedBytes(): number {
    return this.#sources.retained().bytes;
  }

  get subscriptions(): number {
    return this.#sources.subscriptions().count;
  }

  get sharedSubscriptions(): number {
    return this.#sources.subscriptions().groupCount;
  }

  get storeFault(): string | undefined {
    return this.#sources.writeQueue()?.fault?.message;
  }

  get changesWaiting(): number {
    const writeQueue = this.#sources.writeQueue();
    return writeQueue === undefined ? 0 : writeQueue.position - writeQueue.committed;
  }

  #loadCounters(): LoadCounters {
    return {
      "messages/received": this.packetsReceived,
      "messages/sent": this.packetsSent,
      "publish/received": this.publishesReceived,
      "publish/sent": this.publishesSent,
      "publish/dropped": sumOf(Object.values(this.messagesDropped)),
      "bytes/received": this.bytesReceived,
      "bytes/sent": this.bytesSent,
      "sockets": this.connectionsAccepted,
      "connections": this.received.total()[PacketType.Connect]!,
    };
  }

  /** Sessions with a client are looked at one by one; the others, which may be many more, are not. */
  #held(): Omit<Held, "bytes"> {
    let { queued, inflightInbound, inflightOutbound } = this.#sources.sessions().heldOffline();
    for (const { sender, receiver } of this.#sources.clients().keys()) {
      queued += sender.queued;
      inflightInbound += receiver.inflight;
      inflightOutbound += sender.inflight;
    }
    return { queued, inflightInbound, inflightOutbound };
  }
}

function sumOf(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

function byKind(counts: Float64Array): Record<PacketName, number> {
  const kinds = Object.entries(PacketType).map(([name, type]) => [name.toLowerCase(), counts[type]!]);
  return Object.fromEntries(kinds) as Record<PacketName, number>;
}

/** Whether a client or the broker may give it as the reason of an end. */
function isEnd(code: ReasonCode): boolean {
  return code === ReasonCode.DisconnectWithWill || isDisconnectReason(code);
}

/** Success is called otherwise in DISCONNECT (MQTT 5.0 §3.14.2.1). */
function endLabel(code: ReasonCode): string {
  return code === ReasonCode.Success ? "normal-disconnection" : reasonCodeLabel(code);
}
