import type { Session } from "../session/session.ts";
import type { ConnectionContext } from "./connection_context.ts";

/** Whose session is to be taken up. */
export interface Claimant {
  readonly clientIdentifier: string;
  readonly username?: string;
  readonly cleanStart: boolean;
}

/**
 * Gets hold of a session, wherever it is: what is under way of a session of an earlier run, or of one that memory had no room
 * for, is in the store only.
 *
 * @throws {Error} if it cannot be read
 */
export async function claimSession(context: ConnectionContext, claimant: Claimant): Promise<void> {
  const { sessions, persistence, clock } = context;
  const { clientIdentifier, username, cleanStart } = claimant;
  sessions.expireOne(clientIdentifier, clock.now());
  if (cleanStart || !persistence) return;
  const found = sessions.get(clientIdentifier);
  if (found && found.username !== username) return;
  // While it is read another client may take its place, and leave something unread in turn.
  for (let session: Session | undefined = found; session && persistence.isUnread(session);) {
    await persistence.read(session);
    sessions.changed(session);
    session = sessions.get(clientIdentifier);
  }
}
