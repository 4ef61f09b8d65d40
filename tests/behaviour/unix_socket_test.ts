/** A listener on a unix socket, as a whole. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RawClient } from "../support/raw_client.ts";
import { startBroker } from "../support/test_broker.ts";

const onUnix = { ignore: Deno.build.os === "windows" };

Deno.test({
  ...onUnix,
  name: "every line of the log has the same word for the address of a client on a unix socket",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/broker.sock`;
      await using broker = await startBroker({
        listeners: { local: { bind: `unix:${path}` } },
        topicCheck: { enabled: true, acl: { anonymous: ["ok"] } },
      });
      const open = async () => new RawClient(await Deno.connect({ transport: "unix", path }));
      const faulty = await open();
      await faulty.send(Uint8Array.of(0xc0, 0));
      await faulty.expectClosed();
      await faulty.close();
      const refused = await open();
      await refused.connect({ clientIdentifier: "a", username: "u", password: "p" });
      await refused.expectClosed();
      await refused.close();
      const client = await open();
      await client.connect({ clientIdentifier: "a" });
      await client.publish("no", "x", { qos: 1 });
      await client.subscribe("no");
      await client.disconnect();
      await broker.broker.shutdown();
      const lines = broker.log.lines.filter((line) => line.includes("listener local"));
      const kinds = [
        "protocol error",
        "connection refused",
        "publish denied",
        "subscription refused",
        "connection ended",
      ];
      for (const kind of kinds) assert(lines.some((line) => line.includes(kind)), `${kind}: ${lines.join("\n")}`);
      assertEquals(lines.filter((line) => !line.includes("unknown address, listener local")), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  ...onUnix,
  name: "clients on a unix socket count as local: without an auth section they are let in",
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
