/** Why a CONNECT is refused: rules that change nothing. */
import type { ResolvedLimits } from "../config/config.ts";
import type { Denied } from "../hooks/decide.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import { networkOf } from "../network.ts";
import { encodedSizeBytes } from "../packet/encode.ts";
import { type ConnackProperties, type ConnectPacket, PacketType, type Will } from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { quote } from "../quote.ts";
import { type Session, sessionCostBytes } from "../session/session.ts";
import { isLoopback } from "../transport/address.ts";
import type { Transport } from "../transport/transport.ts";
import type { ClientConnection, ConnectionContext } from "./connection_context.ts";
import { type ConnectRefusal, toldRefusal } from "./connection_state.ts";
import { refusalOfMessage } from "./handlers/message_rules.ts";

/** What is looked at of a connection whose client signs in. */
type Newcomer = Pick<ClientConnection, "listener"> & {
  readonly context: ConnectionContext;
  readonly transport: Transport;
};

/** What needs no plugin to be refused. */
export function refusalAtOnce(connection: Newcomer, packet: ConnectPacket): ConnectRefusal | undefined {
  const full = refusalOfPlace(connection, packet.clientIdentifier);
  if (full) return full;
  // [MQTT-3.1.3-8] 3.1.1; 3.1 knows no empty identifier at all, and in 5.0 it is always allowed.
  const { protocolVersion, cleanStart, clientIdentifier } = packet;
  if (clientIdentifier === "" && (protocolVersion === 3 || (protocolVersion === 4 && !cleanStart))) {
    return toldRefusal(ReasonCode.ClientIdentifierNotValid, "the client identifier is empty");
  }
  return packet.will && refusalOfWill(connection.listener.limits, packet.will);
}

/** No plugin decides: anonymous clients come in through loopback, if there is no `auth` section. */
export function refusalWithoutPlugin(
  { context, listener }: Newcomer,
  client: ClientSnapshot,
): ConnectRefusal | undefined {
  if (client.username !== undefined) return refusalOfName(client.username);
  const local = listener.type !== "external" && (listener.socketPath !== undefined || isLoopback(listener.hostname));
  if (context.config.anonymous === "loopback" && local) return undefined;
  const reason = "anonymous client was not let in: listeners beyond loopback need auth.allow-anonymous: true";
  return { reasonCode: ReasonCode.NotAuthorized, reason };
}

/** Nobody has decided whether the user is the one it says. */
export function refusalOfName(username: string): ConnectRefusal {
  const advice = "auth.allow-anonymous: any-username takes every name unverified";
  const reason = `user ${quote(username)} was not let in: no plugin in auth.plugins verifies it (${advice})`;
  return { reasonCode: ReasonCode.BadUserNameOrPassword, reason };
}

/** What the plugins' refusal of a sign-in looks like; the client is told their words alone. */
export function refusalByPlugins(
  { username, authenticationMethod }: Pick<ClientSnapshot, "username" | "authenticationMethod">,
  denied: Omit<Denied, "allowed">,
): ConnectRefusal {
  const { reasonCode, reasonString, userProperties, serverReference, plugin } = denied;
  const anonymous = username === undefined && authenticationMethod === undefined;
  const hint = anonymous ? " (anonymous clients need auth.allow-anonymous: true)" : "";
  const nameless = anonymous
    ? "anonymous client"
    : `client with authentication method ${quote(authenticationMethod ?? "")}`;
  const who = username === undefined ? nameless : `user ${quote(username)}`;
  const reason = `${who} was not let in${hint}${reasonString === undefined ? "" : `: ${quote(reasonString)}`}`;
  return { reasonCode, reason, properties: { reasonString, userProperties, serverReference }, plugin };
}

/** What the plugins' refusal of a will looks like. */
export function refusalOfWillByPlugins({ topicName }: Will, denied: Omit<Denied, "allowed">): ConnectRefusal {
  const { reasonString, userProperties, plugin } = denied;
  // [MQTT-3.2.2-8] 5.0: of what a PUBLISH is refused with, CONNACK has no word for this one.
  const inUse = denied.reasonCode === ReasonCode.PacketIdentifierInUse;
  const reasonCode = inUse ? ReasonCode.NotAuthorized : denied.reasonCode;
  const reason = `will to topic ${quote(topicName)} is not permitted`;
  const properties = { reasonString: reasonString ?? reason, userProperties };
  return { reasonCode, reason, properties, plugin, will: topicName };
}

/** What a client asks for that is who it says. */
export interface SessionRequest {
  readonly client: ClientSnapshot;
  /** The session that has its client identifier; `undefined`: there is none. */
  readonly old: Session | undefined;
  readonly expirySeconds: number;
}

/** Why a client may not have a session, its own of before or a new one. */
export function refusalOfSession(
  connection: Newcomer,
  { client, old, expirySeconds }: SessionRequest,
): ConnectRefusal | undefined {
  const { context } = connection;
  const refusal = refusalOfPlace(connection, client.clientIdentifier) ??
    (old ? refusalOfStranger(context, old, client) : refusalOfRoom(connection, client));
  if (refusal) return refusal;
  // Before anything changes, so that clients that come again and again leave nothing that waits for the store.
  if (!context.persistence?.writeQueue.fault || !(expirySeconds > 0 || old?.durable || client.will)) return undefined;
  return toldRefusal(ReasonCode.ServerUnavailable, "sessions and wills cannot be stored now");
}

/** [MQTT-3.2.0-1] 5.0: a client that takes no packet as large as its CONNACK can be sent nothing. */
export function refusalOfSize(
  { maximumPacketSizeBytes }: ConnectPacket,
  properties?: ConnackProperties,
): ConnectRefusal | undefined {
  if (maximumPacketSizeBytes === undefined) return undefined;
  // The plugins' words are left out where they do not fit.
  const least = { ...properties, reasonString: undefined, userProperties: undefined };
  const connack = {
    type: PacketType.Connack,
    sessionPresent: false,
    reasonCode: ReasonCode.Success,
    properties: least,
  };
  if (encodedSizeBytes(connack, 5) <= maximumPacketSizeBytes) return undefined;
  const reason = `CONNACK is larger than the ${maximumPacketSizeBytes} bytes that the client takes`;
  return toldRefusal(ReasonCode.ImplementationSpecificError, reason);
}

/** What the listener does not take as a will, whoever leaves it. */
function refusalOfWill(limits: ResolvedLimits, will: Will): ConnectRefusal | undefined {
  const of = (reasonCode: ReasonCode, text: string) => ({
    ...toldRefusal(reasonCode, `will: ${text}`),
    will: will.topicName,
  });
  const refusal = refusalOfMessage(will, will.topicName, limits);
  if (refusal) return of(refusal.reasonCode, refusal.reason);
  // [MQTT-3.2.2-12] 5.0
  if (will.qos > limits.maximumQos) return of(ReasonCode.QoSNotSupported, `QoS must be at most ${limits.maximumQos}`);
  // [MQTT-3.2.2-13] 5.0
  if (will.retain && !limits.retainAvailable) return of(ReasonCode.RetainNotSupported, "messages are not retained");
  return undefined;
}

/**
 * Looked at when CONNECT comes, before anything is spent on it, and again before the client is let in: others may have come
 * meanwhile. Whoever replaces a connection of the same listener takes its place.
 */
function refusalOfPlace({ context, listener }: Newcomer, clientIdentifier: string): ConnectRefusal | undefined {
  if (!context.connectionBySession.isFull(listener)) return undefined;
  const session = context.sessions.get(clientIdentifier);
  const former = session && context.connectionBySession.get(session);
  if (former?.listener.name === listener.name) return undefined;
  const { name, maxConnections } = listener;
  const reason = `listeners.${name}.max-connections (${maxConnections}) is reached`;
  return { ...toldRefusal(ReasonCode.QuotaExceeded, reason), kind: "max-connections" };
}

/** Whose client is connected is protected from others; a session without one is replaced. */
function refusalOfStranger(
  { connectionBySession }: ConnectionContext,
  session: Session,
  { clientIdentifier, username }: ClientSnapshot,
): ConnectRefusal | undefined {
  if (session.username === username || !connectionBySession.has(session)) return undefined;
  const reason = `client identifier ${quote(clientIdentifier)} belongs to another user's session`;
  return toldRefusal(ReasonCode.ClientIdentifierNotValid, reason);
}

/** There may be too many sessions for one more. */
function refusalOfRoom(
  { context: { config, memory, sessions }, transport }: Newcomer,
  { clientIdentifier, username }: ClientSnapshot,
): ConnectRefusal | undefined {
  const { maxSessions, maxSessionsPerUser, maxSessionsPerAddress } = config;
  const { owners } = sessions;
  const full = (reason: string) => toldRefusal(ReasonCode.QuotaExceeded, reason);
  if (sessions.size >= maxSessions) return full(`max-sessions (${maxSessions}) is reached`);
  if (owners.ofUser(username) >= maxSessionsPerUser) {
    return full(`max-sessions-per-user (${maxSessionsPerUser}) is reached`);
  }
  if (owners.ofNetwork(networkOf(transport.remote.hostname)) >= maxSessionsPerAddress) {
    return full(`max-sessions-per-address (${maxSessionsPerAddress}) is reached`);
  }
  const fits = memory.admit(sessionCostBytes(clientIdentifier, username));
  return fits ? undefined : full("the broker's memory is full (max-total-bytes)");
}
