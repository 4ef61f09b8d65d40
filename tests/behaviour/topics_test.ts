/** Topic names and filters as the whole broker treats them (MQTT 3.1.1 §4.7). */
import { assertEquals } from "@std/assert";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

/** What of `topicNames` reaches a subscriber with this filter. */
async function delivered(broker: TestBroker, topicFilter: string, topicNames: readonly string[]): Promise<string[]> {
  const client: RawClient = await broker.connect();
  await client.subscribe(topicFilter);
  for (const topicName of topicNames) await broker.broker.publish(topicName, "");
  await client.subscribe("end/of/test");
  await broker.broker.publish("end/of/test", "end");
  const got: string[] = [];
  for (;;) {
    const { topicName, payload } = await client.expectMessage();
    if (payload === "end") return got;
    got.push(topicName);
  }
}

const NAMES = ["a", "a/b", "a/b/c", "/a", "a/", "/", "b", "A", "a b", "a//b", "$a", "$a/b"];

const TABLE: readonly (readonly [topicFilter: string, matched: readonly string[]])[] = [
  ["a", ["a"]],
  ["A", ["A"]],
  ["+", ["a", "b", "A", "a b"]],
  ["+/+", ["a/b", "/a", "a/", "/"]],
  ["/+", ["/a", "/"]],
  ["+/", ["a/", "/"]],
  ["a/+", ["a/b", "a/"]],
  ["a/+/b", ["a//b"]],
  ["+/b/+", ["a/b/c"]],
  ["a/#", ["a", "a/b", "a/b/c", "a/", "a//b"]],
  ["/#", ["/a", "/"]],
  ["+/#", ["a", "a/b", "a/b/c", "/a", "a/", "/", "b", "A", "a b", "a//b"]],
  ["#", ["a", "a/b", "a/b/c", "/a", "a/", "/", "b", "A", "a b", "a//b"]],
  ["$a", ["$a"]],
  ["$a/#", ["$a", "$a/b"]],
  ["$a/+", ["$a/b"]],
  ["a/b/#", ["a/b", "a/b/c"]],
];

for (const [topicFilter, matched] of TABLE) {
  const tags = topicFilter.includes("#") ? "[MQTT-4.7.1-2] 3.1.1" : "[MQTT-4.7.1-3] 3.1.1";
  Deno.test(`${JSON.stringify(topicFilter)} gets what it matches, and nothing else ${tags}`, async () => {
    await using broker = await startBroker();
    assertEquals(await delivered(broker, topicFilter, NAMES), matched);
  });
}

Deno.test("Filters that begin with a wildcard do not see $ topics, live or retained [MQTT-4.7.2-1] 3.1.1", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("$a/b", "m", { retain: true });
  for (const topicFilter of ["#", "+/b", "+/#"]) {
    assertEquals(await delivered(broker, topicFilter, ["$a/b"]), [], topicFilter);
  }
  assertEquals(await delivered(broker, "$a/#", []), ["$a/b"]);
});

Deno.test("Clients may use $ topics of their own, and they are delivered", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("$own/#", 1);
  await client.sendPublish("$own/a", "m", { qos: 0 });
  await client.takeMessage({ topicName: "$own/a", payload: "m" });
  await client.expectNothing();
});

Deno.test("Topics are compared as they are: no normal form, no folding [MQTT-4.7.3-4] 3.1.1", async () => {
  await using broker = await startBroker();
  const composed = "caf\u00e9", decomposed = "cafe\u0301";
  assertEquals(await delivered(broker, composed, [composed, decomposed, "CAFÉ", `${composed}/`]), [composed]);
  assertEquals(await delivered(broker, decomposed, [composed, decomposed]), [decomposed]);
});

Deno.test("U+FEFF is a character like others, in front and within [MQTT-1.5.3-3] 3.1.1", async () => {
  await using broker = await startBroker();
  const names = ["\uFEFFa", "a", "a\uFEFF", "a/\uFEFF"];
  for (const name of names) assertEquals(await delivered(broker, name, names), [name]);
  const client = await broker.connect();
  await client.subscribe("\uFEFFx");
  await client.sendPublish("x", "not this");
  await client.sendPublish("\uFEFFx", "this");
  await client.expectMessage({ topicName: "\uFEFFx", payload: "this" });
});

Deno.test("A topic may have 65,535 bytes and hundreds of levels [MQTT-4.7.3-3] 3.1.1", async () => {
  await using broker = await startBroker({ maxTopicLevels: 65_536 });
  const long = "ä".repeat(32_767) + "x";
  const deep = "/".repeat(5000);
  assertEquals(await delivered(broker, long, [long, long.slice(1)]), [long]);
  assertEquals(await delivered(broker, deep, [deep, deep.slice(1)]), [deep]);
  assertEquals(await delivered(broker, "+/".repeat(5000) + "#", [deep]), [deep]);
});
