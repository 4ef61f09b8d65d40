import { withSession } from "../connection/client_snapshot.ts";
import type { ConnectionContext } from "../connection/connection_context.ts";
import type { SignedIn } from "../connection/connection_state.ts";
import { claimSession } from "../connection/session_claim.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { Session } from "../session/session.ts";
import { InboundTopicAliases } from "../session/topic_aliases.ts";

/** No client of the network can have this user name, nor a listener this name: both are the program's alone. */
export const PROGRAM = "\0program";

/** Whose session is opened, and for how long. */
export interface LocalSessionOptions {
  readonly clientIdentifier: string;
  /** Seconds it outlives who serves it, 0 to 4,294,967,295, which is for ever. */
  readonly sessionExpiryIntervalSeconds: number;
  readonly cleanStart: boolean;
}

/** A session that was opened for the process itself. */
export interface LocalSession {
  readonly session: Session;
  /** Whether it was there before. */
  readonly present: boolean;
  readonly client: ClientSnapshot;
}

/**
 * Takes up a session of the program's own, or makes one. A client that has it is cut off. What it begins with is stored
 * when {@linkcode storedSince} says so.
 *
 * @param place what the text of an error begins with
 * @throws {Error} if the session cannot be read or stored
 */
export async function openLocalSession(
  context: ConnectionContext,
  { clientIdentifier, sessionExpiryIntervalSeconds, cleanStart }: LocalSessionOptions,
  place: string,
): Promise<LocalSession> {
  await claimSession(context, { clientIdentifier, username: PROGRAM, cleanStart });
  const writeQueue = context.persistence?.writeQueue;
  const old = context.sessions.get(clientIdentifier);
  if (writeQueue?.fault && (sessionExpiryIntervalSeconds > 0 || old?.durable)) {
    throw new Error(`${place}: its session cannot be stored: ${writeQueue.fault.message}`);
  }
  const reason = "the client connected anew";
  if (old) context.connectionBySession.get(old)?.close({ reasonCode: ReasonCode.SessionTakenOver, reason });
  const { session, present } = context.sessions.open(
    { clientIdentifier, expiryIntervalSeconds: sessionExpiryIntervalSeconds },
    // Nobody else's messages are the program's, and the other way round.
    cleanStart || old?.username !== PROGRAM,
    () => newSession(context, clientIdentifier, sessionExpiryIntervalSeconds),
  );
  session.sender.limitTo(context.senderLimits.get(context.config.handedIn.limits));
  const connectedAt = new Date(context.clock.epoch());
  const client = withSession(describe(clientIdentifier, cleanStart, connectedAt), session);
  context.wills.signedIn(client);
  return { session, present, client };
}

/** Resolves when all is stored that has changed since the write queue had this position, unless the store fails. */
export async function storedSince(context: ConnectionContext, before: number | undefined): Promise<void> {
  const writeQueue = context.persistence?.writeQueue;
  if (writeQueue && !writeQueue.fault && writeQueue.position !== before) await writeQueue.settled();
}

/** The client's part of a connection that serves a session of the program's own. */
export function signedIn({ session, client }: Pick<LocalSession, "session" | "client">): SignedIn {
  return {
    at: "open",
    session,
    client,
    mountpoint: undefined,
    version: 5,
    isBridge: false,
    askedNoExpiry: false,
    greeted: true,
    will: undefined,
    topicAliases: new InboundTopicAliases(0),
    reAuthentication: undefined,
    held: undefined,
    publishCallbacks: undefined,
    receipts: undefined,
    retainedWalk: undefined,
  };
}

function newSession(context: ConnectionContext, clientIdentifier: string, expiryIntervalSeconds: number): Session {
  const log = expiryIntervalSeconds > 0 ? context.persistence?.recorderOf(clientIdentifier, PROGRAM) : undefined;
  const parts = context.sessionParts(clientIdentifier);
  return new Session({ clientIdentifier, username: PROGRAM, expiryIntervalSeconds, log, ...parts });
}

function describe(clientIdentifier: string, cleanStart: boolean, connectedAt: Date): ClientSnapshot {
  return Object.freeze({
    clientIdentifier,
    protocolVersion: 5,
    listener: "program",
    remote: Object.freeze({}),
    secure: true,
    cleanStart,
    keepAliveSeconds: 0,
    connectedAt,
  });
}
