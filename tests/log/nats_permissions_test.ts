/** What a node must be allowed at real NATS servers, as the manual lists it. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { openNatsLog } from "../../src/log/nats_log.ts";
import { CollectingLogger } from "../support/test_broker.ts";
import { natsInstalled, NatsServers } from "./nats_servers.ts";

const ignore = !natsInstalled;
const CLUSTER = "plant-7";

/** The lines of the server's config that the manual gives. */
async function fromManual(): Promise<string> {
  const manual = await Deno.readTextFile(new URL("../../docs/cluster.md", import.meta.url));
  const block = /```nats\n([\s\S]*?)```/.exec(manual)?.[1];
  assert(block !== undefined, "docs/cluster.md has a block of a server's config");
  return block.replaceAll("a password", "secret");
}

function open(servers: NatsServers) {
  return openNatsLog({
    servers: servers.addresses.map((address) => `nats://${address}`),
    access: { username: "node", password: "secret" },
    cluster: CLUSTER,
    replicas: 1,
    logger: new CollectingLogger(),
  });
}

Deno.test({
  name: "NATS permissions: with those of the manual the log is made, written, read, shortened and left",
  ignore,
  async fn() {
    await using servers = await NatsServers.start(1, { lines: await fromManual() });
    const log = await open(servers);
    const count = 5000;
    try {
      const appends = Array.from({ length: count }, (_, at) => log.append(Uint8Array.of(at & 255, at >> 8)));
      let read = 0;
      for await (const { bytes } of log.open(1)) {
        assertEquals([...bytes], [read & 255, read >> 8]);
        if (++read === count) break;
      }
      await Promise.all(appends);
      await log.trim(count);
      assertEquals(log.first, count);
    } finally {
      await log.close();
    }
  },
});

Deno.test({
  name: "NATS permissions: a node that may not use the stream is told so",
  ignore,
  async fn() {
    const lines = (await fromManual()).replace(/publish: \[[^\]]*\]/, 'publish: ["something.else"]');
    await using servers = await NatsServers.start(1, { lines });
    const { message } = await assertRejects(() => open(servers), Error);
    assertMatch(message, /permission/i);
  },
});
