import type { BrokerStatistics, RefusalKind } from "../hooks/plugin.ts";
import type { DropReason } from "../message.ts";
import { type Held, heldBy } from "../session/holdings.ts";
import type { Session } from "../session/session.ts";
import { noRefusals } from "../routing/refusals.ts";

/** What is asked for the figures that are not counted but looked up. */
export interface StatisticsSources {
  /** By the session that they have now. */
  clients(): ReadonlyMap<Session, unknown> & { readonly maximum: number };
  sessions(): { readonly size: number; heldOffline(): Held };
  retained(): number;
  subscriptions(): number;
  /** `undefined`: nothing outlives the process. */
  writeQueue():
    | { readonly position: number; readonly committed: number; readonly fault: Error | undefined }
    | undefined;
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
  publishesDenied = 0;
  connectionsRefused = 0;
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
  };
  readonly #sources: StatisticsSources;

  constructor(sources: StatisticsSources) {
    this.#sources = sources;
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
    return this.#sum(({ inflightInbound }) => inflightInbound);
  }

  get inflightOutbound(): number {
    return this.#sum(({ inflightOutbound }) => inflightOutbound);
  }

  get messagesQueued(): number {
    return this.#sum(({ queued }) => queued);
  }

  get retainedMessages(): number {
    return this.#sources.retained();
  }

  get subscriptions(): number {
    return this.#sources.subscriptions();
  }

  get storeFault(): string | undefined {
    return this.#sources.writeQueue()?.fault?.message;
  }

  get changesWaiting(): number {
    const writeQueue = this.#sources.writeQueue();
    return writeQueue === undefined ? 0 : writeQueue.position - writeQueue.committed;
  }

  /** Of those with a client, looked up, and the others, which may be many more. */
  #sum(figure: (held: Held) => number): number {
    let sum = figure(this.#sources.sessions().heldOffline());
    for (const session of this.#sources.clients().keys()) sum += figure(heldBy(session));
    return sum;
  }
}
