/** A client that takes nothing or little of what is sent to it, beside others that must not feel it. */
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertLessOrEqual } from "@std/assert";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { BulkPair, openSubscriber } from "../support/bulk_pair.ts";
import { MeasuredBroker } from "../support/measured_broker.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { patiently } from "../support/patience.ts";
import { connectPacket, RawClient, subscribePacket } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const PAYLOAD_BYTES = 64 * KIB;
const payload = "x".repeat(PAYLOAD_BYTES);
/** What the two sockets of a connection on this machine hold at most, with room to spare. */
const SOCKETS_BYTES = 64 * MIB;
const STALL_SECONDS = 7;
const limits = { maxOutboundBytes: MIB, queueLimitBytes: 8 * MIB, stallTimeout: STALL_SECONDS };

/** Clients that were cut off, each with the reason code. */
class Partings {
  readonly seen: [string, ReasonCode][] = [];
  readonly plugin = hooks({
    clientDisconnected: ({ clientIdentifier }, { reasonCode }) => void this.seen.push([clientIdentifier, reasonCode]),
  });
}

/** Publishes until so much waits for the client that its QoS 0 messages are dropped. */
async function fill(broker: TestBroker): Promise<void> {
  for (let bytes = 0; broker.broker.statistics.messagesDropped["max-outbound-bytes"] === 0; bytes += PAYLOAD_BYTES) {
    assertLess(bytes, SOCKETS_BYTES, "bytes that were sent to a client that reads nothing");
    await broker.broker.publish("slow", payload);
    // The sockets are served.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** A client over memory that is subscribed to `slow`, and takes what waits for it when the test says so. */
async function slowClient(broker: TestBroker) {
  const [ours, brokers] = memoryPair({ capacityBytes: PAYLOAD_BYTES });
  await broker.broker.accept(brokers, { listener: "memory" });
  const client = new RawClient({
    read: () => new Promise(() => {}),
    write: (bytes) => ours.write(bytes),
    close: () => ours.close(),
  });
  await client.sendPacket(connectPacket({ clientIdentifier: "slow" }), subscribePacket(1, [["slow", 0]]));
  const take = async (bytes: number) => {
    const into = new Uint8Array(bytes);
    for (let taken = 0; taken < bytes;) taken += await ours.read(into.subarray(taken)) ?? bytes;
  };
  return { take, close: () => ours.close() };
}

Deno.test("A client that takes nothing for stall-timeout is disconnected, though it need not send anything", async () => {
  const partings = new Partings();
  await using broker = await startBroker({ ...limits, plugins: [partings.plugin] });
  const { port } = broker.broker.addresses.tcp!;
  const frozen = await openSubscriber(port, { clientIdentifier: "frozen", topicFilter: "slow", qos: 0 });
  await fill(broker);
  broker.clock.advance((STALL_SECONDS - 1) * 1000);
  assertEquals(partings.seen, []);
  broker.clock.advance(2000);
  assertEquals(partings.seen, [["frozen", ReasonCode.QuotaExceeded]]);
  assertEquals(broker.broker.statistics.clientsConnected, 0);
  assert(broker.log.complains("stall-timeout"));
  frozen.close();
});

Deno.test("A client that does not take its answers is read no further until it does, and then gets all of them", async () => {
  const [pings, pieceBytes] = [50_000, 2 * KIB];
  await using broker = await startBroker({ maxOutboundBytes: 8 * KIB });
  const [ours, brokers] = memoryPair({ capacityBytes: pieceBytes });
  await broker.broker.accept(brokers, { listener: "memory" });
  const client = new RawClient({
    read: () => new Promise(() => {}),
    write: (bytes) => ours.write(bytes),
    close: () => ours.close(),
  });
  await client.sendPacket(connectPacket({ clientIdentifier: "slow" }));
  const before = broker.broker.statistics.bytesReceived;
  const flood = new Uint8Array(2 * pings);
  for (let at = 0; at < flood.length; at += 2) flood[at] = 0xc0;
  const written = ours.write(flood);
  for (let quiet = 0, seen = before; quiet < 50; quiet++) {
    await new Promise((resolve) => setTimeout(resolve));
    if (broker.broker.statistics.bytesReceived !== seen) quiet = 0;
    seen = broker.broker.statistics.bytesReceived;
  }
  // What is congested is noticed after each piece; the client's buffer has a part of the answers.
  assertLess(broker.broker.statistics.bytesReceived - before, 8 * KIB + 4 * pieceBytes);
  const into = new Uint8Array(pieceBytes);
  // CONNACK has four bytes, and so has a PINGRESP of two.
  for (let taken = 0; taken < 4 + 2 * pings;) taken += await patiently("the answers", ours.read(into)) ?? Infinity;
  await written;
  assertEquals(broker.broker.statistics.bytesReceived, 14 + 4 + 2 * pings);
  ours.close();
});

Deno.test("The will of a client that takes nothing is published", async () => {
  await using broker = await startBroker(limits);
  const watcher = await broker.connect();
  await watcher.subscribe("gone");
  const [ours, brokers] = memoryPair();
  await broker.broker.accept(brokers, { listener: "memory" });
  const frozen = new RawClient({
    read: () => new Promise(() => {}),
    write: (bytes) => ours.write(bytes),
    close: () => ours.close(),
  });
  const will = { topicName: "gone", payload: "frozen" };
  await frozen.sendPacket(connectPacket({ clientIdentifier: "frozen", will }), subscribePacket(1, [["slow", 0]]));
  await watcher.expectNothing();
  await fill(broker);
  broker.clock.advance((STALL_SECONDS + 1) * 1000);
  await watcher.expectMessage({ topicName: "gone", payload: "frozen" });
  ours.close();
});

Deno.test("A client that takes something in each stall-timeout stays, however much waits for it", async () => {
  const partings = new Partings();
  await using broker = await startBroker({ ...limits, plugins: [partings.plugin] });
  const slow = await slowClient(broker);
  await fill(broker);
  for (let round = 0; round < 4; round++) {
    broker.clock.advance((STALL_SECONDS - 1) * 1000);
    await slow.take(3 * PAYLOAD_BYTES);
  }
  assertEquals(partings.seen, []);
  broker.clock.advance((STALL_SECONDS + 1) * 1000);
  assertEquals(partings.seen, [["slow", ReasonCode.QuotaExceeded]]);
  slow.close();
});

Deno.test("A client that takes a byte in each stall-timeout is slow, and stays", async () => {
  const partings = new Partings();
  await using broker = await startBroker({ ...limits, plugins: [partings.plugin] });
  const slow = await slowClient(broker);
  await fill(broker);
  for (let round = 0; round < 4; round++) {
    broker.clock.advance((STALL_SECONDS - 1) * 1000);
    await slow.take(1);
  }
  assertEquals(partings.seen, []);
  broker.clock.advance((STALL_SECONDS + 1) * 1000);
  assertEquals(partings.seen, [["slow", ReasonCode.QuotaExceeded]]);
  slow.close();
});

Deno.test("A client for which nothing waits may be silent for longer than stall-timeout", async () => {
  const partings = new Partings();
  await using broker = await startBroker({ ...limits, plugins: [partings.plugin] });
  const client = await broker.connect();
  await client.subscribe("slow", 1);
  for (let round = 0; round < 3; round++) {
    broker.clock.advance((STALL_SECONDS + 1) * 1000);
    await broker.broker.publish("slow", payload, { qos: 1 });
    await client.takeMessage({ topicName: "slow" });
  }
  assertEquals(partings.seen, []);
});

const stores = [["without persistence", undefined], ["with a store", new MemoryStore()]] as const;

for (const [name, store] of stores) {
  Deno.test(`What came at QoS 1 while a client took nothing waits in its session, ${name}`, async () => {
    const persistence = store && { type: "./store_plugin.ts", store };
    await using broker = await startBroker({ ...limits, persistence });
    const { port } = broker.broker.addresses.tcp!;
    const session = { clientIdentifier: "frozen", topicFilter: "slow", qos: 1, clean: false } as const;
    const frozen = await openSubscriber(port, session);
    await fill(broker);
    for (const payload of ["1", "2", "3"]) await broker.broker.publish("slow", payload, { qos: 1 });
    broker.clock.advance((STALL_SECONDS + 1) * 1000);
    frozen.close();
    const back = await broker.connect({ clientIdentifier: "frozen", clean: false });
    for (const payload of ["1", "2", "3"]) await back.takeMessage({ topicName: "slow", payload, qos: 1 });
    await back.expectNothing();
  });
}

/** How much goes through the pair, and what the broker's process may take beyond what it took before. */
const scenes = [
  { persistence: "memory", messages: 4096, ceilingBytes: 192 * MIB },
  { persistence: "sqlite", messages: 2048, ceilingBytes: 256 * MIB },
] as const;

for (const { persistence, messages, ceilingBytes } of scenes) {
  const megabytes = messages * PAYLOAD_BYTES / MIB;
  Deno.test(`Two frozen clients cost a healthy pair no message of ${megabytes} MiB and the broker at most ${ceilingBytes / MIB} MiB, ${persistence}`, async () => {
    const { maxOutboundBytes, queueLimitBytes } = limits;
    await using broker = await MeasuredBroker.start({ persistence, maxOutboundBytes, queueLimitBytes });
    const { port } = broker;
    const before = await broker.figures({ collect: true });
    const frozen = await Promise.all([
      openSubscriber(port, { clientIdentifier: "frozen-0", topicFilter: "bulk", qos: 0 }),
      openSubscriber(port, { clientIdentifier: "frozen-1", topicFilter: "bulk", qos: 1, clean: false }),
    ]);
    const pair = await BulkPair.open({ port, topicName: "bulk", payloadBytes: PAYLOAD_BYTES });
    const { messages: exchanged } = await pair.run({ messages });
    assertEquals(exchanged, messages);
    pair.close();
    const queueLimitMessages = queueLimitBytes / PAYLOAD_BYTES;
    const { rssPeakBytes } = await broker.figures();
    assertLessOrEqual(rssPeakBytes - before.rssBytes, ceilingBytes, "bytes of the broker's process");
    const { statistics } = await broker.figuresWhen(({ statistics }) =>
      statistics.messagesQueued <= queueLimitMessages && statistics.clientsConnected === 3
    );
    const { messagesDropped, messagesQueued, inflightOutbound } = statistics;
    // All but what the sockets hold and what waits for them.
    const unsentQoS0 = messages - messagesDropped["max-outbound-bytes"];
    assertLessOrEqual(unsentQoS0 * PAYLOAD_BYTES, SOCKETS_BYTES + maxOutboundBytes);
    assertGreaterOrEqual(messagesQueued, 1);
    assertLessOrEqual(messagesQueued, queueLimitMessages);
    // What is under way to the frozen client ends at the same limit, but for what its socket has taken.
    assertLessOrEqual(inflightOutbound * PAYLOAD_BYTES, SOCKETS_BYTES + queueLimitBytes);
    assertEquals(messagesDropped["queue-limit"], messages - messagesQueued - inflightOutbound);
    for (const connection of frozen) connection.close();
  });
}
