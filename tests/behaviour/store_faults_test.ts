/** A store that fails: nothing is acknowledged that is not stored, the rest goes on, and all is well when the store is. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Broker } from "../../src/broker/broker.ts";
import { StoreError } from "../../src/store/store.ts";
import { startDurable, until } from "../support/durable_broker.ts";
import type { MemoryStore } from "../support/memory_store.ts";
import { patiently } from "../support/patience.ts";
import { type RawClient, subscribePacket, unsubscribePacket } from "../support/raw_client.ts";
import type { TestBroker } from "../support/test_broker.ts";

const FULL = new StoreError("there is no room left", true);
const BROKEN = new StoreError("the disk is gone", false);

const lasting = { clean: false, sessionExpiryIntervalSeconds: 1000 } as const;
const away = { ...lasting, clientIdentifier: "away" } as const;

/** A session that is offline, so that what is published at `a` has to be stored. */
async function leaveSubscriber(broker: TestBroker): Promise<void> {
  const client = await broker.connect5(away);
  await client.subscribe("a", 2);
  await client.disconnect();
}

/** Lets the store fail, and waits until the broker has noticed; returns the message that it could not store. */
async function fail(broker: TestBroker, store: MemoryStore, error: StoreError): Promise<RawClient> {
  store.failing = error;
  const first = await broker.connect5({ clientIdentifier: "first" });
  await first.sendPublish("a", "first", { qos: 1, packetIdentifier: 1 });
  await first.expectNothing();
  assertEquals(broker.broker.statistics.storeFault, error.message);
  return first;
}

/** What the offline session has been left. */
async function expectDelivered(broker: TestBroker, ...payloads: string[]): Promise<void> {
  const client = await broker.connect5(away);
  for (const payload of payloads) await client.takeMessage({ payload });
  await client.expectNothing();
}

Deno.test("What cannot be stored is acknowledged when the store works again, and not before", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  const first = await fail(broker, store, BROKEN);
  await first.expectNothing();
  assert(broker.log.complains("the disk is gone"), broker.log.lines.join("\n"));
  store.failing = undefined;
  await first.expectAck("Puback", 1, 0);
  assertEquals(broker.broker.statistics.storeFault, undefined);
  assert(broker.log.lines.some((line) => line.includes("the store works again")), broker.log.lines.join("\n"));
  await expectDelivered(broker, "first");
});

for (const [error, reasonCode] of [[FULL, 0x97], [BROKEN, 0x83]] as const) {
  for (const qos of [1, 2] as const) {
    const hex = `0x${reasonCode.toString(16)}`;
    Deno.test(`While the store fails (${error.message}), a 5.0 publisher is told ${hex} at QoS ${qos}`, async () => {
      await using durability = await startDurable();
      const { broker, store } = durability;
      await leaveSubscriber(broker);
      const publisher = await broker.connect5({ clientIdentifier: "p" });
      const first = await fail(broker, store, error);
      await publisher.sendPublish("a", "refused", { qos, packetIdentifier: 7 });
      await publisher.expectAck(qos === 1 ? "Puback" : "Pubrec", 7, reasonCode);
      store.failing = undefined;
      await first.expectAck("Puback", 1, 0);
      await publisher.publish("a", "later", { qos });
      await expectDelivered(broker, "first", "later");
    });
  }
}

Deno.test("A store that is damaged is told of, with what to do, and asked again rarely; QoS 0 goes on", async () => {
  await using durability = await startDurable({ sysInterval: 10 });
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  const text = "/data/broker.sqlite: is damaged: restore it from a backup";
  await fail(broker, store, new StoreError(text, "corrupt"));
  let asked = 0;
  store.append = () => {
    asked++;
    return Promise.reject(new StoreError(text, "corrupt"));
  };
  const publisher = await broker.connect5({ clientIdentifier: "p" });
  await publisher.sendPublish("a", "refused", { qos: 1, packetIdentifier: 7 });
  await publisher.expectAck("Puback", 7, 0x83);
  assert(broker.log.complains(`nothing is acknowledged until it can be stored: ${text} (this will not pass by itself`));
  broker.clock.advance(10_000);
  await publisher.subscribe("$SYS/broker/store/state", 0);
  await publisher.expectMessage({ payload: text });
  await publisher.subscribe("b", 0);
  await publisher.sendPublish("b", "at most once", { qos: 0 });
  await publisher.takeMessage({ payload: "at most once" });
  assertEquals(asked, 0);
});

Deno.test("A 5.0 publisher that comes while the store fails is told, too", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  await fail(broker, store, FULL);
  const publisher = await broker.connect5();
  await publisher.sendPublish("a", "refused", { qos: 1, packetIdentifier: 7 });
  await publisher.expectAck("Puback", 7, 0x97);
  store.failing = undefined;
});

Deno.test("A 3.x client that waits for the store is closed when that fails, and others are not", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  const [publisher, other] = [await broker.connect(), await broker.connect()];
  store.failing = BROKEN;
  await publisher.sendPublish("a", "unstored", { qos: 1, packetIdentifier: 1 });
  await publisher.expectClosed();
  await other.expectNothing();
  store.failing = undefined;
});

Deno.test("A 3.x client that publishes for a stored session is closed while the store fails", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  await fail(broker, store, FULL);
  const publisher = await broker.connect();
  await publisher.sendPublish("a", "unstored", { qos: 2, packetIdentifier: 1 });
  await publisher.expectClosed();
  store.failing = undefined;
});

Deno.test("A 3.x client that begins to wait while the store fails already is closed", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const client = await broker.connect({ clean: false, clientIdentifier: "three" });
  await client.subscribe("b", 1);
  await leaveSubscriber(broker);
  await fail(broker, store, BROKEN);
  await client.sendPacket(unsubscribePacket(9, ["b"]));
  await until("its change to wait", () => broker.broker.statistics.changesWaiting > 1);
  broker.clock.advance(1000);
  await client.expectClosed();
  store.failing = undefined;
});

Deno.test("While the store fails, QoS 0 goes on, and QoS 1 and 2 for whom nothing is stored", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  const subscriber = await broker.connect5();
  await subscriber.subscribe("b", 2);
  const publishers = [await broker.connect(), await broker.connect5()];
  await fail(broker, store, BROKEN);
  for (const publisher of publishers) {
    for (const qos of [0, 1, 2] as const) {
      const payload = `at QoS ${qos}`;
      await publisher.publish("b", payload, { qos });
      await subscriber.takeMessage({ payload, qos });
    }
    await publisher.sendPublish("a", "at most once", { qos: 0 });
    await publisher.expectNothing();
  }
  store.failing = undefined;
});

Deno.test("While the store fails, what the program publishes for nobody who is stored waits for nothing", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  await fail(broker, store, BROKEN);
  for (const qos of [0, 1, 2] as const) {
    await patiently(`a message at QoS ${qos} to be routed`, broker.broker.publish("b", "x", { qos }));
  }
  assertEquals(broker.broker.statistics.storeFault, BROKEN.message);
  store.failing = undefined;
});

Deno.test("While the store fails, a new session that is to last is refused", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  await fail(broker, store, BROKEN);
  const five = await broker.open().connect({ ...lasting, protocolVersion: 5, clientIdentifier: "n" });
  assertEquals<number>(five.reasonCode, 0x88);
  const three = await broker.open().connect({ clean: false, clientIdentifier: "n" });
  assertEquals<number>(three.reasonCode, 3);
  store.failing = undefined;
});

Deno.test("SUBACK waits until the store works again", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const client = await broker.connect5({ ...lasting, clientIdentifier: "c" });
  store.failing = BROKEN;
  await client.sendPacket(subscribePacket(1, [["b", 1]]));
  await client.expectNothing();
  store.failing = undefined;
  assertEquals((await client.expect("Suback")).packetIdentifier, 1);
  assert(store.changes.some((change) => change.type === "subscribe"));
});

Deno.test("What a commit that failed was to hold is stored once, before what came after it", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  const publisher = await broker.connect5({ clientIdentifier: "p" });
  store.failNext(BROKEN);
  const identifiers = [1, 2, 3];
  for (const packetIdentifier of identifiers) {
    await publisher.sendPublish("a", `${packetIdentifier}`, { qos: 1, packetIdentifier });
  }
  const answers = [await publisher.next(), await publisher.next(), await publisher.next()];
  const stored = answers.flatMap((answer) =>
    "packetIdentifier" in answer && "reasonCode" in answer && answer.reasonCode === 0 ? [answer.packetIdentifier] : []
  );
  assert(stored.includes(1), "the first was given to the store before it failed");
  await expectDelivered(broker, ...stored.map(String).toSorted());
  assertEquals(store.changes.filter(({ type }) => type === "delivery").length, stored.length);
});

Deno.test("$SYS tells what keeps the store from storing, and when it works again", async () => {
  await using durability = await startDurable({ sysInterval: 10 });
  const { broker, store } = durability;
  await leaveSubscriber(broker);
  const watcher = await broker.connect5();
  const first = await fail(broker, store, FULL);
  broker.clock.advance(10_000);
  await watcher.subscribe("$SYS/broker/store/state", 0);
  await watcher.expectMessage({ payload: "there is no room left" });
  store.failing = undefined;
  await first.expectAck("Puback", 1, 0);
  broker.clock.advance(10_000);
  await watcher.expectMessage({ payload: "ok" });
});

/** A folder with a broker's config and the database that a broker has left. */
async function databaseOf(folder: string): Promise<string> {
  const persistence = { type: "sqlite", path: `${folder}/broker.sqlite`, commit: "os" } as const;
  const listeners = { tcp: { bind: "127.0.0.1:0" } };
  const broker = new Broker({ listeners, persistence, plugins: [], sysInterval: 0 });
  await broker.start();
  for (let index = 0; index < 100; index++) {
    await broker.publish(`a/${index}`, "x".repeat(1000), { qos: 1, retain: true });
  }
  await broker.shutdown();
  const config = `listeners: { tcp: { bind: "127.0.0.1:0" } }\npersistence: { type: sqlite, path: broker.sqlite }\n`;
  await Deno.writeTextFile(`${folder}/broker.yaml`, config);
  return persistence.path;
}

Deno.test("The program does not start on a truncated database: it says what to do and leaves the file as it is", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = await databaseOf(folder);
    const { size } = await Deno.stat(path);
    await Deno.truncate(path, Math.floor(size / 2));
    const before = await Deno.readFile(path);
    const cli = fromFileUrl(new URL("../../cli.ts", import.meta.url));
    const args = ["run", "-A", "--quiet", cli, `${folder}/broker.yaml`];
    const command = new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } });
    const { code, stderr } = await patiently("the end of the program", command.output());
    const said = new TextDecoder().decode(stderr);
    assertEquals(code, 1, said);
    assertStringIncludes(said, `${path}: is damaged`);
    assertStringIncludes(said, "restore it from a backup");
    assertEquals(await Deno.readFile(path), before);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
