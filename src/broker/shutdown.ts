import { ReasonCode } from "../packet/reason_code.ts";
import type { BrokerParts } from "./broker_parts.ts";
import type { Bridges } from "../bridge/bridges.ts";
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
  readonly brokerParts: BrokerParts;
  readonly listeners: Listeners;
  readonly reception: Reception;
  readonly inProcess: InProcess;
  readonly administration: { close(): Promise<void> };
  readonly bridges: Bridges | undefined;
}

/** Publishes the wills, closes every connection in bounded time, and frees everything. */
export async function shutDown(parts: ShutdownParts): Promise<void> {
  const { brokerParts, listeners, reception, inProcess, administration, bridges } = parts;
  await administration.close();
  reception.close();
  inProcess.refuseSubscriptions();
  await listeners.close();
  const connections = [...brokerParts.connections];
  // Before anything is closed, so that waiting sessions and other clients still get them.
  await within(PLUGIN_PATIENCE_MS, publishWills(brokerParts, connections), brokerParts.machine);
  await within(PLUGIN_PATIENCE_MS, brokerParts.router.idle(), brokerParts.machine);
  // What was taken is still acknowledged.
  await settle(brokerParts);
  brokerParts.ending.abort();
  for (const connection of connections) {
    connection.close({ reasonCode: ReasonCode.ServerShuttingDown, reason: "the broker is shutting down" });
  }
  await Promise.all(connections.map((connection) => connection.finish()));
  await reception.empty();
  // What is on its way to many comes to all of them.
  await within(PLUGIN_PATIENCE_MS, brokerParts.router.idle(), brokerParts.machine);
  await bridges?.stop();
  await within(PLUGIN_PATIENCE_MS, brokerParts.router.idle(), brokerParts.machine);
  inProcess.end();
  await within(PLUGIN_PATIENCE_MS, brokerParts.context.cluster?.close() ?? Promise.resolve(), brokerParts.machine);
  brokerParts.stopTimers();
  brokerParts.refusals.close();
  await closeStore(brokerParts);
  await within(PLUGIN_PATIENCE_MS, brokerParts.hooks.afterShutdown(), brokerParts.machine);
  await brokerParts.close();
}

/** Gives the store time for what it has not stored yet, unless it does not store at all. */
async function settle({ context, machine }: BrokerParts): Promise<void> {
  const writeQueue = context.persistence?.writeQueue;
  if (writeQueue && !writeQueue.fault) await within(STORE_PATIENCE_MS, writeQueue.settled(), machine);
  if (context.cluster) await within(STORE_PATIENCE_MS, context.cluster.settled(), machine);
}

async function closeStore(brokerParts: BrokerParts): Promise<void> {
  // What sessions that have ended now have left to others.
  await brokerParts.chores.done();
  const persistence = brokerParts.context.persistence;
  if (!persistence) return;
  await settle(brokerParts);
  await within(STORE_PATIENCE_MS, persistence.close(), brokerParts.machine);
}

function publishWills({ wills }: BrokerParts, connections: readonly Connection[]): Promise<void> {
  return wills.publishLast(connections.flatMap((connection) => connection.takeWill() ?? []));
}
