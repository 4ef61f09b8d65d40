/** Who comes and goes while the store fails: nothing piles up, and nothing comes twice. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import type { PluginContext } from "../../src/hooks/plugin.ts";
import { StoreError } from "../../src/store/store.ts";
import { MemoryDisk, startDurable, until } from "../support/durable_broker.ts";
import type { MemoryStore } from "../support/memory_store.ts";
import { patiently } from "../support/patience.ts";
import { hooks, type TestBroker } from "../support/test_broker.ts";

const BROKEN = new StoreError("the disk is gone", "io");

const lasting = { clean: false, sessionExpiryIntervalSeconds: 1000 } as const;
const will = { topicName: "w", payload: "gone", qos: 0 } as const;

/** A session that is offline, so that what is published at `a` has to be stored. */
async function leaveSubscriber(broker: TestBroker): Promise<void> {
  const client = await broker.connect5({ ...lasting, clientIdentifier: "away" });
  await client.subscribe("a", 2);
  await client.disconnect();
}

/** Lets the store fail, and waits until the broker has noticed. */
async function fail(broker: TestBroker, store: MemoryStore): Promise<void> {
  await until("all to be stored", () => broker.broker.statistics.changesWaiting === 0);
  store.failing = BROKEN;
  await broker.broker.publish("retained", "x", { retain: true });
  await until("the fault to be seen", () => broker.broker.statistics.storeFault !== undefined);
}

/** Lets the store work again, and waits until the broker has noticed. */
async function mend(broker: TestBroker, store: MemoryStore): Promise<void> {
  store.failing = undefined;
  await until("the store to work", () => broker.broker.statistics.storeFault === undefined);
}

Deno.test("While the store fails, no CONNECT that would have to be stored is accepted, and none leaves anything", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  await (await broker.connect({ clean: false, clientIdentifier: "three" })).disconnect();
  await fail(broker, store);
  const waiting = broker.broker.statistics.changesWaiting;
  for (let round = 0; round < 5; round++) {
    const code = async (options: Parameters<TestBroker["connect"]>[0]) =>
      (await broker.open().connect(options ?? {})).reasonCode as number;
    const away = { protocolVersion: 5, clientIdentifier: "away" } as const;
    assertEquals(await code({ ...away, ...lasting }), 0x88, "a session that is there");
    assertEquals(await code({ ...away, clean: true }), 0x88, "a clean start in place of one");
    assertEquals(await code({ ...away, clean: false }), 0x88, "a session that is to end with the connection");
    assertEquals(await code({ ...away, ...lasting, clientIdentifier: "new" }), 0x88, "a new session");
    assertEquals(await code({ protocolVersion: 5, will }), 0x88, "a will");
    assertEquals(await code({ clean: false, clientIdentifier: "three" }), 3, "a session of 3.1.1");
  }
  assertEquals(broker.broker.statistics.changesWaiting, waiting);
  await (await broker.connect5()).publish("b", "x", { qos: 0 });
  await mend(broker, store);
  const client = await broker.connect5({ ...lasting, clientIdentifier: "away" });
  assert(client.connack.sessionPresent);
});

Deno.test("While the store fails, the program's and plugins' messages that have to be stored are refused", async () => {
  let context: PluginContext | undefined;
  const plugin = (given: PluginContext) => {
    context = given;
    return {};
  };
  await using durability = await startDurable({ plugins: [hooks(plugin)] });
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  await fail(broker, store);
  const waiting = broker.broker.statistics.changesWaiting;
  const message = 'Cannot publish to "a": it cannot be stored: the disk is gone';
  for (const qos of [1, 2] as const) {
    await assertRejects(() => broker.broker.publish("a", "x", { qos }), Error, message);
    await assertRejects(() => context!.publish("a", "x", { qos }), Error, message);
  }
  await assertRejects(() => broker.broker.publish("r", "x", { qos: 1, retain: true }), Error, "it cannot be stored");
  await broker.broker.publish("b", "x");
  context?.publish("b", "x", { qos: 2 });
  assertEquals(broker.broker.statistics.changesWaiting, waiting);
  await mend(broker, store);
  await broker.broker.publish("a", "stored", { qos: 1 });
  const client = await broker.connect5({ ...lasting, clientIdentifier: "away" });
  await client.takeMessage({ payload: "stored" });
  await client.expectNothing();
});

Deno.test("The program is told that its message was not stored if the broker ends before", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  await until("all to be stored", () => broker.broker.statistics.changesWaiting === 0);
  store.failing = BROKEN;
  const publishing = broker.broker.publish("a", "x", { qos: 1 });
  const refused = assertRejects(() => publishing, Error, "the broker has ended");
  await until("the fault to be seen", () => broker.broker.statistics.storeFault !== undefined);
  await broker.broker.shutdown();
  await refused;
});

Deno.test("What was under way at QoS 2 when the store failed comes once, though its publisher gave up waiting", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  const options = { ...lasting, clientIdentifier: "p" } as const;
  const publisher = await broker.connect5(options);
  await until("all to be stored", () => broker.broker.statistics.changesWaiting === 0);
  store.failing = BROKEN;
  await publisher.sendPublish("a", "once", { qos: 2, packetIdentifier: 7 });
  await until("the fault to be seen", () => broker.broker.statistics.storeFault !== undefined);
  await publisher.expectNothing();
  await broker.lose(publisher);
  assertEquals<number>((await broker.open().connect({ ...options, protocolVersion: 5 })).reasonCode, 0x88);
  await mend(broker, store);
  const again = await broker.connect5(options);
  assert(again.connack.sessionPresent);
  await again.sendPublish("a", "once", { qos: 2, packetIdentifier: 7, dup: true });
  await again.expectAck("Pubrec", 7, 0);
  await again.disconnect();
  const client = await broker.connect5({ ...lasting, clientIdentifier: "away" });
  await client.takeMessage({ payload: "once" });
  await client.expectNothing();
});

Deno.test("A store that does not open holds up no shutdown", async () => {
  const disk = new MemoryDisk();
  const opening = Promise.withResolvers<void>();
  disk.memory.open = () => {
    opening.resolve();
    return new Promise(() => {});
  };
  disk.memory.close = () => new Promise(() => {});
  const baseDirectory = new URL("../support/", import.meta.url).pathname;
  const persistence = { type: "./store_plugin.ts", store: disk.memory };
  const broker = new Broker({ listeners: {}, plugins: [], persistence }, { baseDirectory });
  const starting = assertRejects(() => broker.start(), Error, "the broker was shut down before its store was open");
  await patiently("the store to be opened", opening.promise);
  await patiently("the shutdown", broker.shutdown());
  await starting;
});
