import { assert, assertEquals } from "@std/assert";
import { MAXIMUM_PAYLOAD_BYTES } from "../../src/admin/topic_entry.ts";
import { TopicHistory } from "../../src/admin/topic_history.ts";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";

const encoder = new TextEncoder();

function history(maximumTopics = 1000, maximumBytes = 1e7): TopicHistory {
  return new TopicHistory({ maximumTopics, maximumBytes }, () => undefined, 0);
}

function publish(topics: TopicHistory, topicName: string, payload: string | Uint8Array = "x"): void {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  topics.routed(Message.of({ topicName: parseTopicName(topicName), payload: bytes }));
}

const denial = { atMs: 0, what: "publish", clientIdentifier: "c", username: undefined, address: undefined } as const;

Deno.test("the least recently published topic is forgotten first, with the levels that served it alone", () => {
  const topics = history(2);
  for (const name of ["house/a", "house/b", "house/a", "garden/c"]) publish(topics, name);
  assertEquals(Array.from(topics.entries(), ({ topicName }) => topicName).sort(), ["garden/c", "house/a"]);
  assertEquals([...topics.root.children.keys()].sort(), ["garden", "house"]);
  assertEquals([...topics.root.find("house")!.children.keys()], ["a"]);
  assertEquals([topics.root.topics, topics.root.find("house")!.topics, topics.forgotten], [2, 1, 1]);
  publish(topics, "garden/d");
  assertEquals(topics.root.find("house"), undefined);
});

Deno.test("what is remembered stays within its bytes, and nothing is counted when all is forgotten", () => {
  const topics = history(1000, 60_000);
  for (let at = 0; at < 300; at++) {
    publish(topics, `t/${at}/`.padEnd(500, "level/"), new Uint8Array(3000));
    assert(topics.bytes <= 60_000, `${topics.bytes}`);
  }
  assert(topics.count > 1);
  // One topic larger than everything pushes all others out, and itself.
  publish(topics, "/".repeat(1000), "x");
  assertEquals([topics.count, topics.bytes, topics.root.topics, topics.root.children.size], [0, 0, 0, 0]);
});

Deno.test("of a large payload the beginning is remembered, and a shorter one behind it does not show its rest", () => {
  const topics = history();
  publish(topics, "t", new Uint8Array(10_000).fill(65));
  assertEquals([topics.get("t")!.payload.length, topics.get("t")!.sizeBytes], [MAXIMUM_PAYLOAD_BYTES, 10_000]);
  publish(topics, "t", "short");
  assertEquals(new TextDecoder().decode(topics.get("t")!.payload), "short");
});

Deno.test("numbers are sampled once a second, and texts are not", async () => {
  const topics = history();
  for (
    const [nowMs, payload] of [[0, "21.5"], [500, "99"], [1000, " 22 "], [2000, "on"], [3000, "-3e2"], [
      4000,
      "",
    ]] as const
  ) {
    topics.nowMs = nowMs;
    publish(topics, "t", payload);
    // A turn is over.
    await Promise.resolve();
  }
  assertEquals(topics.get("t")!.samples!.oldestFirst().map(({ value }) => value), [21.5, 22, -300]);
});

Deno.test("topics that somebody was denied push out no topic that was published to", () => {
  const topics = history(3);
  publish(topics, "a");
  publish(topics, "b");
  for (let at = 0; at < 100; at++) topics.denied(`secret/${at}`, { ...denial, reason: "not authorized" });
  assertEquals(topics.count, 3);
  assert(topics.get("a") && topics.get("b"));
  assertEquals(topics.get("a")!.denials, undefined);
  topics.denied("a", { ...denial, reason: "not authorized" });
  assertEquals(topics.get("a")!.denials!.oldestFirst().map(({ reason }) => reason), ["not authorized"]);
});

Deno.test("of messages that come in a row the last is remembered, all are counted, and a payload that changes later is not seen", async () => {
  const topics = history();
  const borrowed = encoder.encode("one");
  for (let at = 0; at < 1000; at++) publish(topics, "t", encoder.encode("before"));
  publish(topics, "t", borrowed);
  await Promise.resolve();
  borrowed.fill(0);
  const { messages, payload } = topics.get("t")!;
  assertEquals([messages, new TextDecoder().decode(payload)], [1001, "one"]);
  for (const name of ["a", "b", "a", "b"]) publish(topics, name, name);
  assertEquals([topics.get("a")!.messages, topics.get("b")!.messages, topics.count], [2, 2, 3]);
});
