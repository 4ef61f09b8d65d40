import type { ClientSnapshot, SignIn } from "../../hooks/plugin.ts";
import { encodedSizeBytes } from "../../packet/encode.ts";
import { type ConnackProperties, type ConnectPacket, PacketType } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { quote } from "../../quote.ts";
import { describeClient } from "../../routing/describe.ts";
import { Session } from "../../session/session.ts";
import { InboundTopicAliases } from "../../session/topic_aliases.ts";
import { networkOf } from "../../transport/address.ts";
import type { Connection, ConnectRefusal } from "../connection.ts";
import { toldRefusal } from "../connection_state.ts";
import { DeferredPublishes } from "../deferred_publishes.ts";
import { authenticate, type Greeting } from "./authenticate.ts";
import { beginExchange } from "./auth.ts";
import { snapshotOf } from "./client_snapshot.ts";
import { connackProperties, grantedExpirySeconds } from "./connack_properties.ts";
import { sendRetained } from "./retained_delivery.ts";
import { refusalOfSession } from "./session_room.ts";
import { authorizeWill, refusalOfWill } from "./will.ts";

/** CONNECT (MQTT 3.1.1 §3.1, MQTT 5.0 §3.1): sign-in, permission for the will, then the session. */
export function handleConnect(connection: Connection, packet: ConnectPacket): void | Promise<void> {
  const gone = connection.beginSignIn(packet);
  const refusal = refusalAtOnce(connection, packet);
  if (refusal) return connection.refuse(refusal);
  const client = snapshotOf(connection, packet);
  const request: SignIn = Object.freeze({
    ...client,
    password: packet.password,
    timeoutSeconds: connection.listener.limits.connectTimeout,
    signal: gone.signal,
  });
  if (packet.authenticationMethod === undefined) return signIn(connection, packet, request, client);
  return beginExchange(connection, packet, {
    request: { ...request, authenticationMethod: packet.authenticationMethod, reAuthenticating: false },
    gone,
    admit: (username, greeting) => admit(connection, packet, Object.freeze({ ...client, username }), greeting),
  });
}

/** What needs no plugin to be refused. */
function refusalAtOnce(connection: Connection, packet: ConnectPacket): ConnectRefusal | undefined {
  const full = refusalOfPlace(connection, packet.clientIdentifier);
  if (full) return full;
  // [MQTT-3.1.3-8] 3.1.1; 3.1 knows no empty identifier at all, and in 5.0 it is always allowed.
  const { protocolVersion, cleanStart, clientIdentifier } = packet;
  if (clientIdentifier === "" && (protocolVersion === 3 || (protocolVersion === 4 && !cleanStart))) {
    return toldRefusal(ReasonCode.ClientIdentifierNotValid, "the client identifier is empty");
  }
  return packet.will && refusalOfWill(connection, packet.will);
}

async function signIn(
  connection: Connection,
  packet: ConnectPacket,
  request: SignIn,
  client: ClientSnapshot,
): Promise<void> {
  const outcome = await authenticate(connection, request);
  if (connection.closed) return;
  if ("reasonCode" in outcome) return connection.refuse(outcome);
  return await admit(connection, packet, client, outcome);
}

/** The client is who it says. */
async function admit(
  connection: Connection,
  packet: ConnectPacket,
  client: ClientSnapshot,
  greeting: Greeting,
): Promise<void> {
  const refusal = await authorizeWill(connection, client);
  if (connection.closed) return;
  if (refusal) return connection.refuse(refusal);
  const unavailable = await readSession(connection, packet, client);
  if (connection.closed) return;
  if (unavailable) return connection.refuse(unavailable);
  await openSession(connection, packet, client, greeting);
}

/** What is under way of a session of an earlier run, or of one that memory had no room for, is in the store only. */
async function readSession(
  { context }: Connection,
  packet: ConnectPacket,
  client: ClientSnapshot,
): Promise<ConnectRefusal | undefined> {
  const { clientIdentifier } = client;
  const { sessions, persistence } = context;
  sessions.expireOne(clientIdentifier, context.clock.now());
  if (packet.cleanStart || !persistence) return undefined;
  const found = sessions.get(clientIdentifier);
  if (found && found.username !== client.username) return undefined;
  try {
    // While it is read another client may take its place, and leave something unread in turn.
    for (let session = sessions.get(clientIdentifier); session && persistence.isUnread(session);) {
      await persistence.read(session);
      sessions.changed(session);
      session = sessions.get(clientIdentifier);
    }
    return undefined;
  } catch (error) {
    context.refusals.mention("session-unreadable", client.remote, () => `${describeClient(client)}: ${error}`);
    return toldRefusal(ReasonCode.ServerUnavailable, "the session cannot be read");
  }
}

/**
 * Synchronous from here: nobody can come between take-over and ownership. The client is told when what has changed by
 * that is stored.
 */
function openSession(
  connection: Connection,
  packet: ConnectPacket,
  client: ClientSnapshot,
  greeting: Greeting,
): void | Promise<void> {
  const { context } = connection;
  const { clientIdentifier } = client;
  const { limits } = connection.listener;
  const expiryIntervalSeconds = grantedExpirySeconds(packet, limits);
  const properties = connackProperties(limits, packet, { client, greeting, expirySeconds: expiryIntervalSeconds });
  const old = context.sessions.get(clientIdentifier);
  const writeQueue = context.persistence?.writeQueue;
  const refusal = refusalOfPlace(connection, clientIdentifier) ??
    (old ? refusalOfStranger(context, old, client) : refusalOfSession(connection, client)) ??
    refusalOfSize(packet, properties);
  if (refusal) return connection.refuse(refusal);
  // Before anything changes, so that clients that come again and again leave nothing that waits for the store.
  if (writeQueue?.fault && (expiryIntervalSeconds > 0 || old?.durable || packet.will)) {
    const reason = "sessions and wills cannot be stored now";
    return connection.refuse(toldRefusal(ReasonCode.ServerUnavailable, reason));
  }
  const before = writeQueue?.position;
  // [MQTT-3.1.4-2] 3.1.1, [MQTT-3.1.4-3] 5.0
  const reason = "the client connected anew";
  if (old) context.connectionBySession.get(old)?.close({ reasonCode: ReasonCode.SessionTakenOver, reason });
  const { session, present } = context.sessions.open(
    { clientIdentifier, expiryIntervalSeconds },
    packet.cleanStart || replacesStrangers(context, old, client),
    () => newSession(connection, client, expiryIntervalSeconds),
  );
  session.sender.limitTo(context.senderLimits.get(limits));
  context.wills.signedIn(client);
  const open = {
    at: "open" as const,
    session,
    client,
    version: packet.protocolVersion,
    isBridge: packet.isBridge === true,
    askedNoExpiry: packet.sessionExpiryIntervalSeconds === 0,
    greeted: false,
    will: packet.will,
    topicAliases: new InboundTopicAliases(limits.topicAliasMaximum),
    reAuthentication: undefined,
    held: new DeferredPublishes(),
    retainedWalk: undefined,
  };
  connection.own(open);
  const welcome = () => {
    connection.welcome(open, present, properties);
    void sendRetained(connection, open);
  };
  if (!writeQueue || writeQueue.fault || writeQueue.position === before) return welcome();
  return writeQueue.settled().then(() => {
    if (connection.open === open) welcome();
  });
}

function newSession(
  { context, transport }: Connection,
  client: ClientSnapshot,
  expiryIntervalSeconds: number,
): Session {
  const { clientIdentifier, username } = client;
  // What ends with its connection has nothing to be remembered for.
  const log = expiryIntervalSeconds > 0 ? context.persistence?.recorderOf(clientIdentifier, username) : undefined;
  const parts = context.sessionParts(clientIdentifier);
  const network = networkOf(transport.remote.hostname);
  return new Session({ clientIdentifier, username, network, expiryIntervalSeconds, log, ...parts });
}

/**
 * Looked at when CONNECT comes, before anything is spent on it, and again before the client is let in: others may have come
 * meanwhile. Whoever replaces a connection of the same listener takes its place.
 */
function refusalOfPlace({ context, listener }: Connection, clientIdentifier: string): ConnectRefusal | undefined {
  if (!context.admissions.isFull(listener)) return undefined;
  const session = context.sessions.get(clientIdentifier);
  const former = session && context.connectionBySession.get(session);
  if (former?.listener.name === listener.name) return undefined;
  const { name, maxConnections } = listener;
  const reason = `listeners.${name}.max-connections (${maxConnections}) is reached`;
  return { ...toldRefusal(ReasonCode.QuotaExceeded, reason), kind: "max-connections" };
}

/** Whose client is connected is protected from others; a session without one is replaced. */
function refusalOfStranger(
  { connectionBySession }: Connection["context"],
  session: Session,
  { clientIdentifier, username }: ClientSnapshot,
): ConnectRefusal | undefined {
  if (session.username === username || !connectionBySession.has(session)) return undefined;
  const reason = `client identifier ${quote(clientIdentifier)} belongs to another user's session`;
  return toldRefusal(ReasonCode.ClientIdentifierNotValid, reason);
}

/** A user must not get what was meant for another, nor be locked out because it has a new name. */
function replacesStrangers(
  { refusals }: Connection["context"],
  old: Session | undefined,
  client: ClientSnapshot,
): boolean {
  if (!old || old.username === client.username) return false;
  refusals.mention("session-replaced", client.remote, () => {
    const [was, is] = [old.username, client.username].map(describeUser);
    return `${describeClient(client)}: it was that of ${was}, now it is that of ${is}`;
  });
  return true;
}

function describeUser(username: string | undefined): string {
  return username === undefined ? "no user" : `user ${quote(username)}`;
}

/** [MQTT-3.2.0-1] 5.0: a client that takes no packet as large as its CONNACK can be sent nothing. */
function refusalOfSize(
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
