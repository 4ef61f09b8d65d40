/** Bridges to a remote that takes nothing, or little at a time: nobody else notices, and nothing is lost. */
import { assert, assertEquals } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import { until } from "../support/durable_broker.ts";
import { FakeRemote } from "../support/fake_remote.ts";
import { NarrowLink } from "../support/narrow_link.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const COUNT = 300;

const bridgeOf = ({ broker }: TestBroker) => broker.bridges()[0]!;

/** A broker whose bridge to a remote is connected. */
async function bridged(remote: FakeRemote, link: NarrowLink, config: BrokerConfig = {}): Promise<TestBroker> {
  const topics = [{ filter: "a/#", qos: 2 }] as const;
  const bridges = { house: { address: remote.address, topics, keepAlive: 10 } };
  const broker = await startBroker({ bridges, ...config }, link.machine);
  await until("the bridge is connected", () => bridgeOf(broker).state === "connected");
  return broker;
}

for (const qos of [1, 2] as const) {
  Deno.test(`QoS ${qos}: while the remote takes nothing, what is for it waits, others are served, and all of it arrives in order then`, async () => {
    const link = new NarrowLink();
    await using remote = new FakeRemote();
    await using here = await bridged(remote, link, { maxInflight: 10 });
    const [publisher, neighbour] = [await here.connect(), await here.connect()];
    await neighbour.subscribe("a/#", qos);
    const before = link.taken;
    link.letThrough(0);
    const texts = Array.from({ length: COUNT }, (_, i) => `${i}`);
    for (const text of texts) {
      await publisher.publish("a/1", text, { qos });
      await neighbour.takeMessage({ payload: text });
    }
    const { messagesQueued, messagesInflight, state } = bridgeOf(here);
    assertEquals([messagesInflight, messagesQueued, state], [10, COUNT - 10, "connected"]);
    assertEquals([link.taken - before, remote.payloads], [0, []]);
    link.letThrough(Infinity);
    await until("all has arrived", () => bridgeOf(here).messagesQueued + bridgeOf(here).messagesInflight === 0);
    assertEquals(remote.payloads, texts);
  });
}

Deno.test("What is for a remote that takes nothing is bounded, and what is given up is counted for the bridge alone", async () => {
  const link = new NarrowLink();
  await using remote = new FakeRemote();
  const limits = { maxInflight: 10, queueLimit: 50, maxOutboundBytes: 20_000 };
  await using here = await bridged(remote, link, limits);
  const [publisher, neighbour] = [await here.connect(), await here.connect()];
  await neighbour.subscribe("a/#", 1);
  link.letThrough(0);
  for (let i = 0; i < COUNT; i++) {
    await publisher.publish("a/1", `${i}`, { qos: 1 });
    await neighbour.takeMessage({ payload: `${i}` });
  }
  const dropped = () => here.broker.session("bridge:house")!.messagesDropped;
  assertEquals(dropped(), { "queue-limit": COUNT - 60 });
  assertEquals([bridgeOf(here).messagesInflight, bridgeOf(here).messagesQueued], [10, 50]);
  // At QoS 0 it is the bytes that are bounded.
  for (let i = 0; i < COUNT; i++) {
    await publisher.publish("a/0", "x".repeat(1000), { qos: 0 });
    await neighbour.takeMessage({ topicName: "a/0" });
  }
  const { "max-outbound-bytes": atMostOnce = 0 } = dropped();
  assert(atMostOnce >= COUNT - 25, `${atMostOnce} of ${COUNT} were given up`);
  const { "queue-limit": full, "max-outbound-bytes": unsent } = here.broker.statistics.messagesDropped;
  assertEquals([full, unsent], [COUNT - 60, atMostOnce]);
  link.letThrough(Infinity);
  await until("all has arrived", () => bridgeOf(here).messagesQueued + bridgeOf(here).messagesInflight === 0);
  const arrived = remote.messages.filter(({ topicName }) => topicName === "a/1");
  const numbers = arrived.map(({ payload }) => Number(new TextDecoder().decode(payload)));
  assertEquals([numbers.length, numbers.slice(0, 10)], [60, Array.from({ length: 10 }, (_, i) => i)]);
  assert(numbers.every((number, i) => i === 0 || number > numbers[i - 1]!), `not in order: ${numbers}`);
});

Deno.test("A remote that takes a message slowly is not left for its silence, and one that takes nothing is", async () => {
  const link = new NarrowLink();
  await using remote = new FakeRemote();
  await using here = await bridged(remote, link);
  link.letThrough(0);
  await here.broker.publish("a/1", "x".repeat(10_000), { qos: 1 });
  for (let i = 0; i < 10; i++) {
    const before = link.taken;
    link.letThrough(500);
    await until("some of it has left", () => link.taken === before + 500);
    here.clock.advance(8000);
    assertEquals(bridgeOf(here).state, "connected", `after ${8 * (i + 1)} s: ${bridgeOf(here).error}`);
  }
  here.clock.advance(16_000);
  await until("it is left", () => bridgeOf(here).state === "waiting");
  assertEquals(bridgeOf(here).error, "nothing was heard of the remote in time (keep-alive)");
  link.letThrough(Infinity);
  here.clock.advance(2000);
  await until("it has arrived", () => bridgeOf(here).messagesQueued + bridgeOf(here).messagesInflight === 0);
  assertEquals(remote.payloads.map(({ length }) => length), [10_000]);
});
