/** A broker of a cluster that is a process of its own, and is killed: over real NATS servers, by the system's clock. */
import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { Broker } from "../../src/broker/broker.ts";
import { natsInstalled, NatsServers } from "../log/nats_servers.ts";
import { freePort, retryPause } from "../support/ports.ts";
import { RawClient } from "../support/raw_client.ts";

const cli = fromFileUrl(new URL("../../cli.ts", import.meta.url));
const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function connectTo(port: number): Promise<RawClient> {
  for (;;) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
    if (connection) return new RawClient(connection);
    await retryPause();
  }
}

Deno.test({
  name: "when a node is killed its subscribers hold up nobody for long, and the wills of its clients come once",
  ignore: !natsInstalled,
  async fn() {
    await using servers = await NatsServers.start(1);
    const folder = await Deno.makeTempDir();
    const port = freePort();
    const cluster = {
      name: "killed",
      bind: "127.0.0.1:0",
      failureTimeout: 0.5,
      log: { servers: servers.addresses.map((one) => `nats://${one}`), replicas: 1 },
    };
    const config = { listeners: { default: { bind: `127.0.0.1:${port}` } }, cluster: { ...cluster, node: "b" } };
    await Deno.writeTextFile(join(folder, "b.yaml"), JSON.stringify(config));
    const args = ["run", "-A", cli, "--config", join(folder, "b.yaml")];
    const process = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).spawn();
    const listeners = { tcp: { bind: "127.0.0.1:0" } };
    const broker = new Broker({ listeners, cluster: { ...cluster, node: "a" } }, { logger: silent });
    try {
      const far = await connectTo(port);
      await far.connect({
        protocolVersion: 5,
        clientIdentifier: "far",
        will: { topicName: "w", payload: "killed", qos: 1 },
      });
      await broker.start();
      await far.subscribe("t", 1);
      const near = await connectTo(broker.addresses.tcp!.port);
      await near.connect({ protocolVersion: 5, clientIdentifier: "near" });
      await near.subscribe("w", 1);
      assertEquals(await near.publish("t", "1", { qos: 1 }), 0);
      await far.takeMessage({ payload: "1" });
      process.kill("SIGKILL");
      assertEquals(await near.publish("t", "2", { qos: 1 }), 0);
      await near.takeMessage({ topicName: "w", payload: "killed" });
      assertEquals(await near.publish("t", "3", { qos: 1 }), 0x10);
      await near.expectNothing();
      await Promise.all([far.close(), near.close()]);
    } finally {
      await broker.shutdown();
      try {
        process.kill("SIGKILL");
      } catch {
        // It was killed.
      }
      await process.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
});
