/** Two nodes of one cluster: messages go in at the one, and come out of the other. */
import { NatsServers } from "../log/nats_servers.ts";
import type { RunningBroker } from "./brokers.ts";
import { crosses } from "./bridged.ts";

/** As many as keep a log in three replicas. */
const SERVERS = 3;

/** A node of a cluster, and where its log is. */
export interface NodeOfCluster {
  readonly node: "a" | "b";
  /** NATS servers, `host:port`. */
  readonly log: readonly string[];
}

/**
 * Two nodes over NATS servers of their own.
 *
 * @returns the subscribers' node, with the publishers' port
 */
export async function clustered(start: (node: NodeOfCluster) => Promise<RunningBroker>): Promise<RunningBroker> {
  const servers = await NatsServers.start(SERVERS);
  const nodes: RunningBroker[] = [];
  const stop = async () => {
    for (const node of nodes) await node.stop();
    await servers[Symbol.asyncDispose]();
  };
  try {
    for (const node of ["a", "b"] as const) nodes.push(await start({ node, log: servers.addresses }));
    const [near, far] = nodes as [RunningBroker, RunningBroker];
    await crosses(near.port, far.port);
    return { ...far, publishPort: near.port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** NATS servers that are MQTT brokers themselves. */
export async function natsCluster(): Promise<RunningBroker> {
  const servers = await NatsServers.start(SERVERS, { mqtt: true });
  const [near, far] = servers.servers as [NatsServers["servers"][0], NatsServers["servers"][0]];
  const stop = () => servers[Symbol.asyncDispose]();
  try {
    await crosses(near.mqttPort, far.mqttPort);
    return { port: far.mqttPort, publishPort: near.mqttPort, pid: far.process.pid, caFile: "", stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
