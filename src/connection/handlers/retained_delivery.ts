import { ReasonCode } from "../../packet/reason_code.ts";
import type { ClientConnection } from "../connection_context.ts";
import type { SignedIn } from "../connection_state.ts";
import { errorText } from "../../error_text.ts";
import { RetainedWalk } from "./retained_walk.ts";

/**
 * Sends what the client's subscriptions still have to bring of the retained messages.
 *
 * @returns a promise only if there is more than one turn should take: the client's next packet comes after it
 */
export function sendRetained(connection: ClientConnection, open: SignedIn): void | Promise<void> {
  if (connection.open !== open || !open.session.sender.promises) return;
  const walk = open.retainedWalk ??= makeWalk(connection, open);
  walk.run();
  if (!walk.suspended) open.retainedWalk = undefined;
  return walk.pause;
}

/** It ends when the client has gone; what is still promised then waits for it. */
function makeWalk(connection: ClientConnection, open: SignedIn): RetainedWalk {
  const resumed = (resume: () => void) => {
    if (connection.open === open) orClose(connection, resume);
  };
  const { context: { work }, work: party } = connection;
  return new RetainedWalk({
    sender: open.session.sender,
    work,
    party,
    later: (resume) => void work.turn(party).then(() => resumed(resume)),
  });
}

/** What fails in a turn of its own has nobody else to catch it. */
function orClose(connection: ClientConnection, resume: () => void): void {
  try {
    resume();
  } catch (error) {
    const reason = `retained messages could not be sent: ${errorText(error)}`;
    connection.close({ reasonCode: ReasonCode.UnspecifiedError, reason });
  }
}
