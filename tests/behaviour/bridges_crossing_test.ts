/** What of a message is the same on the other side of a bridge, and what is not. */
import { assertEquals } from "@std/assert";
import type { BridgeConfig, BridgeTopicConfig } from "../../src/config/config.ts";
import type { MessageProperties, PublishPacket } from "../../src/packet/packets.ts";
import { until } from "../support/durable_broker.ts";
import { FakeRemote } from "../support/fake_remote.ts";
import { startBroker } from "../support/test_broker.ts";

const HOPS = "amqtt-bridge-hops";
const TRACE = ["trace", "é"] as const;

interface Published {
  readonly topicName: string;
  readonly properties?: MessageProperties;
  readonly retain?: boolean;
}

/** Publishes by clients of 5.0 and 3.1.1, at QoS 0 to 2, and returns what a remote of this version gets. */
async function crossed(
  version: NonNullable<BridgeConfig["version"]>,
  topics: readonly BridgeTopicConfig[],
  published: readonly Published[],
): Promise<PublishPacket[]> {
  await using remote = new FakeRemote();
  const house = { address: remote.address, version, topics, maxHops: 3, queueQos0: true };
  await using here = await startBroker({ bridges: { house } });
  await until("the bridge is connected", () => {
    if (here.broker.bridges()[0]!.state === "waiting") here.clock.advance(1000);
    return here.broker.bridges()[0]!.state === "connected";
  });
  for (const { topicName, properties, retain } of published) {
    for (const protocolVersion of properties ? [5] as const : [4, 5] as const) {
      const client = await here.connect({ protocolVersion });
      for (const qos of [0, 1, 2] as const) await client.publish(topicName, topicName, { qos, retain, properties });
      await client.disconnect();
    }
  }
  const times = published.reduce((sum, { properties }) => sum + (properties ? 3 : 6), 0);
  await until("all have crossed", () => remote.messages.length === times);
  assertEquals(remote.messages.map(({ qos }) => qos), Array.from({ length: times }, (_, i) => i % 3) as never);
  return remote.messages;
}

/** The different ones among all, in their order, without what every one has for itself. */
function kinds(messages: readonly PublishPacket[]): unknown[] {
  const seen = messages.map(({ topicName, payload, retain, properties }) =>
    JSON.stringify([topicName, new TextDecoder().decode(payload), retain, properties ?? {}])
  );
  return [...new Set(seen)].map((text) => JSON.parse(text));
}

const out = { direction: "out", qos: 2 } as const;

Deno.test("A message to a remote of 3.1.1 is the same under the same topic or another, without its properties", async () => {
  const topics = [{ filter: "same/#", ...out }, { filter: "moved/#", remotePrefix: "there/", ...out }];
  const userProperties = [TRACE];
  const messages = await crossed("3.1.1", topics, [
    { topicName: "same/a" },
    { topicName: "moved/a", retain: true },
    { topicName: "same/b", properties: { userProperties } },
    { topicName: "moved/é", properties: { userProperties, messageExpiryIntervalSeconds: 60 } },
  ]);
  assertEquals(kinds(messages), [
    ["same/a", "same/a", false, {}],
    ["there/moved/a", "moved/a", true, {}],
    ["same/b", "same/b", false, {}],
    ["there/moved/é", "moved/é", false, {}],
  ]);
});

Deno.test("A message to a remote of 5.0 keeps its properties in their order, and says how many bridges it has crossed", async () => {
  const topics = [{ filter: "same/#", ...out, maximumAge: 600 }, { filter: "moved/#", remotePrefix: "there/", ...out }];
  const more = { contentType: "text/plain", messageExpiryIntervalSeconds: 60 };
  const messages = await crossed("5", topics, [
    { topicName: "same/a" },
    { topicName: "moved/a", retain: true },
    { topicName: "moved/b", properties: { ...more, userProperties: [TRACE, ["b", "1"], ["a", "2"]] } },
    { topicName: "same/c", properties: { ...more, userProperties: [TRACE, [HOPS, "1"]] } },
    // Its name alone is not enough, and stands for nothing in another place.
    { topicName: "same/d", properties: { contentType: HOPS, userProperties: [["x", HOPS]] } },
  ]);
  assertEquals(kinds(messages), [
    ["same/a", "same/a", false, { userProperties: [[HOPS, "1"]] }],
    ["there/moved/a", "moved/a", true, { userProperties: [[HOPS, "1"]] }],
    ["there/moved/b", "moved/b", false, { ...more, userProperties: [[HOPS, "1"], TRACE, ["b", "1"], ["a", "2"]] }],
    ["same/c", "same/c", false, { ...more, userProperties: [TRACE, [HOPS, "2"]] }],
    ["same/d", "same/d", false, { contentType: HOPS, userProperties: [[HOPS, "1"], ["x", HOPS]] }],
  ]);
});

Deno.test("With retain: drop a message crosses without its RETAIN flag, in each version", async () => {
  for (const version of ["3.1.1", "5"] as const) {
    const topics = [{ filter: "keep/#", ...out }, { filter: "drop/#", retain: "drop", ...out }] as const;
    const messages = await crossed(version, topics, [
      { topicName: "keep/a", retain: true },
      { topicName: "drop/a", retain: true },
    ]);
    assertEquals(messages.map(({ topicName, retain }) => retain === (topicName === "keep/a")), Array(12).fill(true));
  }
});

Deno.test("What would have no name at the remote, or is excluded, does not cross, and is not dropped", async () => {
  for (const exclude of [[], ["house/b"]]) {
    await using remote = new FakeRemote();
    const topics = [{ filter: "#", localPrefix: "house/", exclude, ...out }];
    await using here = await startBroker({ bridges: { house: { address: remote.address, topics } } });
    const client = await here.connect({ protocolVersion: 5 });
    for (const topicName of ["house", "house/b", "house/a"]) await client.publish(topicName, topicName, { qos: 1 });
    await until("it is connected", () => {
      if (here.broker.bridges()[0]!.state === "waiting") here.clock.advance(1000);
      return remote.payloads.includes("house/a");
    });
    assertEquals(remote.payloads, exclude.length > 0 ? ["house/a"] : ["house/b", "house/a"]);
    assertEquals(Object.values(here.broker.statistics.messagesDropped).filter((count) => count > 0), []);
  }
});

Deno.test("A message that has crossed too many bridges, or says nonsense of it, does not cross another", async () => {
  const said = (hops: string) => ({ userProperties: [[HOPS, hops]] }) as MessageProperties;
  await using remote = new FakeRemote();
  await using here = await startBroker({
    bridges: { house: { address: remote.address, version: "5", topics: [{ filter: "#", ...out }], maxHops: 2 } },
  });
  const client = await here.connect({ protocolVersion: 5 });
  for (const hops of ["2", "3", "-1", "1.5", "x", "1"]) {
    await client.publish("a", hops, { qos: 1, properties: said(hops) });
  }
  await until("it is connected", () => {
    if (here.broker.bridges()[0]!.state === "waiting") here.clock.advance(1000);
    return remote.messages.length > 0;
  });
  assertEquals(remote.payloads, ["1"]);
  assertEquals(remote.messages[0]!.properties, said("2"));
});

Deno.test("A message of the remote's keeps its properties in their order, small or large, and says that it has crossed", async () => {
  for (const version of ["3.1.1", "5"] as const) {
    await using remote = await startBroker();
    const { port } = remote.broker.addresses.tcp!;
    const topics = [{ filter: "#", direction: "in", qos: 2, remotePrefix: "there/" }] as const;
    await using here = await startBroker({ bridges: { house: { address: `127.0.0.1:${port}`, version, topics } } });
    await until("the bridge has subscribed", () => {
      if (here.broker.bridges()[0]!.state === "waiting") here.clock.advance(1000);
      return remote.broker.statistics.subscriptions > 0;
    });
    const taker = await here.connect({ protocolVersion: 5 });
    await taker.subscribe("#", 2);
    const publisher = await remote.connect({ protocolVersion: 5 });
    const own = { contentType: "text/plain", messageExpiryIntervalSeconds: 60 };
    for (const properties of [undefined, { ...own, userProperties: [TRACE, ["b", "1"]] } as const]) {
      for (const payload of ["small", "large".repeat(1000)]) {
        for (const qos of [0, 1, 2] as const) {
          await publisher.publish("there/é", payload, { qos, properties });
          const taken = await taker.takeMessage({ topicName: "é", payload });
          const { userProperties = [], ...others } = version === "5" ? properties ?? {} : {};
          assertEquals(taken.properties, { ...others, userProperties: [[HOPS, "1"], ...userProperties] });
        }
      }
    }
  }
});
