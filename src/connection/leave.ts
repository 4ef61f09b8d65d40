import type { Ending, SignedIn } from "./connection_state.ts";
import type { ConnectionContext } from "./connection_context.ts";

/** A signed-in client's connection has ended: what becomes of its session and its will. */
export function leave(context: ConnectionContext, open: SignedIn, ending: Ending): void {
  const { session, client, will } = open;
  context.connectionBySession.delete(session);
  context.sessions.detach(session, context.clock.now());
  open.will = undefined;
  open.reAuthentication?.gone.abort();
  // [MQTT-3.14.4-3] 3.1.1 and 5.0
  if (will && ending.clean) context.wills.discard(client);
  else if (will) context.wills.lost(session, client, will);
  if (session.expiryIntervalSeconds === 0) context.sessions.end(session);
  const { reasonCode, reason, clean = false } = ending;
  if (open.greeted) context.hooks.clientDisconnected?.(client, Object.freeze({ reasonCode, reason, clean }));
}
