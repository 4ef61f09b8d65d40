/** A node whose log is not there when it starts. */
import { assertEquals, assertRejects } from "@std/assert";
import { Broker } from "../../mod.ts";
import { patiently } from "../support/patience.ts";
import { CollectingLogger } from "../support/test_broker.ts";
import { freePort } from "../support/ports.ts";

Deno.test("a node that does not reach its log is shut down at once", async () => {
  const logger = new CollectingLogger();
  const log = { type: "nats", servers: [`nats://127.0.0.1:${freePort()}`] } as const;
  const config = { listeners: { tcp: { bind: "127.0.0.1:0" } }, cluster: { name: "x", bind: "127.0.0.1:0", log } };
  const broker = new Broker(config, { logger });
  const starting = broker.start();
  const refused = assertRejects(() => starting, Error, "shut down while it opened the log");
  await logger.line(/the log is not there yet/);
  await patiently("the shutdown", broker.shutdown());
  await refused;
});

Deno.test("a node whose log does not answer is shut down at once", async () => {
  // It takes connections, and says nothing.
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked = silent.accept();
  const log = { type: "nats", servers: [`nats://127.0.0.1:${silent.addr.port}`] } as const;
  const config = { listeners: { tcp: { bind: "127.0.0.1:0" } }, cluster: { name: "x", bind: "127.0.0.1:0", log } };
  const stop = new AbortController();
  const broker = new Broker(config, { logger: new CollectingLogger() });
  const refused = assertRejects(() => broker.start({ signal: stop.signal }), Error, "that was enough");
  using _ = await patiently("the node to ask", asked);
  stop.abort(new Error("that was enough"));
  await patiently("the start to end", refused);
  await broker.shutdown();
  assertEquals(broker.addresses, {});
});
