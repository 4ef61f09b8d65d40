/** A cluster of brokers over real NATS servers: the same that clients see over a log in memory. */
import { natsInstalled, NatsServers } from "../log/nats_servers.ts";
import { testCluster } from "./behaviour.ts";
import { Nodes } from "./nodes.ts";

testCluster("a cluster over NATS", async (count, options) => {
  const servers = await NatsServers.start(1);
  try {
    const log = { type: "nats", servers: servers.addresses.map((one) => `nats://${one}`), replicas: 1 } as const;
    const nodes = await Nodes.start(count, { ...options, log });
    nodes.onDispose = () => servers[Symbol.asyncDispose]();
    return nodes;
  } catch (error) {
    await servers[Symbol.asyncDispose]();
    throw error;
  }
}, !natsInstalled);
