import { assertEquals, assertRejects } from "@std/assert";
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
