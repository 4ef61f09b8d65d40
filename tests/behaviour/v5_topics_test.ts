/** Topic names and filters as the whole broker treats them in MQTT 5.0 (§4.7). */
import { assertEquals, assertThrows } from "@std/assert";
import { TopicError } from "../../src/packet/topic.ts";
import { binary, packetOf as packet, string } from "../support/client_codec.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

/** What of `topicNames`, published by a client, reaches a subscriber with this filter. */
async function delivered(broker: TestBroker, topicFilter: string, topicNames: readonly string[]): Promise<string[]> {
  const [client, publisher] = [await broker.connect5(), await broker.connect5()];
  assertEquals(await client.subscribe([topicFilter, "end/of/test"]), [0, 0]);
  for (const topicName of topicNames) await publisher.publish(topicName);
  await publisher.publish("end/of/test", "end");
  const got: string[] = [];
  for (;;) {
    const { topicName, payload } = await client.expectMessage();
    if (payload === "end") return got;
    got.push(topicName);
  }
}

const NAMES = ["a", "a/b", "a/b/c", "/a", "a/", "/", "b", "A", "a b", "a//b", "$a", "$a/b"];
/** Those that do not begin with $. */
const ORDINARY = NAMES.slice(0, 10);

const TABLE: readonly (readonly [topicFilter: string, tag: string, matched: readonly string[]])[] = [
  ["a", "[MQTT-4.7.3-4] 5.0", ["a"]],
  ["A", "[MQTT-4.7.3-4] 5.0", ["A"]],
  ["+", "[MQTT-4.7.1-2] 5.0", ["a", "b", "A", "a b"]],
  ["+/+", "[MQTT-4.7.1-2] 5.0", ["a/b", "/a", "a/", "/"]],
  ["/+", "[MQTT-4.7.1-2] 5.0", ["/a", "/"]],
  ["a/+/b", "[MQTT-4.7.1-2] 5.0", ["a//b"]],
  ["+/b/+", "[MQTT-4.7.1-2] 5.0", ["a/b/c"]],
  ["+/b/#", "[MQTT-4.7.1-1] 5.0 [MQTT-4.7.1-2] 5.0", ["a/b", "a/b/c"]],
  ["a/#", "[MQTT-4.7.1-1] 5.0", ["a", "a/b", "a/b/c", "a/", "a//b"]],
  ["/#", "[MQTT-4.7.1-1] 5.0", ["/a", "/"]],
  ["#", "[MQTT-4.7.1-1] 5.0 [MQTT-4.7.2-1] 5.0", ORDINARY],
  ["+/#", "[MQTT-4.7.1-1] 5.0 [MQTT-4.7.2-1] 5.0", ORDINARY],
  ["$a/#", "[MQTT-4.7.1-1] 5.0", ["$a", "$a/b"]],
];

for (const [topicFilter, tag, matched] of TABLE) {
  Deno.test(`${topicFilter} and a share of it get what it matches, and nothing else ${tag}`, async () => {
    await using broker = await startBroker();
    assertEquals(await delivered(broker, topicFilter, NAMES), matched);
    assertEquals(await delivered(broker, `$share/g/${topicFilter}`, NAMES), matched);
  });
}

Deno.test("Filters that begin with a wildcard do not see what is retained under $ [MQTT-4.7.2-1] 5.0", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("$a/b", "m", { retain: true });
  for (const topicFilter of ["#", "+/b", "+/#"]) {
    assertEquals(await delivered(broker, topicFilter, ["$a/b"]), [], topicFilter);
  }
  assertEquals(await delivered(broker, "$a/#", []), ["$a/b"]);
});

const NAME_FAULTS: readonly (readonly [what: string, topicName: Uint8Array])[] = [
  ["# in a topic name [MQTT-4.7.0-1] 5.0", string("a/#")],
  ["+ in a topic name [MQTT-4.7.0-1] 5.0", string("+/a")],
  ["NUL in a topic name [MQTT-4.7.3-2] 5.0", binary([0x61, 0x00])],
];

for (const [what, topicName] of NAME_FAULTS) {
  Deno.test(`The answer is DISCONNECT with 0x81, and nobody gets ${what}`, async () => {
    await using broker = await startBroker();
    const [client, culprit] = [await broker.connect5(), await broker.connect5()];
    await client.subscribe("#");
    await culprit.send(packet(0x30, topicName, 0, 0x6d));
    await culprit.expectDisconnect(0x81);
    await client.expectNothing();
  });
}

Deno.test("An empty topic name without a topic alias ends the connection [MQTT-4.7.3-1] 5.0", async () => {
  await using broker = await startBroker();
  const [client, culprit] = [await broker.connect5(), await broker.connect5()];
  await client.subscribe("#");
  await culprit.send(packet(0x30, string(""), 0, 0x6d));
  await culprit.expectDisconnect(0x82);
  await client.expectNothing();
});

Deno.test("Topics are compared as they are: no normal form, no folding [MQTT-4.7.3-4] 5.0", async () => {
  await using broker = await startBroker();
  const composed = "caf\u00e9", decomposed = "cafe\u0301";
  assertEquals(await delivered(broker, composed, [composed, decomposed, "CAFÉ", `${composed}/`]), [composed]);
  assertEquals(await delivered(broker, decomposed, [composed, decomposed]), [decomposed]);
  const names = ["\uFEFFa", "a", "a\uFEFF", "a/\uFEFF"];
  for (const name of names) assertEquals(await delivered(broker, name, names), [name]);
});

Deno.test("A topic may have 65,535 bytes, and the program no more than a client [MQTT-4.7.3-3] 5.0", async () => {
  await using broker = await startBroker({ maxTopicLevels: 65_536 });
  const long = "ä".repeat(32_767) + "x";
  const deep = "/".repeat(65_535);
  assertEquals(await delivered(broker, long, [long, long.slice(1)]), [long]);
  assertEquals(await delivered(broker, deep, [deep, deep.slice(1)]), [deep]);
  for (const topic of [`${long}x`, `${deep}/`]) {
    assertThrows(() => broker.broker.subscribe(topic), TopicError, "65535");
    assertThrows(() => broker.broker.subscribe(`$share/g/${topic}`), TopicError, "65535");
  }
});
