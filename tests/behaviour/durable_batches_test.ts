/** What one commit has to hold, and what waits for it in memory. */
import { assertEquals } from "@std/assert";
import type { Hooks } from "../support/hooks_plugin.ts";
import type { Change } from "../../src/store/store.ts";
import { durable } from "../support/after_restart.ts";
import { startDurable, until } from "../support/durable_broker.ts";
import { hooks } from "../support/test_broker.ts";

const SLOW: Readonly<Record<string, Hooks>> = {
  authorizePublish: { authorizePublish: () => Promise.resolve("allow") },
  transformMessage: { transformMessage: (message) => Promise.resolve(message) },
};

for (const [name, slow] of Object.entries(SLOW)) {
  Deno.test(`With a ${name} that takes its time one commit holds a QoS 2 message and that it was received`, async () => {
    await using durability = await startDurable({ plugins: [hooks(slow)] });
    const { broker, store, house } = durability;
    await (await durable(broker, "s")).subscribe("a", 2);
    const publisher = await durable(broker, "p");
    await house.stored();
    const batches: Change["type"][][] = [];
    const append = store.append.bind(store);
    store.append = (changes) => {
      batches.push(changes.map(({ type }) => type));
      return append(changes);
    };
    await publisher.sendPublish("a", "x", { qos: 2, packetIdentifier: 7 });
    await publisher.expectAck("Pubrec", 7);
    assertEquals(batches.filter((types) => types.includes("delivery")), [["message", "delivery", "accept"]]);
  });
}

Deno.test("Of what is retained and cleared at QoS 0 while the store is busy, the last of each topic is stored", async () => {
  await using durability = await startDurable();
  const { broker, store, house } = durability;
  const client = await broker.connect5();
  store.hold();
  await client.publish("busy", "x", { retain: true });
  await until("the store to be busy", () => store.held === 1);
  for (let index = 0; index < 100; index++) {
    await client.publish("a", `${index}`, { retain: true });
    await client.publish("b", `${index}`, { retain: true });
    await client.publish("b", "", { retain: true });
    await client.publish(`never/${index}`, "", { retain: true });
  }
  const from = store.changes.length;
  store.release();
  await house.stored();
  const types = store.changes.slice(from).map(({ type }) => type);
  assertEquals(types.filter((type) => type !== "clock"), [
    ...["message", "retain"] as const,
    // What was retained and cleared in one batch needs no note; the other topics share one.
    ...["message", "retain", "clear"] as const,
  ]);
  const after = await house.restart("crash");
  assertEquals([...after.broker.retained.keys()].toSorted(), ["a", "busy"]);
  assertEquals(new TextDecoder().decode(after.broker.retained.get("a")?.payload), "99");
});
