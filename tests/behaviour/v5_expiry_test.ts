/** Message expiry: counted down, not delivered when it is over, and not given up once delivery began (MQTT 5.0 §3.3.2.3.3). */
import { assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import type { RawClient } from "../support/raw_client.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { startBroker, TestBroker } from "../support/test_broker.ts";

const persistent = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 86_400 } as const;
const SECOND_MS = 1000;

const expiring = (seconds: number) => ({ messageExpiryIntervalSeconds: seconds });

const expiredCount = (broker: TestBroker) => broker.broker.statistics.messagesDropped["message-expired"];

/** A publisher, and a session that is subscribed to `a` and away. */
async function withSessionAway(broker: TestBroker, qos: QoS = 2): Promise<RawClient> {
  const subscriber = await broker.connect5(persistent);
  await subscriber.subscribe("a", qos);
  await subscriber.disconnect();
  return await broker.connect5();
}

Deno.test("[MQTT-3.3.2-6] 5.0: a message that waits for nothing is forwarded with the interval that it came with", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect5();
  await subscriber.subscribe("a", 2);
  const publisher = await broker.connect5();
  for (const seconds of [0, 1, 60, 4_294_967_295]) {
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a", "m", { qos, properties: expiring(seconds) });
      assertEquals((await subscriber.takeMessage({ qos })).properties, expiring(seconds));
    }
  }
});

Deno.test("[MQTT-3.3.2-6] 5.0: the time in the queue of a client that is away is taken off", async () => {
  await using broker = await startBroker();
  const publisher = await withSessionAway(broker);
  const properties = { ...expiring(100), contentType: "x", userProperties: [["a", "1"], ["a", "2"]] as const };
  await publisher.publish("a", "first", { qos: 1, properties });
  broker.clock.advance(30 * SECOND_MS);
  await publisher.publish("a", "second", { qos: 2, properties });
  broker.clock.advance(40 * SECOND_MS);
  const subscriber = await broker.connect5(persistent);
  const first = await subscriber.takeMessage({ payload: "first" });
  assertEquals<unknown>(first.properties, { ...properties, ...expiring(30) });
  const second = await subscriber.takeMessage({ payload: "second" });
  assertEquals<unknown>(second.properties, { ...properties, ...expiring(60) });
});

Deno.test("[MQTT-3.3.2-6] 5.0: the time that a message waits for a connected client's quota is taken off", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect5({ receiveMaximum: 1 });
  await subscriber.subscribe("a", 2);
  const publisher = await broker.connect5();
  for (const payload of ["0", "1", "2"]) {
    await publisher.publish("a", payload, { qos: 2, properties: expiring(100) });
  }
  const zero = await subscriber.expectMessage({ payload: "0", properties: expiring(100) });
  broker.clock.advance(10 * SECOND_MS);
  await subscriber.sendAck("Pubrec", zero.packetIdentifier);
  await subscriber.expectAck("Pubrel", zero.packetIdentifier);
  await subscriber.sendAck("Pubcomp", zero.packetIdentifier);
  const one = await subscriber.expectMessage({ payload: "1", properties: expiring(90) });
  broker.clock.advance(89 * SECOND_MS);
  await subscriber.sendAck("Pubrec", one.packetIdentifier, 0x80);
  await subscriber.takeMessage({ payload: "2", properties: expiring(1) });
});

Deno.test("[MQTT-3.3.2-6] 5.0: the time for which a message was retained is taken off", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect5();
  await publisher.publish("a", "m", { retain: true, properties: expiring(100) });
  for (const leftSeconds of [100, 75, 50, 25]) {
    const subscriber = await broker.connect5();
    await subscriber.subscribe("a");
    assertEquals((await subscriber.takeMessage({ retain: true })).properties, expiring(leftSeconds));
    broker.clock.advance(25 * SECOND_MS);
  }
});

for (const qos of [0, 1, 2] as const) {
  Deno.test(
    `[MQTT-3.3.2-5] 5.0: at QoS ${qos} what expires in a queue is not delivered and is counted, and the rest comes`,
    async () => {
      await using broker = await startBroker();
      const publisher = await withSessionAway(broker);
      for (const seconds of [10, 1000, 10, 1000]) {
        await publisher.publish("a", `${seconds}`, { qos, properties: expiring(seconds) });
      }
      await publisher.publish("a", "for ever", { qos });
      broker.clock.advance(11 * SECOND_MS);
      const subscriber = await broker.connect5(persistent);
      for (const payload of ["1000", "1000", "for ever"]) await subscriber.takeMessage({ payload, qos });
      await subscriber.expectNothing();
      assertEquals(expiredCount(broker), 2);
      assertEquals(broker.broker.statistics.messagesQueued, 0);
    },
  );
}

Deno.test("[MQTT-3.3.2-5] 5.0: a message expires when its interval is over, not before", async () => {
  for (const [waitedMs, comes] of [[9_999, true], [10_001, false]] as const) {
    await using broker = await startBroker();
    const publisher = await withSessionAway(broker);
    await publisher.publish("a", "m", { qos: 1, properties: expiring(10) });
    broker.clock.advance(waitedMs);
    const subscriber = await broker.connect5(persistent);
    if (comes) await subscriber.takeMessage({ payload: "m" });
    await subscriber.expectNothing();
    assertEquals(expiredCount(broker), comes ? 0 : 1);
  }
});

Deno.test("[MQTT-3.3.2-5] 5.0: what expires while a client's quota is used up is passed over", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect5({ receiveMaximum: 1 });
  await subscriber.subscribe("a", 1);
  const publisher = await broker.connect5();
  for (const [payload, seconds] of [["0", 5], ["1", 5], ["2", 5], ["3", 50]] as const) {
    await publisher.publish("a", payload, { qos: 1, properties: expiring(seconds) });
  }
  const { packetIdentifier } = await subscriber.expectMessage({ payload: "0" });
  broker.clock.advance(20 * SECOND_MS);
  await subscriber.sendAck("Puback", packetIdentifier);
  assertEquals((await subscriber.takeMessage({ payload: "3" })).properties, expiring(30));
  await subscriber.expectNothing();
  assertEquals(expiredCount(broker), 2);
});

Deno.test("[MQTT-3.3.2-5] 5.0: one subscriber's delay takes the message from that subscriber only", async () => {
  await using broker = await startBroker();
  const publisher = await withSessionAway(broker);
  const here = await broker.connect5();
  await here.subscribe("a", 1);
  await publisher.publish("a", "m", { qos: 1, properties: expiring(1) });
  await here.takeMessage({ payload: "m" });
  broker.clock.advance(60 * SECOND_MS);
  const back = await broker.connect5(persistent);
  await back.expectNothing();
  assertEquals(expiredCount(broker), 1);
});

Deno.test("[MQTT-3.3.2-5] 5.0: a retained message that has expired is sent to no new subscriber and is removed", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect5();
  await publisher.publish("a", "m", { retain: true, properties: expiring(10) });
  await publisher.publish("b", "m", { retain: true, properties: expiring(100) });
  broker.clock.advance(10_001);
  const subscriber = await broker.connect5();
  await subscriber.subscribe("#");
  await subscriber.takeMessage({ topicName: "b", retain: true });
  await subscriber.expectNothing();
  broker.clock.advance(30 * SECOND_MS);
  assertEquals(broker.broker.statistics.retainedMessages, 1);
});

Deno.test("[MQTT-3.3.2-5] 5.0: retained messages that expire while they wait for a quota are passed over", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect5();
  for (const topicName of ["a/0", "a/1", "a/2"]) {
    await publisher.publish(topicName, "m", { qos: 1, retain: true, properties: expiring(10) });
  }
  const subscriber = await broker.connect5({ receiveMaximum: 1 });
  await subscriber.subscribe("a/+", 1);
  const { packetIdentifier } = await subscriber.expectMessage({ retain: true });
  broker.clock.advance(20 * SECOND_MS);
  await subscriber.sendAck("Puback", packetIdentifier);
  await subscriber.expectNothing();
  assertEquals(expiredCount(broker), 2);
});

Deno.test("[MQTT-4.3.3-7] 5.0: what was sent once does not expire, and is sent again with no time left", async () => {
  await using broker = await startBroker();
  const before = await broker.connect5(persistent);
  await before.subscribe("a", 2);
  const publisher = await broker.connect5();
  for (const qos of [1, 2] as const) {
    await publisher.publish("a", `${qos}`, { qos, properties: expiring(10) });
    await before.expectMessage({ payload: `${qos}`, properties: expiring(10) });
  }
  await broker.lose(before);
  broker.clock.advance(60 * SECOND_MS);
  const after = await broker.connect5(persistent);
  for (const qos of [1, 2] as const) {
    await after.takeMessage({ payload: `${qos}`, qos, dup: true, properties: expiring(0) });
  }
  await after.expectNothing();
  assertEquals(expiredCount(broker), 0);
});

Deno.test("[MQTT-4.3.3-7] 5.0: a message under way that has expired is still released and completed", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect5();
  await subscriber.subscribe("a", 2);
  await broker.broker.publish("a", "m", { qos: 2, properties: expiring(1) });
  const { packetIdentifier } = await subscriber.expectMessage({ payload: "m" });
  broker.clock.advance(60 * SECOND_MS);
  await subscriber.sendAck("Pubrec", packetIdentifier);
  await subscriber.expectAck("Pubrel", packetIdentifier, 0);
  await subscriber.sendAck("Pubcomp", packetIdentifier);
  await subscriber.expectNothing();
  assertEquals(broker.broker.statistics.inflightOutbound, 0);
});

Deno.test("[MQTT-3.3.2-5] 5.0: what a 5.0 client lets expire does not come to 3.1 and 3.1.1 clients either", async () => {
  for (const protocolVersion of [3, 4] as const) {
    await using broker = await startBroker();
    const session = { protocolVersion, clientIdentifier: "old", clean: false };
    const before = await broker.connect(session);
    await before.subscribe("a", 1);
    await before.disconnect();
    const publisher = await broker.connect5();
    await publisher.publish("a", "short", { qos: 1, properties: expiring(10) });
    await publisher.publish("a", "long", { qos: 1, properties: expiring(1000) });
    broker.clock.advance(60 * SECOND_MS);
    const after = await broker.connect(session);
    await after.takeMessage({ payload: "long", properties: undefined });
    await after.expectNothing();
    assertEquals(expiredCount(broker), 1);
  }
});

Deno.test("A message without an interval waits for as long as its session does", async () => {
  await using broker = await startBroker();
  const publisher = await withSessionAway(broker);
  await publisher.publish("a", "m", { qos: 1 });
  broker.clock.advance(80_000 * SECOND_MS);
  const subscriber = await broker.connect5(persistent);
  assertEquals((await subscriber.takeMessage({ payload: "m" })).properties, undefined);
});

for (const queuePolicy of ["drop-oldest", "drop-newest"] as const) {
  Deno.test(`In a full queue with ${queuePolicy} what has expired goes first, and is counted as that`, async () => {
    await using broker = await startBroker({ queueLimit: 2, queuePolicy });
    const publisher = await withSessionAway(broker);
    assertEquals(await publisher.publish("a", "lasting", { qos: 1 }), 0);
    assertEquals(await publisher.publish("a", "short", { qos: 1, properties: expiring(1) }), 0);
    broker.clock.advance(10 * SECOND_MS);
    assertEquals(await publisher.publish("a", "new", { qos: 1 }), 0);
    const { messagesDropped } = broker.broker.statistics;
    assertEquals([messagesDropped["message-expired"], messagesDropped["queue-limit"]], [1, 0]);
    const subscriber = await broker.connect5(persistent);
    await subscriber.takeMessage({ payload: "lasting" });
    await subscriber.takeMessage({ payload: "new" });
    await subscriber.expectNothing();
  });
}

/** Time passes with every look at it. */
class RunningClock extends FakeClock {
  override now(): number {
    this.advance(0.01);
    return super.now();
  }
}

const passing = { properties: expiring(0) };

Deno.test("A message with message expiry interval 0 reaches who is connected and can take it, though time passes", async () => {
  await using broker = new TestBroker({}, new RunningClock());
  await broker.broker.start();
  const subscriber = await broker.connect5();
  const publisher = await broker.connect5();
  for (const topicFilter of ["a", "$share/g/a"]) {
    await subscriber.subscribe(topicFilter, 2);
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a", "m", { qos, ...passing });
      assertEquals((await subscriber.takeMessage({ qos })).properties, expiring(0));
    }
    await subscriber.unsubscribe(topicFilter);
  }
});

Deno.test("A message with message expiry interval 0 is never queued, for who is away or has no room, and is counted", async () => {
  await using broker = await startBroker();
  const publisher = await withSessionAway(broker);
  const busy = await broker.connect5({ receiveMaximum: 1 });
  await busy.subscribe("a", 2);
  await publisher.publish("a", "in the way", { qos: 1 });
  const first = await busy.expectMessage({ payload: "in the way" });
  for (const qos of [1, 2] as const) await publisher.publish("a", "m", { qos, ...passing });
  await publisher.publish("a", "at most once", passing);
  await busy.takeMessage({ payload: "at most once" });
  await busy.sendAck("Puback", first.packetIdentifier);
  await busy.expectNothing();
  assertEquals(expiredCount(broker), 5);
  const back = await broker.connect5(persistent);
  await back.takeMessage({ payload: "in the way" });
  await back.expectNothing();
});

Deno.test("[MQTT-3.3.1-5] 5.0: a message with message expiry interval 0 is not retained, and takes away what was", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect5();
  await publisher.publish("a", "old", { qos: 1, retain: true });
  await publisher.publish("a", "m", { qos: 1, retain: true, ...passing });
  assertEquals(broker.broker.retained.size, 0);
  const subscriber = await broker.connect5();
  await subscriber.subscribe("a", 1);
  await subscriber.expectNothing();
});

Deno.test("What is sent with message expiry interval 0 and not acknowledged is sent again", async () => {
  await using broker = await startBroker();
  const before = await broker.connect5(persistent);
  await before.subscribe("a", 1);
  await (await broker.connect5()).publish("a", "m", { qos: 1, ...passing });
  await before.expectMessage({ payload: "m" });
  await broker.lose(before);
  const after = await broker.connect5(persistent);
  assertEquals((await after.takeMessage({ payload: "m", dup: true })).properties, expiring(0));
});

Deno.test("A will with message expiry interval 0 reaches who is there", async () => {
  await using broker = new TestBroker({}, new RunningClock());
  await broker.broker.start();
  const witness = await broker.connect5();
  await witness.subscribe("will", 1);
  const will = { topicName: "will", payload: "gone", qos: 1, properties: expiring(0) } as const;
  await broker.lose(await broker.connect5({ will }));
  await witness.takeMessage({ payload: "gone" });
});
