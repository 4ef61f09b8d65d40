/** What clients of different nodes of a cluster see of each other, over any log. */
import { assert, assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import type { Nodes, NodesOptions } from "./nodes.ts";

/** Runs the suite. @param start starts so many nodes */
export function testCluster(
  what: string,
  start: (count: number, options?: NodesOptions) => Promise<Nodes>,
  ignore = false,
): void {
  const test = (name: string, fn: () => Promise<void>) => Deno.test({ name: `${what}: ${name}`, ignore, fn });

  for (const qos of [0, 1, 2] as QoS[]) {
    test(`a message at QoS ${qos} comes to a client of another node, once and as it was sent`, async () => {
      await using nodes = await start(3);
      const [a, b, c] = nodes.all;
      const subscriber = await nodes.connect(b!);
      const wide = await c!.connect({ clientIdentifier: "wide" });
      assertEquals(await subscriber.subscribe("plants/+/t", { qos, identifier: 7 }), [qos]);
      assertEquals(await wide.subscribe("#", qos), [qos]);
      const publisher = await nodes.connect(a!);
      const properties = { contentType: "x", userProperties: [["k", "v"]] as [string, string][] };
      assertEquals(await publisher.publish("plants/1/t", "on", { qos, properties }), 0);
      const message = await subscriber.takeMessage({ topicName: "plants/1/t", payload: "on", qos, retain: false });
      assertEquals(message.subscriptionIdentifiers, [7]);
      assertEquals(message.properties, properties);
      await wide.takeMessage({ topicName: "plants/1/t", payload: "on", qos });
      for (let i = 0; i < 50; i++) await publisher.publish("plants/2/t", `${i}`, { qos });
      for (let i = 0; i < 50; i++) await subscriber.takeMessage({ payload: `${i}` });
      for (let i = 0; i < 50; i++) await wide.takeMessage({ payload: `${i}` });
      await subscriber.expectNothing();
      await wide.expectNothing();
    });
  }

  test("who publishes is told that nobody is subscribed, once the last has gone, on whatever node", async () => {
    await using nodes = await start(2);
    const [a, b] = nodes.all;
    const [publisher, subscriber] = [await nodes.connect(a!), await nodes.connect(b!)];
    assertEquals(await publisher.publish("t", "1", { qos: 1 }), 0x10);
    await subscriber.subscribe("t", 1);
    assertEquals(await publisher.publish("t", "2", { qos: 1 }), 0);
    await subscriber.takeMessage({ payload: "2" });
    await subscriber.unsubscribe("t");
    // What is subscribed to is answered when all know it, and all that was before it.
    await subscriber.subscribe("other", 1);
    assertEquals(await publisher.publish("t", "3", { qos: 1 }), 0x10);
  });

  test("No Local holds on the other node, and $SYS stays where it is", async () => {
    await using nodes = await start(2);
    const [a, b] = nodes.all;
    const mine = await nodes.connect(b!, { clientIdentifier: "x" });
    await mine.subscribe({ topicFilter: "t", qos: 1, noLocal: true });
    await mine.subscribe("$SYS/#", 0);
    await a!.broker.publish("$SYS/broker/mine", "1");
    const other = await nodes.connect(a!, { clientIdentifier: "y" });
    await other.publish("t", "1", { qos: 1 });
    await mine.takeMessage({ topicName: "t", payload: "1" });
    await mine.expectNothing();
  });

  test("one member of a group gets each message, wherever it is, and all get about as many", async () => {
    await using nodes = await start(3);
    const [a, b, c] = nodes.all;
    const members = [
      await nodes.connect(a!),
      await nodes.connect(b!),
      await nodes.connect(b!),
      await nodes.connect(c!),
    ];
    for (const member of members) await member.subscribe("$share/g/t", 1);
    // By now all nodes know of all members.
    await members[0]!.subscribe("x", 0);
    const publisher = await nodes.connect(a!);
    for (let i = 0; i < 40; i++) await publisher.publish("t", `${i}`, { qos: 1 });
    const counts: number[] = [];
    const seen = new Set<string>();
    for (const member of members) {
      let count = 0;
      for (; count < 10; count++) seen.add((await member.takeMessage()).payload);
      await member.expectNothing();
      counts.push(count);
    }
    assertEquals([counts, seen.size], [[10, 10, 10, 10], 40]);
  });

  test("one member of a group gets each message, whoever else is subscribed, retained or not", async () => {
    await using nodes = await start(2);
    const [a, b] = nodes.all;
    const plain = await nodes.connect(b!);
    await plain.subscribe("t", 1);
    const members = [await nodes.connect(a!), await nodes.connect(b!)];
    for (const member of members) await member.subscribe("$share/g/t", 1);
    await members[0]!.subscribe("x", 0);
    const publisher = await nodes.connect(a!);
    for (let i = 0; i < 20; i++) await publisher.publish("t", `${i}`, { qos: 1, retain: i % 2 === 0 });
    const got: string[] = [];
    for (const member of members) {
      for (let i = 0; i < 10; i++) got.push((await member.takeMessage()).payload);
      await member.expectNothing();
    }
    assertEquals(new Set(got).size, 20);
    for (let i = 0; i < 20; i++) await plain.takeMessage({ payload: `${i}` });
    await plain.expectNothing();
  });

  test("what a member of a group has not acknowledged goes to one of another node when its session ends", async () => {
    await using nodes = await start(2);
    const [a, b] = nodes.all;
    const [leaving, staying] = [await nodes.connect(b!), await nodes.connect(a!)];
    await leaving.subscribe("$share/g/t", 1);
    const publisher = await nodes.connect(a!);
    assertEquals(await publisher.publish("t", "1", { qos: 1 }), 0);
    await leaving.expectMessage({ topicName: "t", payload: "1" });
    await staying.subscribe("$share/g/t", 1);
    await leaving.disconnect();
    await staying.takeMessage({ topicName: "t", payload: "1" });
  });

  test("what no member of a group can take, on whatever node, is given up and answered", async () => {
    await using nodes = await start(2);
    const [a, b] = nodes.all;
    const members = [];
    for (const broker of [a!, b!, b!, a!, b!]) {
      const member = await nodes.connect(broker, { maximumPacketSizeBytes: 100 });
      await member.subscribe("$share/g/t", 1);
      members.push(member);
    }
    const publisher = await nodes.connect(a!);
    for (const qos of [0, 1, 2] as QoS[]) await publisher.publish("t", "x".repeat(200), { qos });
    // All that was on its way is there when this is answered.
    for (const member of members) await member.subscribe("other", 1);
    const dropped = () =>
      nodes.all.reduce((sum, { broker }) => sum + broker.statistics.messagesDropped["maximum-packet-size"], 0);
    assertEquals(dropped(), 3);
    for (const member of members) await member.expectNothing();
  });

  test("a client of another node is told what is left of a message's expiry interval, live and retained", async () => {
    await using nodes = await start(2);
    const [a, b] = nodes.all;
    const live = await nodes.connect(b!);
    await live.subscribe("t", 1);
    const publisher = await nodes.connect(a!);
    const properties = { messageExpiryIntervalSeconds: 100, contentType: "x" };
    await publisher.publish("t", "1", { qos: 1, properties });
    await live.takeMessage({ payload: "1", properties });
    await publisher.publish("t", "2", { qos: 1, retain: true, properties });
    await live.takeMessage({ payload: "2", properties });
    nodes.clock.advance(1000);
    const late = await nodes.connect(b!);
    await late.subscribe("t", 1);
    await late.takeMessage({ payload: "2", properties: { ...properties, messageExpiryIntervalSeconds: 99 } });
  });

  test("all nodes retain the same, whoever published, and a node that comes later as well", async () => {
    await using nodes = await start(2);
    const [a, b] = nodes.all;
    const live = await nodes.connect(b!);
    await live.subscribe({ topicFilter: "r/#", qos: 1, retainAsPublished: true });
    const publisher = await nodes.connect(a!);
    assertEquals(await publisher.publish("r/1", "old", { qos: 1, retain: true }), 0);
    await live.takeMessage({ topicName: "r/1", payload: "old", retain: true });
    const late = await nodes.connect(b!);
    await late.subscribe("r/#", 1);
    await late.takeMessage({ topicName: "r/1", payload: "old", retain: true });
    const other = await nodes.connect(b!);
    await other.publish("r/1", "new", { qos: 1, retain: true });
    await other.publish("r/2", "x", { qos: 2, retain: true });
    await publisher.publish("r/2", "", { qos: 1, retain: true });
    const c = await nodes.add("c");
    for (const broker of [a!, b!, c]) {
      const reader = await nodes.connect(broker);
      await reader.subscribe("r/#", 1);
      await reader.takeMessage({ topicName: "r/1", payload: "new", retain: true });
      await reader.expectNothing();
    }
  });

  test("messages of one client keep their order where retained and other ones take turns", async () => {
    await using nodes = await start(2);
    const [a, b] = nodes.all;
    const subscriber = await nodes.connect(b!);
    await subscriber.subscribe("t", 1);
    const publisher = await nodes.connect(a!);
    for (let i = 0; i < 40; i++) await publisher.sendPublish("t", `${i}`, { qos: 1, retain: i % 3 === 0 });
    for (let i = 0; i < 40; i++) await subscriber.takeMessage({ payload: `${i}` });
  });

  test("a client that connects to another node is taken over: the older connection is told 0x8E", async () => {
    await using nodes = await start(3);
    const brokers = nodes.all;
    for (let i = 0; i < 6; i++) {
      const clientIdentifier = `client ${i}`;
      const older = await nodes.connect(brokers[i % 3]!, { clientIdentifier });
      const newer = await nodes.connect(brokers[(i + 1) % 3]!, { clientIdentifier });
      await older.expectDisconnect(0x8e);
      const newest = await nodes.connect(brokers[(i + 2) % 3]!, { clientIdentifier });
      await newer.expectDisconnect(0x8e);
      await newest.publish("t", "1", { qos: 1 });
      assert(brokers[(i + 2) % 3]!.broker.clients.some((client) => client.clientIdentifier === clientIdentifier));
      await newest.disconnect();
    }
    assertEquals(brokers.map(({ broker }) => broker.clients.length), [0, 0, 0]);
  });

  test("a will comes once to clients of all nodes when its client is lost, and not when it says goodbye", async () => {
    await using nodes = await start(3);
    const [a, b, c] = nodes.all;
    const witnesses = [await nodes.connect(b!), await nodes.connect(c!)];
    for (const witness of witnesses) await witness.subscribe("w/#", 1);
    const will = { topicName: "w/1", payload: "gone", qos: 1 as const };
    const lost = await nodes.connect(a!, { will });
    await a!.lose(lost);
    for (const witness of witnesses) await witness.takeMessage({ topicName: "w/1", payload: "gone" });
    const polite = await nodes.connect(a!, { will });
    await polite.disconnect();
    for (const witness of witnesses) await witness.expectNothing();
  });
}
