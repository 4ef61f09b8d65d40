/** Topic aliases in both directions (MQTT 5.0 §3.3.2.3.4). */
import { assert, assertEquals } from "@std/assert";
import { PacketType } from "../../src/packet/packets.ts";
import { encodeClientPacket } from "../support/client_codec.ts";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const PROTOCOL_ERROR = 0x82;
const TOPIC_ALIAS_INVALID = 0x94;
const persistent = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 3600 } as const;

const outbound = { outboundTopicAliasMaximum: 100 } as const;

/** A subscriber to everything, and a client to publish with. */
async function pair(broker: TestBroker): Promise<[subscriber: RawClient, publisher: RawClient]> {
  const subscriber = await broker.connect5();
  await subscriber.subscribe("#", 2);
  return [subscriber, await broker.connect5()];
}

/** What a client that follows the aliases takes the next message's topic name for, `name=` where only the alias came. */
async function nextName(client: RawClient, names: Map<number, string>): Promise<string> {
  const { topicName, topicAlias } = await client.takeMessage();
  if (topicAlias === undefined) return topicName;
  if (topicName === "") return `${names.get(topicAlias)}=${topicAlias}`;
  names.set(topicAlias, topicName);
  return `${topicName}+${topicAlias}`;
}

Deno.test("An alias stands for the name that it was given with, at every QoS, and is not passed on", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker);
  await publisher.publish("a/b", "0", { topicAlias: 1 });
  await subscriber.takeMessage({ topicName: "a/b", payload: "0", topicAlias: undefined });
  for (const qos of [0, 1, 2] as const) {
    await publisher.publish("", "m", { qos, topicAlias: 1 });
    await subscriber.takeMessage({ topicName: "a/b", payload: "m", qos, topicAlias: undefined });
  }
});

Deno.test("An alias that is given with another name stands for that from then on", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker);
  for (const topicName of ["a", "b", "c"]) {
    for (const named of [topicName, ""]) {
      await publisher.publish(named, "m", { topicAlias: 5 });
      await subscriber.takeMessage({ topicName });
    }
  }
  await publisher.publish("a", "without", {});
  await subscriber.takeMessage({ topicName: "a" });
  await publisher.publish("", "m", { topicAlias: 5 });
  await subscriber.takeMessage({ topicName: "c" });
});

Deno.test("[MQTT-3.3.2-12] 5.0: every alias from 1 to the broker's topic alias maximum is taken", async () => {
  await using broker = await startBroker({ topicAliasMaximum: 300 });
  const [subscriber, publisher] = await pair(broker);
  assertEquals(publisher.connack.properties?.topicAliasMaximum, 300);
  const aliases = Array.from({ length: 300 }, (_, index) => index + 1);
  const named = aliases.map((alias) => publisher.publishPacket(`t/${alias}`, "", { topicAlias: alias }));
  const unnamed = aliases.map((alias) => publisher.publishPacket("", "", { topicAlias: alias }));
  await publisher.sendPacket(...named, ...unnamed);
  for (const alias of [...aliases, ...aliases]) await subscriber.takeMessage({ topicName: `t/${alias}` });
});

Deno.test("[MQTT-3.3.2-8] 5.0: alias 0 and an alias above the maximum end the connection with 0x94", async () => {
  for (const [topicAliasMaximum, alias] of [[100, 0], [100, 101], [100, 65_535], [1, 2], [0, 1]] as const) {
    await using broker = await startBroker({ topicAliasMaximum });
    const [subscriber, publisher] = await pair(broker);
    await publisher.sendPublish("a", "m", { topicAlias: alias });
    await publisher.expectDisconnect(TOPIC_ALIAS_INVALID);
    await subscriber.expectNothing();
  }
});

Deno.test("The broker takes aliases and uses none unless it is told to", async () => {
  for (const [config, takes] of [[{}, 100], [{ topicAliasMaximum: 0 }, undefined]] as const) {
    await using broker = await startBroker(config);
    const subscriber = await broker.connect5({ topicAliasMaximum: 10 });
    assertEquals(subscriber.connack.properties?.topicAliasMaximum, takes);
    await subscriber.subscribe("a");
    for (let times = 0; times < 5; times++) {
      await broker.broker.publish("a", "m");
      await subscriber.takeMessage({ topicName: "a", topicAlias: undefined });
    }
  }
});

Deno.test("The broker may use aliases and take none", async () => {
  await using broker = await startBroker({ topicAliasMaximum: 0, outboundTopicAliasMaximum: 1 });
  const subscriber = await broker.connect5({ topicAliasMaximum: 10 });
  assertEquals(subscriber.connack.properties?.topicAliasMaximum, undefined);
  await subscriber.subscribe("a");
  for (let times = 0; times < 3; times++) await broker.broker.publish("a", "m");
  await subscriber.takeMessage({ topicName: "a", topicAlias: undefined });
  await subscriber.takeMessage({ topicName: "a", topicAlias: 1 });
  await subscriber.takeMessage({ topicName: "", topicAlias: 1 });
});

Deno.test("An alias that was given no name is a protocol error", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker);
  await publisher.publish("a", "m", { topicAlias: 1 });
  await subscriber.takeMessage({ topicName: "a" });
  await publisher.sendPublish("", "m", { topicAlias: 2 });
  await publisher.expectDisconnect(PROTOCOL_ERROR);
  await subscriber.expectNothing();
});

Deno.test("[MQTT-3.3.2-7] 5.0: a client's aliases end with the connection and are those of no other", async () => {
  await using broker = await startBroker();
  const [subscriber] = await pair(broker);
  const before = await broker.connect5(persistent);
  await before.publish("a", "m", { topicAlias: 1 });
  await subscriber.takeMessage({ topicName: "a" });
  const other = await broker.connect5();
  await other.sendPublish("", "m", { topicAlias: 1 });
  await other.expectDisconnect(PROTOCOL_ERROR);
  await broker.lose(before);
  const after = await broker.connect5(persistent);
  assertEquals(after.connack.sessionPresent, true);
  await after.sendPublish("", "m", { topicAlias: 1 });
  await after.expectDisconnect(PROTOCOL_ERROR);
  await subscriber.expectNothing();
});

Deno.test("A QoS 2 message with an alias that is sent again is delivered once under its name", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker);
  await publisher.sendPublish("a", "m", { qos: 2, topicAlias: 1, packetIdentifier: 7 });
  await publisher.expectAck("Pubrec", 7);
  await publisher.sendPublish("", "m", { qos: 2, topicAlias: 1, packetIdentifier: 7, dup: true });
  await publisher.expectAck("Pubrec", 7);
  await subscriber.takeMessage({ topicName: "a", payload: "m" });
  await subscriber.expectNothing();
});

Deno.test("The broker gives a name an alias when it comes the second time, and leaves the name out after that", async () => {
  await using broker = await startBroker(outbound);
  const subscriber = await broker.connect5({ topicAliasMaximum: 2 });
  await subscriber.subscribe("#", 2);
  for (const qos of [0, 1, 2] as const) await broker.broker.publish("a/b", "m", { qos });
  await subscriber.takeMessage({ topicName: "a/b", topicAlias: undefined, qos: 0 });
  await subscriber.takeMessage({ topicName: "a/b", topicAlias: 1, qos: 1 });
  await subscriber.takeMessage({ topicName: "", topicAlias: 1, qos: 2 });
});

Deno.test("[MQTT-3.3.2-11] 5.0: the broker uses no alias above the client's topic alias maximum or outbound-topic-alias-maximum", async () => {
  await using broker = await startBroker({ outboundTopicAliasMaximum: 3 });
  for (const [taken, highest] of [[0, 0], [1, 1], [2, 2], [3, 3], [65_535, 3]] as const) {
    const subscriber = await broker.connect5({ topicAliasMaximum: taken });
    await subscriber.subscribe("t/#");
    const names = new Map<number, string>();
    const topicNames = Array.from({ length: 200 }, (_, index) => `t/${(index >> 2) % 6}`);
    for (const topicName of topicNames) {
      await broker.broker.publish(topicName, "m");
      assertEquals((await nextName(subscriber, names)).split(/[=+]/)[0], topicName);
    }
    assertEquals(Math.max(0, ...names.keys()), highest);
    await subscriber.disconnect();
  }
});

Deno.test("A client that names no topic alias maximum, or is not of 5.0, is sent every name", async () => {
  await using broker = await startBroker(outbound);
  for (const protocolVersion of [3, 4, 5] as const) {
    const subscriber = await broker.connect({ protocolVersion });
    await subscriber.subscribe("a");
    for (let times = 0; times < 4; times++) {
      await broker.broker.publish("a", "m");
      await subscriber.takeMessage({ topicName: "a", topicAlias: undefined });
    }
  }
});

Deno.test("A name in more use displaces one that is no longer used", async () => {
  await using broker = await startBroker(outbound);
  const subscriber = await broker.connect5({ topicAliasMaximum: 1 });
  await subscriber.subscribe("#");
  const names = new Map<number, string>();
  const publish = async (topicName: string) => {
    await broker.broker.publish(topicName, "m");
    return await nextName(subscriber, names);
  };
  assertEquals([await publish("old"), await publish("old"), await publish("old")], ["old", "old+1", "old=1"]);
  const seen = [];
  for (let times = 0; times < 10; times++) seen.push(await publish("new"));
  assertEquals([seen[0], seen.at(-1), seen.filter((one) => one === "new+1").length], ["new", "new=1", 1]);
  assertEquals(await publish("old"), "old");
});

Deno.test("[MQTT-3.3.2-7] 5.0: the broker's aliases end with the connection, also for what is sent again", async () => {
  await using broker = await startBroker(outbound);
  const before = await broker.connect5({ ...persistent, topicAliasMaximum: 5 });
  await before.subscribe("a", 1);
  for (let times = 0; times < 3; times++) await broker.broker.publish("a", "m", { qos: 1 });
  await before.expectMessage({ topicName: "a" });
  await before.expectMessage({ topicName: "a", topicAlias: 1 });
  await before.expectMessage({ topicName: "", topicAlias: 1 });
  await broker.lose(before);
  const after = await broker.connect5({ ...persistent, topicAliasMaximum: 5 });
  const names = new Map<number, string>();
  assertEquals([await nextName(after, names), await nextName(after, names), await nextName(after, names)], [
    "a",
    "a+1",
    "a=1",
  ]);
  await broker.lose(after);
  const plain = await broker.connect5(persistent);
  await broker.broker.publish("a", "m", { qos: 1 });
  await plain.takeMessage({ topicName: "a", topicAlias: undefined });
});

/** Sizes at which an alias makes the length of the properties, or that of the whole packet, a byte longer. */
const tightPlaces = [
  { maximumPacketSizeBytes: 129, contentTypeBytes: [1, 50] },
  { maximumPacketSizeBytes: 200, contentTypeBytes: [1, 118, 119, 120, 121, 122, 123, 124, 125, 126] },
  { maximumPacketSizeBytes: 16_388, contentTypeBytes: [1, 118, 119, 120, 121, 122, 123, 124, 125, 126] },
] as const;

for (const { maximumPacketSizeBytes, contentTypeBytes } of tightPlaces) {
  Deno.test(
    `[MQTT-3.1.2-24] 5.0: no alias makes a packet larger than the ${maximumPacketSizeBytes} bytes a client takes`,
    async () => {
      await using broker = await startBroker(outbound);
      const subscriber = await broker.connect5({ maximumPacketSizeBytes, topicAliasMaximum: 3 });
      await subscriber.subscribe("#");
      const sizes = { largest: 0, withAlias: 0 };
      for (const contentType of contentTypeBytes.map((bytes) => "x".repeat(bytes))) {
        for (let spareBytes = 0; spareBytes < 25; spareBytes++) {
          // Another name each time, which comes three times: without an alias, with a new one, with the alias alone.
          const topicName = `${contentType.length}/${spareBytes}`;
          const payload = "x".repeat(maximumPacketSizeBytes - contentType.length - spareBytes);
          for (let times = 0; times < 3; times++) {
            await broker.broker.publish(topicName, payload, { properties: { contentType } });
          }
        }
        await measure(subscriber, sizes);
      }
      assertEquals(sizes.largest, maximumPacketSizeBytes);
      assert(sizes.withAlias > 10, "aliases are in use");
    },
  );
}

/** Takes what has come, and its sizes as they were on the way. */
async function measure(subscriber: RawClient, sizes: { largest: number; withAlias: number }): Promise<void> {
  await subscriber.sendPacket({ type: PacketType.Pingreq });
  for (let packet = await subscriber.next(); packet.type === PacketType.Publish; packet = await subscriber.next()) {
    sizes.largest = Math.max(sizes.largest, encodeClientPacket(packet, 5).length);
    if (packet.topicAlias !== undefined) sizes.withAlias++;
  }
}
