/** What the figures below `$SYS` say about the store. */
import { assertEquals } from "@std/assert";
import { StoreError } from "../../src/store/store.ts";
import { startDurable, until } from "../support/durable_broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker } from "../support/test_broker.ts";

/** The figures about the store that come next. */
async function figures(client: RawClient): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  for (let i = 0; i < 3; i++) {
    const { topicName, payload } = await client.expect("Publish");
    found.push([topicName, new TextDecoder().decode(payload)]);
  }
  return Object.fromEntries(found);
}

Deno.test("the figures tell what keeps the store from storing, and how much waits for it", async () => {
  await using durable = await startDurable({ plugins: [{ broker_sys: { interval: 20 } }] });
  const { broker, store } = durable;
  await until("all to be stored", () => broker.broker.statistics.changesWaiting === 0);
  const subscriber = await broker.connect();
  await subscriber.subscribe("$SYS/broker/store/#");
  assertEquals((await figures(subscriber))["$SYS/broker/store/state"], "ok");
  const failing = new StoreError("/data/broker.sqlite: there is no room left", true);
  store.failing = failing;
  await broker.broker.publish("a", "1", { retain: true });
  await until("the store to fail", () => broker.broker.statistics.storeFault !== undefined);
  broker.clock.advance(20_000);
  const { "$SYS/broker/store/state": state, "$SYS/broker/store/waiting": waiting } = await figures(subscriber);
  assertEquals([state, Number(waiting) > 0], [failing.message, true]);
  // So that the shutdown has nothing to wait for.
  store.failing = undefined;
});

Deno.test("without a store nothing waits for it and nothing keeps it from storing", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "1", { retain: true });
  const { storeFault, changesWaiting } = broker.broker.statistics;
  assertEquals([storeFault, changesWaiting], [undefined, 0]);
});
