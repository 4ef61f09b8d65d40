import type { ResolvedLimits } from "../config/config.ts";
import type { ClientConnection } from "../connection/connection_context.ts";
import type { CeilingFigures } from "../metrics/figures.ts";
import type { Session } from "../session/session.ts";
import type { BrokerParts } from "./broker_parts.ts";

/** What the connected clients have together, and the ceilings of each that one of them is nearest to. */
export interface ClientLoad {
  /** Bytes that wait for sockets. */
  readonly waitingBytes: number;
  readonly ceilings: readonly CeilingFigures[];
}

/** Limits that hold for each client. */
const clientCeilings: Readonly<
  Record<string, {
    used(session: Session, connection: ClientConnection): number;
    limit(limits: ResolvedLimits): number;
  }>
> = {
  "queue-limit": { used: ({ sender }) => sender.queued, limit: ({ queueLimit }) => queueLimit },
  "max-inflight": { used: ({ sender }) => sender.inflight, limit: ({ maxInflight }) => maxInflight },
  "max-outbound-bytes": { used: (_, { waitingBytes }) => waitingBytes, limit: (limits) => limits.maxOutboundBytes },
};

/** Looks at every connected client once. */
export function clientLoad(clients: ReadonlyMap<Session, ClientConnection>, limits: ResolvedLimits): ClientLoad {
  let waitingBytes = 0;
  const kinds = Object.entries(clientCeilings);
  const nearest = kinds.map(([ceiling, { limit }]) => ({ ceiling, used: 0, limit: limit(limits) }));
  for (const [session, connection] of clients) {
    waitingBytes += connection.waitingBytes;
    kinds.forEach(([ceiling, { used, limit }], index) => {
      const its = { ceiling, used: used(session, connection), limit: limit(connection.listener.limits) };
      if (its.used / its.limit > nearest[index]!.used / nearest[index]!.limit) nearest[index] = its;
    });
  }
  return { waitingBytes, ceilings: nearest };
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
