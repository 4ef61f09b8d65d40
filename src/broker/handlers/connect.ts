import type { ClientSnapshot, SignIn } from "../../hooks/plugin.ts";
import type { ConnectPacket } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { Fifo } from "../../session/fifo.ts";
import { isLoopback } from "../../transport/address.ts";
import { type Connection, willMessage } from "../connection.ts";

interface Refusal {
  readonly reasonCode: ReasonCode;
  readonly reason: string;
}

/** CONNECT (MQTT 3.1.1 §3.1): sign-in, permission for the will, then the session. */
export function handleConnect(connection: Connection, packet: ConnectPacket): void | Promise<void> {
  const signal = connection.beginSignIn(packet.protocolVersion);
  const refusal = refuseAtOnce(connection, packet);
  if (refusal) return connection.refuse(refusal.reasonCode, refusal.reason);
  return signIn(connection, packet, signal);
}

/** What needs no plugin to be refused. */
function refuseAtOnce(connection: Connection, packet: ConnectPacket): Refusal | undefined {
  if (connection.refusing) {
    const { name, maxConnections } = connection.listener;
    const reason = `listeners.${name}.max-connections (${maxConnections}) is reached`;
    return { reasonCode: ReasonCode.QuotaExceeded, reason };
  }
  if (packet.protocolVersion === 5) {
    return { reasonCode: ReasonCode.UnsupportedProtocolVersion, reason: "MQTT 5.0 is not supported yet" };
  }
  // [MQTT-3.1.3-8] 3.1.1; 3.1 knows no empty identifier at all.
  if (packet.clientIdentifier === "" && (packet.protocolVersion === 3 || !packet.cleanStart)) {
    return { reasonCode: ReasonCode.ClientIdentifierNotValid, reason: "the client identifier is empty" };
  }
  return undefined;
}

async function signIn(connection: Connection, packet: ConnectPacket, signal: AbortSignal): Promise<void> {
  const client = describeClient(connection, packet);
  const request: SignIn = Object.freeze({ ...client, password: packet.password, signal });
  const refusal = await authenticate(connection, request) ?? await authorizeWill(connection, client);
  if (connection.closed) return;
  if (refusal) return connection.refuse(refusal.reasonCode, refusal.reason);
  openSession(connection, packet, client);
}

/** Synchronous from here: nobody can come between take-over and welcome. */
function openSession(connection: Connection, packet: ConnectPacket, client: ClientSnapshot): void {
  const { core } = connection;
  const { clientIdentifier, username } = client;
  const old = core.sessions.get(clientIdentifier);
  if (old && old.username !== username) {
    const reason = `client identifier ${clientIdentifier} belongs to another user's session`;
    return connection.refuse(ReasonCode.ClientIdentifierNotValid, reason);
  }
  // [MQTT-3.1.4-2] 3.1.1
  const reason = "the client connected anew";
  if (old) core.owners.get(old)?.close({ reasonCode: ReasonCode.SessionTakenOver, reason });
  const { limits } = connection.listener;
  const { session, present } = core.sessions.open({
    clientIdentifier,
    username,
    expiryIntervalSeconds: packet.cleanStart ? 0 : limits.sessionExpiryInterval,
    sender: core.senderOptions(clientIdentifier, limits),
  }, packet.cleanStart);
  connection.welcome(
    { at: "open", session, client, version: packet.protocolVersion, will: packet.will, held: new Fifo(), heldBytes: 0 },
    present,
  );
}

function describeClient(connection: Connection, packet: ConnectPacket): ClientSnapshot {
  const { transport, listener } = connection;
  const { certificate, remote, secure } = transport;
  const fromCertificate = nameInCertificate(connection);
  return Object.freeze({
    clientIdentifier: packet.clientIdentifier || `auto-${crypto.randomUUID()}`,
    username: fromCertificate ?? packet.username,
    protocolVersion: packet.protocolVersion,
    listener: listener.name,
    remote: Object.freeze({ ...remote }),
    secure,
    certificate: certificate && Object.freeze({ ...certificate }),
    cleanStart: packet.cleanStart,
    keepAliveSeconds: packet.keepAliveSeconds,
    will: packet.will && Object.freeze({ ...packet.will }),
  });
}

function nameInCertificate({ transport, listener }: Connection): string | undefined {
  const { certificate } = transport;
  if (!certificate || listener.usernameFromCertificate === "off") return undefined;
  if (listener.usernameFromCertificate === "cn") return certificate.subject.CN || undefined;
  const first = certificate.subjectAlternativeNames[0];
  return first?.slice(first.indexOf(":") + 1) || undefined;
}

async function authenticate(connection: Connection, request: SignIn): Promise<Refusal | undefined> {
  if (nameInCertificate(connection) !== undefined) return undefined;
  const { hooks } = connection.core;
  if (!hooks.authenticate) return withoutPlugin(connection, request);
  const result = await hooks.authenticate(request);
  if (result.allowed) return undefined;
  const { username } = request;
  const hint = username === undefined ? " (anonymous clients need auth.allow-anonymous: true)" : "";
  const who = username === undefined ? "anonymous client" : `user ${username}`;
  return { reasonCode: result.reasonCode, reason: `${who} was not let in${hint}` };
}

/** No plugin decides: anonymous clients come in through loopback, if there is no `auth` section. */
function withoutPlugin({ core, listener }: Connection, client: ClientSnapshot): Refusal | undefined {
  if (client.username !== undefined) {
    const reason = `user ${client.username} was not let in: no plugin in auth.plugins verifies users`;
    return { reasonCode: ReasonCode.BadUserNameOrPassword, reason };
  }
  const local = listener.type !== "external" && isLoopback(listener.hostname);
  if (core.config.anonymous === "loopback" && local) return undefined;
  const reason = "anonymous client was not let in: listeners beyond loopback need auth.allow-anonymous: true";
  return { reasonCode: ReasonCode.NotAuthorized, reason };
}

async function authorizeWill({ core }: Connection, client: ClientSnapshot): Promise<Refusal | undefined> {
  const { will, clientIdentifier } = client;
  if (!will || await core.pipe.authorize(client, willMessage(will, clientIdentifier))) return undefined;
  return { reasonCode: ReasonCode.NotAuthorized, reason: `will to topic ${will.topicName} is not permitted` };
}
