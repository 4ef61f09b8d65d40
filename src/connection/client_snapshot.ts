import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { ConnectPacket } from "../packet/packets.ts";
import type { Session } from "../session/session.ts";
import type { Connection } from "./connection.ts";

/** What plugins are told of a client that signs in. */
export function snapshotOf(connection: Connection, packet: ConnectPacket): ClientSnapshot {
  const { transport, listener, context } = connection;
  const { certificate, remote, secure } = transport;
  const { userProperties, authenticationMethod } = packet;
  return Object.freeze({
    // [MQTT-3.1.3-6] 3.1.1 and 5.0
    clientIdentifier: packet.clientIdentifier || `auto-${context.machine.uniqueName()}`,
    username: nameInCertificate(connection) ?? nameIn(packet),
    protocolVersion: packet.protocolVersion,
    listener: listener.name,
    remote: Object.freeze({ ...remote }),
    secure,
    certificate: certificate && Object.freeze({ ...certificate }),
    cleanStart: packet.cleanStart,
    keepAliveSeconds: grantedKeepAliveSeconds(connection, packet),
    connectedAt: new Date(context.clock.epoch()),
    will: packet.will && Object.freeze(packet.will),
    ...userProperties && { userProperties: Object.freeze(userProperties) },
    ...authenticationMethod !== undefined && { authenticationMethod },
  });
}

/** The same client with its session, whose filters are read when somebody asks. */
export function withSession(client: ClientSnapshot, session: Pick<Session, "subscriptions">): ClientSnapshot {
  const snapshot = Object.defineProperty({ ...client }, SESSION, { value: session });
  return Object.freeze(Object.defineProperty(snapshot, "topicFilters", TOPIC_FILTERS));
}

/** Where a snapshot keeps its session; not to be seen from outside. */
const SESSION = Symbol("session");

/** One for all: with a getter of its own each snapshot would have a hidden class of its own, and take a KiB. */
const TOPIC_FILTERS: PropertyDescriptor & ThisType<{ [SESSION]: Pick<Session, "subscriptions"> }> = {
  get() {
    return [...this[SESSION].subscriptions.keys()];
  },
  enumerable: true,
};

/** Some clients send an empty user name where none was given; with a password it may be a token's. */
function nameIn({ username, password }: ConnectPacket): string | undefined {
  return username === "" && (password === undefined || password.length === 0) ? undefined : username;
}

/** A 5.0 client can be told to be heard of more often than it wanted (MQTT 5.0 §3.2.2.3.14). */
function grantedKeepAliveSeconds(
  { listener }: Connection,
  { protocolVersion, keepAliveSeconds }: ConnectPacket,
): number {
  const { maxKeepAlive } = listener.limits;
  if (protocolVersion !== 5 || maxKeepAlive === 0) return keepAliveSeconds;
  return keepAliveSeconds === 0 ? maxKeepAlive : Math.min(keepAliveSeconds, maxKeepAlive);
}

/** The user name that a verified certificate gives; `undefined`: none. */
export function nameInCertificate({ transport, listener }: Connection): string | undefined {
  const { certificate } = transport;
  if (!certificate || listener.usernameFromCertificate === "off") return undefined;
  if (listener.usernameFromCertificate === "cn") return certificate.subject.CN || undefined;
  const first = certificate.subjectAlternativeNames[0];
  return first?.slice(first.indexOf(":") + 1) || undefined;
}
