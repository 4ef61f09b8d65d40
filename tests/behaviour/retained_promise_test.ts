/** What a SUBACK promised of the retained messages belongs to the session, until it has come. */
import { assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import { subscribePacket } from "../support/client_packets.ts";
import { afterRestart, back, durable } from "../support/after_restart.ts";
import { House, MemoryDisk, SqliteDisk } from "../support/durable_broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const ONE = { receiveMaximum: 1 } as const;

async function retain(broker: TestBroker, names: readonly string[], payload = "old", qos: QoS = 1): Promise<void> {
  for (const name of names) await broker.broker.publish(name, payload, { qos, retain: true });
}

/** Takes what comes and acknowledges it; returns topic names and payloads. */
async function takeNames(client: RawClient, count: number): Promise<string[]> {
  const names: string[] = [];
  for (let taken = 0; taken < count; taken++) {
    const { topicName, payload } = await client.takeMessage();
    names.push(`${topicName} ${payload}`);
  }
  await client.expectNothing();
  return names;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `a/${from + index}`);

for (const qos of [1, 2] as const) {
  afterRestart(
    `what a subscription has not brought yet of the retained messages comes at QoS ${qos}, each once`,
    async (
      { house, broker, end },
    ) => {
      await retain(broker, numbers(0, 10), "old", qos);
      const before = await durable(broker, "c", ONE);
      await before.subscribe("a/#", qos);
      for (let taken = 0; taken < 3; taken++) await before.takeMessage({ topicName: `a/${taken}` });
      await before.expectMessage({ topicName: "a/3", dup: false });
      let client = await back(await house.restart(end), "c", ONE);
      await client.takeMessage({ topicName: "a/3", dup: true });
      await client.takeMessage({ topicName: "a/4", dup: false, retain: true });
      await client.expectMessage({ topicName: "a/5" });
      client = await back(await house.restart(end), "c", ONE);
      assertEquals(await takeNames(client, 5), numbers(5, 10).map((name) => `${name} old`));
      client = await back(await house.restart(end), "c", ONE);
      await client.expectNothing();
    },
  );
}

afterRestart(
  "what is retained after a subscription is not taken for what it promised",
  async ({ house, broker, end }) => {
    await retain(broker, ["a/0", "a/1", "a/2"]);
    const before = await durable(broker, "c", ONE);
    await before.subscribe("a/#", 1);
    await before.expectMessage({ topicName: "a/0" });
    await broker.broker.publish("a/2", "", { qos: 1, retain: true });
    const after = await house.restart(end);
    await retain(after, ["a/1", "a/3"], "new");
    const client = await back(after, "c", ONE);
    assertEquals(await takeNames(client, 4), ["a/0 old", "a/2 ", "a/1 new", "a/3 new"]);
  },
);

Deno.test("[MQTT-3.8.4-4] 3.1.1: a connection that is lost in the middle of 25,000 retained messages loses none of them", async () => {
  await using broker = await startBroker();
  for (const name of numbers(0, 25_000)) await broker.broker.publish(name, "v", { qos: 1, retain: true });
  const before = await durable(broker, "c", { receiveMaximum: 20 });
  await before.subscribe("#", 1);
  const got = new Set<string>();
  for (let taken = 0; taken < 1000; taken++) got.add((await before.takeMessage({ dup: false })).topicName);
  await broker.lose(before);
  assertEquals(broker.broker.session("c")?.messagesQueued, 0);
  const client = await back(broker, "c");
  while (got.size < 25_000) got.add((await client.takeMessage({ retain: true })).topicName);
  await client.expectNothing();
});

Deno.test("An UNSUBSCRIBE ends what its subscription has not brought yet, and a message that is cleared does not come", async () => {
  await using broker = await startBroker();
  await retain(broker, ["a/0", "a/1", "b/0", "b/1", "b/2"]);
  const client = await durable(broker, "c", ONE);
  await client.subscribe(["a/#", "b/#"], 1);
  const { packetIdentifier } = await client.expectMessage({ topicName: "a/0" });
  await client.unsubscribe("a/#");
  await broker.broker.publish("b/1", "", { retain: true });
  await client.expectMessage({ topicName: "b/1", payload: "", retain: false });
  await client.sendAck("Puback", packetIdentifier);
  assertEquals(await takeNames(client, 2), ["b/0 old", "b/2 old"]);
});

Deno.test("A SUBSCRIBE of the same filter begins anew, and one that wants nothing retained lets the former go on", async () => {
  await using broker = await startBroker();
  await retain(broker, ["a/0", "a/1", "a/2"]);
  const client = await durable(broker, "c", ONE);
  await client.subscribe("a/#", 1);
  await client.takeMessage({ topicName: "a/0" });
  await client.subscribe({ topicFilter: "a/#", qos: 1, retainHandling: 2 }, { identifier: 5 });
  await client.takeMessage({ topicName: "a/1", subscriptionIdentifiers: undefined });
  await client.subscribe("a/#", 1);
  // It left under the former subscription.
  assertEquals(await takeNames(client, 4), ["a/2 old", "a/0 old", "a/1 old", "a/2 old"]);
});

Deno.test("A message that replaces a retained one before its turn comes after it, never before", async () => {
  await using broker = await startBroker();
  await retain(broker, ["a/0", "a/1", "a/2"], "ON");
  const client = await durable(broker, "c", ONE);
  await client.subscribe("a/#", 1);
  const { packetIdentifier } = await client.expectMessage({ topicName: "a/0" });
  await retain(broker, ["a/1"], "OFF");
  await broker.broker.publish("a/2", "OFF", { qos: 0 });
  await client.sendAck("Puback", packetIdentifier);
  assertEquals(await takeNames(client, 4), ["a/1 ON", "a/2 ON", "a/1 OFF", "a/2 OFF"]);
});

Deno.test("What is retained at QoS 0 while its client is away comes as the newest of what was promised", async () => {
  await using broker = await startBroker();
  await retain(broker, ["a/0", "a/1"], "old", 1);
  await retain(broker, ["a/2"], "old", 0);
  const before = await durable(broker, "c", ONE);
  await before.subscribe("a/#", 1);
  await before.expectMessage({ topicName: "a/0" });
  await broker.lose(before);
  await retain(broker, ["a/2"], "new", 0);
  const client = await back(broker, "c", ONE);
  assertEquals(await takeNames(client, 3), ["a/0 old", "a/1 old", "a/2 new"]);
});

Deno.test("Retained messages that wait for a quota do not stop QoS 0 of other topics, nor does their own overtake them", async () => {
  await using broker = await startBroker();
  await retain(broker, ["a/0", "a/1"]);
  await retain(broker, ["b"], "old", 0);
  const client = await durable(broker, "c", ONE);
  await client.subscribe(["a/#", "ctl"], 1);
  const { packetIdentifier } = await client.expectMessage({ topicName: "a/0" });
  await broker.broker.publish("a/1", "newer", { qos: 0 });
  await broker.broker.publish("ctl", "go", { qos: 0 });
  await client.takeMessage({ topicName: "ctl", payload: "go" });
  await broker.broker.publish("a/1", "newest", { qos: 0 });
  await broker.broker.publish("ctl", "on", { qos: 0 });
  await client.takeMessage({ topicName: "ctl", payload: "on" });
  await client.sendAck("Puback", packetIdentifier);
  assertEquals(await takeNames(client, 3), ["a/1 old", "a/1 newer", "a/1 newest"]);
});

for (
  const [name, disk] of [["MemoryStore", () => new MemoryDisk()], ["SqliteStore", () => new SqliteDisk()]] as const
) {
  Deno.test(`${name}: SUBACK precedes the retained messages that its subscription brings, at every QoS`, async () => {
    await using house = new House(disk());
    const broker = await house.start();
    for (const qos of [0, 1, 2] as const) {
      await retain(broker, [`r/${qos}`], "old", qos);
      const client = await durable(broker, `c${qos}`);
      await client.sendPacket(subscribePacket(7, [[`r/${qos}`, qos]]));
      await client.expect("Suback");
      assertEquals(await takeNames(client, 1), [`r/${qos} old`]);
    }
  });
}

Deno.test("While a SUBACK waits for its commit, live messages of its subscription wait behind it, and others pass by", async () => {
  const disk = new MemoryDisk();
  await using house = new House(disk);
  const broker = await house.start();
  const client = await durable(broker, "c");
  await client.subscribe("other", 1);
  await house.stored();
  disk.memory.hold();
  await client.sendPacket(subscribePacket(7, [{ topicFilter: "new/#" }], { qos: 1 }));
  await client.expectNothing();
  await broker.broker.publish("new/1", "1", { qos: 0 });
  await broker.broker.publish("other", "2", { qos: 0 });
  await broker.broker.publish("new/1", "3", { qos: 0 });
  await client.expectMessage({ payload: "2" });
  await client.expectNothing();
  disk.memory.release();
  await client.expect("Suback");
  assertEquals(await takeNames(client, 2), ["new/1 1", "new/1 3"]);
});
