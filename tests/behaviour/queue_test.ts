/** What waits for a session, and what goes when it is too much. */
import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import type { PluginContext } from "../../src/hooks/plugin.ts";
import type { DropReason } from "../../src/message.ts";
import type { QoS } from "../../src/packet/packets.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { connectPacket, RawClient, subscribePacket } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const persistent = { clientIdentifier: "s", clean: false } as const;

/** What a broker has given up, in order, as its plugins were told. */
class Drops {
  readonly messages: string[] = [];
  #context: PluginContext | undefined;

  readonly plugin = hooks((context) => {
    this.#context = context;
    return {
      messageDropped: (clientIdentifier, message, reason) =>
        void this.messages.push(`${clientIdentifier} ${new TextDecoder().decode(message.payload)} ${reason}`),
    };
  });

  counted(reason: DropReason): number {
    return this.#context!.statistics.messagesDropped[reason];
  }
}

async function startWithOfflineSession(config: BrokerConfig): Promise<[TestBroker, Drops]> {
  const drops = new Drops();
  const broker = await startBroker({ ...config, plugins: [drops.plugin] });
  const client = await broker.connect(persistent);
  await client.subscribe("a", 2);
  await client.disconnect();
  return [broker, drops];
}

async function publishAll(broker: TestBroker, ...payloads: string[]): Promise<void> {
  for (const payload of payloads) await broker.broker.publish("a", payload, { qos: Number(payload[0]) as 0 | 1 | 2 });
}

Deno.test("QoS 0 messages wait, too, and all come in the order of their publication", async () => {
  const [broker] = await startWithOfflineSession({});
  await using _ = broker;
  const payloads = ["0a", "1b", "2c", "0d", "1e"];
  await publishAll(broker, ...payloads);
  const client = await broker.connect(persistent);
  for (const payload of payloads) await client.takeMessage({ payload, dup: false, retain: false });
  await client.expectNothing();
});

Deno.test("With queue-qos0 off, QoS 0 messages do not wait", async () => {
  const [broker] = await startWithOfflineSession({ queueQos0: false });
  await using _ = broker;
  await publishAll(broker, "0a", "1b", "0c");
  const client = await broker.connect(persistent);
  await client.takeMessage({ payload: "1b" });
  await client.expectNothing();
});

Deno.test("When the queue is full the oldest QoS 0 message goes first, then the oldest; each is counted", async () => {
  const [broker, drops] = await startWithOfflineSession({ queueLimit: 3 });
  await using _ = broker;
  await publishAll(broker, "1a", "0b", "2c", "0d", "1e", "1f");
  assertEquals(drops.messages, ["s 0b queue-limit", "s 0d queue-limit", "s 1a queue-limit"]);
  assertEquals(drops.counted("queue-limit"), 3);
  const client = await broker.connect(persistent);
  for (const payload of ["2c", "1e", "1f"]) await client.takeMessage({ payload });
  await client.expectNothing();
});

Deno.test("The queue is bounded in bytes, too", async () => {
  const [broker, drops] = await startWithOfflineSession({ queueLimitBytes: 30_000 });
  await using _ = broker;
  for (let index = 0; index < 10; index++) await publishAll(broker, `1${index}${"x".repeat(9_000)}`);
  assertGreaterOrEqual(drops.counted("queue-limit"), 7);
  const client = await broker.connect(persistent);
  assertEquals((await client.takeMessage()).payload.slice(0, 2), "17");
});

Deno.test("One session's full queue takes nothing from another", async () => {
  const [broker] = await startWithOfflineSession({ queueLimit: 2 });
  await using _ = broker;
  const other = await broker.connect();
  await other.subscribe("a", 1);
  for (const payload of ["1a", "1b", "1c", "1d"]) {
    await publishAll(broker, payload);
    await other.takeMessage({ payload });
  }
});

Deno.test("The queue of a client that is slow to acknowledge is bounded as well", async () => {
  const drops = new Drops();
  await using broker = await startBroker({ queueLimit: 3, maxInflight: 1, plugins: [drops.plugin] });
  const client = await broker.connect();
  await client.subscribe("a", 1);
  await publishAll(broker, "1a", "1b", "1c", "1d", "1e", "1f");
  for (const payload of ["1a", "1d", "1e", "1f"]) await client.takeMessage({ payload });
  await client.expectNothing();
  assertEquals(drops.counted("queue-limit"), 2);
});

Deno.test("A client that stops reading loses QoS 0 messages past max-outbound-bytes, and holds nobody up", async () => {
  const drops = new Drops();
  await using broker = await startBroker({ maxOutboundBytes: 1_000_000, plugins: [drops.plugin] });
  const [ours, brokers] = memoryPair();
  const deaf = new RawClient({
    read: () => new Promise(() => {}),
    write: (b) => ours.write(b),
    close: () => ours.close(),
  });
  const accepted = broker.broker.accept(brokers, { listener: "memory" });
  await deaf.sendPacket(connectPacket({ clientIdentifier: "deaf" }), subscribePacket(1, [["a", 0]]));
  const diligent = await broker.connect();
  await diligent.subscribe("a", 0);
  for (let index = 0; index < 100; index++) {
    await publishAll(broker, `0${"x".repeat(100_000)}`);
    await diligent.expectMessage({ qos: 0 });
  }
  assertGreaterOrEqual(drops.counted("max-outbound-bytes"), 50);
  assertEquals(drops.messages.every((line) => line.startsWith("deaf ")), true);
  ours.close();
  await accepted;
});

const TWO_LISTENERS = {
  listeners: {
    wide: { type: "external", queueLimit: 5, maxInflight: 3 },
    narrow: { type: "external", queueLimit: 2, maxInflight: 1, queueQos0: false, queuePolicy: "drop-newest" },
  },
} as const;

/** The session `s` comes by this listener. */
async function comeBy(broker: TestBroker, listener: string): Promise<RawClient> {
  const client = broker.open(listener);
  await client.connect({ clientIdentifier: "s", clean: false });
  return client;
}

async function publishSome(broker: TestBroker, count: number, qos: QoS): Promise<void> {
  for (let index = 0; index < count; index++) await broker.broker.publish("a", `${index}`, { qos });
}

Deno.test("A resumed session lives by the limits of the listener that its client has come by last", async () => {
  await using broker = await startBroker(TWO_LISTENERS);
  const first = await comeBy(broker, "wide");
  await first.subscribe("a", 1);
  await first.disconnect();
  await publishSome(broker, 7, 1);
  const second = await comeBy(broker, "narrow");
  for (const payload of ["2", "3", "4", "5", "6"]) {
    const { packetIdentifier } = await second.expectMessage({ payload });
    await second.expectNothing();
    await second.sendAck("Puback", packetIdentifier);
  }
  await second.disconnect();
  await publishSome(broker, 4, 1);
  await publishSome(broker, 1, 0);
  const third = await comeBy(broker, "wide");
  for (const payload of ["0", "1"]) await third.expectMessage({ payload, qos: 1 });
  await third.expectNothing();
  await publishSome(broker, 2, 1);
  await third.expectMessage({ payload: "0" });
  await third.expectNothing();
});

Deno.test("queue-policy: disconnect holds where the client is connected now", async () => {
  const limits = { queueLimit: 1, maxInflight: 1 } as const;
  const strict = { type: "external", ...limits, queuePolicy: "disconnect" } as const;
  await using broker = await startBroker({ listeners: { strict, mild: { type: "external", ...limits } } });
  const first = await comeBy(broker, "strict");
  await first.subscribe("a", 1);
  await first.disconnect();
  const second = await comeBy(broker, "mild");
  await publishSome(broker, 3, 1);
  await second.expectMessage({ payload: "0" });
  await second.expectNothing();
  await second.disconnect();
  const third = await comeBy(broker, "strict");
  await third.takeMessage({ payload: "0" });
  await third.expectMessage({ payload: "2" });
  await publishSome(broker, 2, 1);
  await third.expectClosed();
});
