import type { Ending, Open } from "./connection_state.ts";
import type { Core } from "./connection_context.ts";

/** A signed-in client's connection has ended: what becomes of its session and its will. */
export function leave(core: Core, open: Open, ending: Ending): void {
  const { session, client, will } = open;
  core.owners.delete(session);
  core.sessions.detach(session, core.clock.now());
  open.will = undefined;
  open.reAuthentication?.gone.abort();
  // [MQTT-3.14.4-3] 3.1.1 and 5.0
  if (will && ending.clean) core.wills.discard(client);
  else if (will) core.wills.lost(session, client, will);
  if (session.expiryIntervalSeconds === 0) core.sessions.end(session);
  const { reasonCode, reason, clean = false } = ending;
  if (open.greeted) core.hooks.clientDisconnected?.(client, Object.freeze({ reasonCode, reason, clean }));
}
