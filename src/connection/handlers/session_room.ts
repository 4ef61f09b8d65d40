import type { ClientSnapshot } from "../../hooks/plugin.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { sessionCostBytes } from "../../session/session.ts";
import { networkOf } from "../../transport/address.ts";
import type { Connection, ConnectRefusal } from "../connection.ts";
import { toldRefusal } from "../connection_state.ts";

/** Why the client may not have a session, if it has none yet. */
export function refusalOfSession(
  { context: { config, memory, sessions }, transport }: Connection,
  { clientIdentifier, username }: ClientSnapshot,
): ConnectRefusal | undefined {
  const { maxSessions, maxSessionsPerUser, maxSessionsPerAddress } = config;
  const { connectionBySession } = sessions;
  if (sessions.size >= maxSessions) return full(`max-sessions (${maxSessions}) is reached`);
  if (connectionBySession.ofUser(username) >= maxSessionsPerUser) {
    return full(`max-sessions-per-user (${maxSessionsPerUser}) is reached`);
  }
  if (connectionBySession.ofNetwork(networkOf(transport.remote.hostname)) >= maxSessionsPerAddress) {
    return full(`max-sessions-per-address (${maxSessionsPerAddress}) is reached`);
  }
  const fits = memory.admit(sessionCostBytes(clientIdentifier, username));
  return fits ? undefined : full("the broker's memory is full (max-total-bytes)");
}

function full(reason: string): ConnectRefusal {
  return toldRefusal(ReasonCode.QuotaExceeded, reason);
}
