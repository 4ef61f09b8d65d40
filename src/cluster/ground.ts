/** What a node stands on: its way to the log, and its connections to the others. */
import type { ResolvedCluster } from "../config/config.ts";
import type { ClusterSnapshot } from "../hooks/figures.ts";
import type { Log } from "../log/log.ts";
import type { Logger } from "../logger.ts";
import type { LinkCarrier } from "./connections.ts";
import { type OpeningTime, openLog } from "./open_log.ts";
import { openTcpCarrier } from "./tcp_carrier.ts";

/** What a node stands on. */
export interface Ground {
  readonly log: Log;
  readonly carrier: LinkCarrier;
  /** Told how to see the cluster as the node does. */
  readonly watch?: (see: () => ClusterSnapshot) => void;
}

/** Gives a node its ground. */
export type GroundOpener = (config: ResolvedCluster) => Promise<Ground>;

/** By the names of clusters whose log is in memory: those of a simulated world. */
const simulated = new Map<string, GroundOpener>();

/** From now on nodes of that cluster, if their log is one in memory, stand on what is given; `undefined`: no longer. */
export function simulateGround(cluster: string, opener: GroundOpener | undefined): void {
  if (opener === undefined) simulated.delete(cluster);
  else simulated.set(cluster, opener);
}

/**
 * Opens what the config names.
 *
 * @throws {Error} if the log is not reached, or the address for other nodes cannot be listened on
 */
export async function openGround(config: ResolvedCluster, logger: Logger, time: OpeningTime): Promise<Ground> {
  const opener = config.log.type === "memory" ? simulated.get(config.name) : undefined;
  if (opener !== undefined) return await opener(config);
  const log = await openLog(config, logger, time);
  const carrier = await openTcpCarrier(config, logger).catch(async (error) => {
    await log.close();
    throw error;
  });
  return { log, carrier };
}
