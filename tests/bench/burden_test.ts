import { assertEquals, assertRejects } from "@std/assert";
import { until } from "../support/durable_broker.ts";
import { startBroker } from "../support/test_broker.ts";
import { elsewhereFilters, startBurden } from "./load/burden.ts";
import { parseLoadOptions } from "./load/options.ts";

Deno.test("Idle clients and subscriptions elsewhere are all there while they are held", async () => {
  await using broker = await startBroker();
  const { port } = broker.broker.addresses.tcp!;
  const flags = ["pubsub", "--port", `${port}`, "--idle", "5", "--elsewhere", "10003"];
  const burden = await startBurden(parseLoadOptions(flags));
  const { clientsConnected, subscriptions } = broker.broker.statistics;
  await burden.release();
  assertEquals([clientsConnected, subscriptions], [7, 10_003]);
});

Deno.test("Without a broker there is nobody to hold", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const options = parseLoadOptions(["pubsub", "--port", `${port}`, "--idle", "1"]);
  await assertRejects(() => startBurden(options), Error, "cannot be opened");
});

Deno.test("Filters elsewhere are of every kind, each once, and none meets the traffic's topics", () => {
  const filters = [0, 1].flatMap((client) => elsewhereFilters(client, 10_004));
  assertEquals(new Set(filters).size, 10_004);
  assertEquals(filters.every((filter) => filter.startsWith("elsewhere/")), true);
  assertEquals(filters.slice(0, 4).map((filter) => filter.slice("elsewhere/0000000/".length)), ["t", "+", "#", "+/t"]);
});

for (const carriedBy of ["client", "bridge"] as const) {
  Deno.test(`Traffic beside the measured one goes on by way of a ${carriedBy}, and is counted`, async () => {
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port: remotePort } = free.addr;
    free.close();
    const topics = [{ filter: "carried/#", qos: 1 }] as const;
    const remote = { address: `127.0.0.1:${remotePort}`, version: "3.1.1", start: "lazy", topics } as const;
    await using broker = await startBroker(carriedBy === "bridge" ? { bridges: { remote } } : {});
    const { port } = broker.broker.addresses.tcp!;
    const flags = ["pubsub", "--port", `${port}`, "--carried", carriedBy, "--remote-port", `${remotePort}`];
    const burden = await startBurden(parseLoadOptions(flags));
    await until("much has gone through", () => {
      // The clock stands still, and with it a bridge that is to connect.
      if (broker.broker.bridges()[0]?.state === "idle") broker.clock.advance(1000);
      return broker.broker.statistics.publishesSent > 2000;
    });
    const { msgs_per_s: perSecond, errors } = JSON.parse(await burden.release());
    assertEquals([perSecond > 0, errors], [true, 0]);
  });
}
