import type { BrokerStatistics } from "../hooks/plugin.ts";
import type { DropReason } from "../message.ts";

/** What is asked for the figures that are not counted but looked up. */
export interface StatisticsSources {
  clients(): number;
  sessions(): Iterable<{
    readonly connected: boolean;
    readonly receiver: { readonly inflight: number };
    readonly sender: { readonly inflight: number; readonly queued: number };
  }>;
  retained(): number;
  subscriptions(): number;
  /** `undefined`: nothing outlives the process. */
  journal(): { readonly position: number; readonly committed: number; readonly fault: Error | undefined } | undefined;
}

/** The broker's counters. */
export class Statistics implements BrokerStatistics {
  startedAt: Date = new Date();
  bytesReceived = 0;
  bytesSent = 0;
  packetsReceived = 0;
  packetsSent = 0;
  publishesReceived = 0;
  publishesSent = 0;
  clientsMaximum = 0;
  publishesDenied = 0;
  connectionsRefused = 0;
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
  };
  readonly #sources: StatisticsSources;

  constructor(sources: StatisticsSources) {
    this.#sources = sources;
  }

  get clientsConnected(): number {
    return this.#sources.clients();
  }

  get clientsDisconnected(): number {
    return this.#sum((session) => session.connected ? 0 : 1);
  }

  get inflightInbound(): number {
    return this.#sum(({ receiver }) => receiver.inflight);
  }

  get inflightOutbound(): number {
    return this.#sum(({ sender }) => sender.inflight);
  }

  get messagesQueued(): number {
    return this.#sum(({ sender }) => sender.queued);
  }

  get retainedMessages(): number {
    return this.#sources.retained();
  }

  get subscriptions(): number {
    return this.#sources.subscriptions();
  }

  get storeFault(): string | undefined {
    return this.#sources.journal()?.fault?.message;
  }

  get changesWaiting(): number {
    const journal = this.#sources.journal();
    return journal === undefined ? 0 : journal.position - journal.committed;
  }

  #sum(figure: (session: ReturnType<StatisticsSources["sessions"]> extends Iterable<infer S> ? S : never) => number) {
    let sum = 0;
    for (const session of this.#sources.sessions()) sum += figure(session);
    return sum;
  }
}
