import { ReasonCode } from "../packet/reason_code.ts";
import type { Assembly } from "./broker_parts.ts";
import type { Connection } from "../connection/connection.ts";
import type { InProcess } from "../embedding/in_process.ts";
import type { Listeners } from "./listeners.ts";
import type { Reception } from "./reception.ts";
import { within } from "../runtime/within.ts";

/** How long plugins may take for each step of a shutdown. */
export const PLUGIN_PATIENCE_MS = 5000;
/** How long the store may take at a shutdown for what it has not stored yet. */
const STORE_PATIENCE_MS = 3000;

/** What a shutdown ends. */
export interface ShutdownParts {
  readonly assembly: Assembly;
  readonly listeners: Listeners;
  readonly reception: Reception;
  readonly inProcess: InProcess;
}

/** Publishes the wills, closes every connection in bounded time, and frees everything. */
export async function shutDown({ assembly, listeners, reception, inProcess }: ShutdownParts): Promise<void> {
  reception.close();
  inProcess.refuseSubscriptions();
  await listeners.close();
  const connections = [...assembly.connections];
  // Before anything is closed, so that waiting sessions and other clients still get them.
  await within(PLUGIN_PATIENCE_MS, publishWills(assembly, connections), assembly.machine);
  // What was taken is still acknowledged.
  await settle(assembly);
  assembly.ending.abort();
  for (const connection of connections) {
    connection.close({ reasonCode: ReasonCode.ServerShuttingDown, reason: "the broker is shutting down" });
  }
  await Promise.all(connections.map((connection) => connection.finish()));
  await reception.empty();
  inProcess.end();
  assembly.stopTimers();
  assembly.refusals.close();
  await closeStore(assembly);
  await within(PLUGIN_PATIENCE_MS, assembly.hooks.afterShutdown(), assembly.machine);
  await assembly.close();
}

/** Gives the store time for what it has not stored yet, unless it does not store at all. */
async function settle({ core, machine }: Assembly): Promise<void> {
  const journal = core?.durability?.journal;
  if (journal && !journal.fault) await within(STORE_PATIENCE_MS, journal.settled(), machine);
}

async function closeStore(assembly: Assembly): Promise<void> {
  const durability = assembly.core?.durability;
  if (!durability) return;
  await settle(assembly);
  await within(STORE_PATIENCE_MS, durability.close(), assembly.machine);
}

/** A will whose delay the session outlives with the store is left to the next run. */
async function publishWills({ core }: Assembly, connections: readonly Connection[]): Promise<void> {
  const wills = core?.wills;
  const last = connections.flatMap((connection) => connection.takeWill() ?? []).map(({ session, client, will }) =>
    session.durable ? wills?.lost(session, client, will) : wills?.publish(client, will)
  );
  await Promise.all([wills?.publishLast(), ...last]);
}
