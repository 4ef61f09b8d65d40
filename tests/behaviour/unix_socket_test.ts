/** A listener on a unix socket, as a whole. */
import { assertEquals, assertRejects } from "@std/assert";
import { RawClient } from "../support/raw_client.ts";
import { startBroker } from "../support/test_broker.ts";

Deno.test({
  name: "clients on a unix socket count as local: without an auth section they are let in",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/broker.sock`;
      const listeners = { local: { bind: `unix:${path}`, socketMode: "0600", maxConnections: 1 } };
      {
        await using broker = await startBroker({ listeners, auth: undefined });
        assertEquals(broker.broker.addresses, {
          local: { type: "tcp", secure: false, hostname: "", port: 0, socketPath: path },
        });
        const client = new RawClient(await Deno.connect({ transport: "unix", path }));
        assertEquals((await client.connect({ clientIdentifier: "a" })).reasonCode as number, 0);
        await client.subscribe("t");
        await client.publish("t", "x");
        await client.takeMessage({ payload: "x" });
        await client.disconnect();
      }
      await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
