/** SUBSCRIBE and UNSUBSCRIBE with many filters take several turns of the event loop. */
import { assert, assertEquals } from "@std/assert";
import { PacketType } from "../../src/packet/packets.ts";
import { subscribePacket } from "../support/client_packets.ts";
import { hooks, startBroker } from "../support/test_broker.ts";

const MANY = 10_000;
const filters = Array.from({ length: MANY }, (_, i) => `many/${i}/${"x/".repeat(10)}+`);

Deno.test("Others are served while a SUBSCRIBE with many filters is, and the client's next packet comes after it", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  const other = await broker.connect5();
  await client.sendPacket(subscribePacket(7, filters.map((topicFilter) => ({ topicFilter }))), {
    type: PacketType.Pingreq,
  });
  let answers = 0;
  let served = false;
  const suback = client.expect("Suback").then((packet) => {
    served = true;
    return packet;
  });
  while (!served) {
    await other.expectNothing();
    answers++;
  }
  const { reasonCodes } = await suback;
  assertEquals([reasonCodes.length, new Set(reasonCodes).size], [MANY, 1]);
  assert(answers > 1, `${answers}`);
  await client.expect("Pingresp");
  assertEquals(broker.broker.statistics.subscriptions, MANY);
  assertEquals((await client.unsubscribe(...filters)).length, MANY);
  assertEquals(broker.broker.statistics.subscriptions, 0);
});

for (const qos of [0, 1] as const) {
  Deno.test(`SUBACK precedes messages at QoS ${qos} for filters of a SUBSCRIBE that takes several turns`, async () => {
    await using broker = await startBroker();
    const client = await broker.connect5();
    await client.sendPacket(subscribePacket(7, filters.map((topicFilter) => ({ topicFilter })), { qos }));
    const topic = filters[0]!.replace("+", "x");
    let published = 0;
    for (; broker.broker.statistics.subscriptions < MANY; published++) {
      await broker.broker.publish(topic, `${published}`, { qos });
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const suback = await client.next();
    assertEquals(suback.type, PacketType.Suback);
    await broker.broker.publish(topic, "last", { qos });
    const got: string[] = [];
    while (got.at(-1) !== "last") got.push((await client.takeMessage({ topicName: topic })).payload);
    const numbers = got.slice(0, -1).map(Number);
    assertEquals(numbers, numbers.toSorted((a, b) => a - b));
    assert(numbers.length > 0 && numbers.length <= published);
  });
}

Deno.test("What a hook publishes when a client has subscribed comes behind the SUBACK", async () => {
  const publishing = hooks((context) => ({ clientSubscribed: () => context.publish("a", "from the hook") }));
  await using broker = await startBroker({ plugins: [publishing] });
  const client = await broker.connect5();
  await client.sendPacket(subscribePacket(7, [{ topicFilter: "a" }]));
  await client.expect("Suback");
  await client.takeMessage({ topicName: "a", payload: "from the hook" });
});

Deno.test("A client that is lost in the middle of its SUBSCRIBE leaves nothing behind", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5({ clientIdentifier: "lost" });
  const other = await broker.connect5();
  await client.sendPacket(subscribePacket(7, filters.map((topicFilter) => ({ topicFilter }))));
  while (broker.broker.statistics.subscriptions === 0) await other.expectNothing();
  broker.broker.disconnect("lost");
  for (let times = 0; times < 3; times++) await other.expectNothing();
  while (broker.broker.statistics.subscriptions > 0) await other.expectNothing();
  assertEquals(broker.broker.clients.length, 1);
});
