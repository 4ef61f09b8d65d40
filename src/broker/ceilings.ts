import type { ResolvedLimits } from "../config/config.ts";
import type { ClientConnection } from "../connection/connection_context.ts";
import type { CeilingFigures } from "../metrics/figures.ts";
import type { Session } from "../session/session.ts";
import type { BrokerParts } from "./broker_parts.ts";

/** Sessions without a client that are looked at: there may be a million, and somebody waits for the figures. */
const MAXIMUM_OFFLINE = 50_000;

/** What clients and sessions have together, and how near one of them is to each ceiling of its own. */
export interface ClientLoad {
  /** Bytes that wait for sockets. */
  readonly waitingBytes: number;
  readonly ceilings: readonly CeilingFigures[];
}

/** The one that is nearest to a ceiling. */
class Nearest implements CeilingFigures {
  readonly ceiling: string;
  used = 0;
  limit: number;

  constructor(ceiling: string, limit: number) {
    this.ceiling = ceiling;
    this.limit = limit;
  }

  take(used: number, limit: number): void {
    if (used * this.limit <= this.used * limit) return;
    this.used = used;
    this.limit = limit;
  }
}

/** Looks at every connected client, and at sessions without one that hold something, once. */
export function clientLoad(
  clients: ReadonlyMap<Session, ClientConnection>,
  offline: Iterable<Session>,
  limits: ResolvedLimits,
): ClientLoad {
  const queue = new Nearest("queue-limit", limits.queueLimit);
  const inflight = new Nearest("max-inflight", limits.maxInflight);
  const outbound = new Nearest("max-outbound-bytes", limits.maxOutboundBytes);
  let waitingBytes = 0;
  for (const [{ sender }, connection] of clients) {
    const its = connection.listener.limits;
    waitingBytes += connection.waitingBytes;
    queue.take(sender.inQueue, sender.queueLimit);
    inflight.take(sender.inflight, its.maxInflight);
    outbound.take(connection.waitingBytes, its.maxOutboundBytes);
  }
  let looked = 0;
  for (const { sender } of offline) {
    if (++looked > MAXIMUM_OFFLINE) break;
    queue.take(sender.inQueue, sender.queueLimit);
  }
  return { waitingBytes, ceilings: [queue, inflight, outbound] };
}

/** Limits of the broker, and of listeners that have one. */
export function brokerCeilings(parts: BrokerParts): readonly CeilingFigures[] {
  const { config, memory, retained, sessions, connectionBySession } = parts;
  const limited = config.listeners.filter(({ maxConnections }) => maxConnections > 0);
  return [
    { ceiling: "max-total-bytes", used: memory.totalBytes, limit: config.maxTotalBytes },
    { ceiling: "max-sessions", used: sessions.size, limit: config.maxSessions },
    { ceiling: "max-retained", used: retained.count, limit: config.maxRetained },
    { ceiling: "max-retained-bytes", used: retained.bytes, limit: retained.maximumBytes },
    ...limited.map(({ name, maxConnections }) => ({
      ceiling: "max-connections",
      listener: name,
      used: connectionBySession.ofListener(name),
      limit: maxConnections,
    })),
  ];
}
