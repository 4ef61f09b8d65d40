/** The end of a session takes its time where it has much, and is over for others at once. */
import { assertEquals } from "@std/assert";
import { startBroker } from "../support/test_broker.ts";

const FILTERS = 5000;

Deno.test("Nobody is given a message for a session that has ended, though its subscriptions are still being removed", async () => {
  await using broker = await startBroker();
  const leaving = await broker.connect5({ clientIdentifier: "leaving" });
  const filters = Array.from({ length: FILTERS }, (_, i) => `a/${i}`);
  await leaving.subscribe(filters);
  await leaving.subscribe(`$share/g/a/${FILTERS - 1}`);
  const member = await broker.connect5({ clientIdentifier: "member" });
  await member.subscribe(`$share/g/a/${FILTERS - 1}`);
  const publisher = await broker.connect5({ clientIdentifier: "publisher" });
  await leaving.disconnect();
  const last = `a/${FILTERS - 1}`;
  for (const payload of ["1", "2", "3"]) {
    assertEquals(await publisher.publish(last, payload, { qos: 1 }), 0);
    await member.takeMessage({ topicName: last, payload });
  }
  const noMatchingSubscribers = 0x10;
  assertEquals(await publisher.publish(`a/${FILTERS - 2}`, "x", { qos: 1 }), noMatchingSubscribers);
});

Deno.test("All subscriptions of sessions that end together are removed by and by", async () => {
  await using broker = await startBroker();
  for (let i = 0; i < 5; i++) {
    const client = await broker.connect5({ clientIdentifier: `c${i}`, sessionExpiryIntervalSeconds: 1 });
    await client.subscribe(Array.from({ length: 1000 }, (_, n) => `${i}/${n}/+`));
    await client.disconnect();
    await client.expectClosed();
  }
  assertEquals(broker.broker.statistics.subscriptions, 5000);
  broker.clock.advance(2000);
  while (broker.broker.statistics.subscriptions > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals([...broker.broker.sessions()], []);
});
