import { assertEquals } from "@std/assert";
import { Message } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";

const NO_LIMIT = { maximumMessages: 1000, maximumBytes: 1_000_000 };

function message(name: string, payload: string): Message {
  const bytes = new TextEncoder().encode(payload);
  return new Message({ topicName: parseTopicName(name), payload: bytes, retain: true });
}

function payloads(messages: Iterable<Message>): string[] {
  return Array.from(messages, ({ payload }) => new TextDecoder().decode(payload)).sort();
}

Deno.test("Each topic keeps its last message, and the sum of bytes follows", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  assertEquals(retained.set(message("a", "first")), "kept");
  const last = message("a", "2nd");
  assertEquals(retained.set(last), "kept");
  const oneLevelBytes = 200;
  assertEquals([retained.count, retained.bytes], [1, last.sizeBytes + oneLevelBytes]);
  assertEquals(retained.get(last.topicName), last);
  retained.delete(last.topicName);
  assertEquals(retained.bytes, 0);
});

Deno.test("An empty payload clears the topic, whether it had a message or not", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  retained.set(message("a", "x"));
  assertEquals([retained.set(message("a", "")), retained.set(message("b", ""))], ["cleared", "cleared"]);
  assertEquals([retained.count, retained.bytes, [...retained]], [0, 0, []]);
});

Deno.test("Over the ceiling of messages a new topic is not kept, but a known one is replaced", () => {
  const retained = new RetainedMessages({ ...NO_LIMIT, maximumMessages: 1 });
  retained.set(message("a", "x"));
  assertEquals(retained.set(message("b", "y")), "full");
  assertEquals(retained.set(message("a", "z")), "kept");
  assertEquals([retained.count, payloads(retained)], [1, ["z"]]);
});

Deno.test("A replacement that exceeds the ceiling of bytes takes the old message with it", () => {
  const oneLevelBytes = 200;
  const maximumBytes = message("a", "xx").sizeBytes + oneLevelBytes;
  const retained = new RetainedMessages({ ...NO_LIMIT, maximumBytes });
  assertEquals(retained.set(message("a", "xx")), "kept");
  assertEquals(retained.set(message("a", "xxx")), "full");
  assertEquals([retained.count, retained.bytes], [0, 0]);
  assertEquals(retained.set(message("a", "xx")), "kept");
});

Deno.test("A filter finds its retained messages, those of $ topics only by name", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  for (const name of ["a", "a/b", "/", "$SYS/a"]) retained.set(message(name, name));
  assertEquals(payloads(retained.match(parseTopicFilter("#"))), ["/", "a", "a/b"]);
  assertEquals(payloads(retained.match(parseTopicFilter("a/#"))), ["a", "a/b"]);
  assertEquals(payloads(retained.match(parseTopicFilter("$SYS/+"))), ["$SYS/a"]);
  assertEquals(payloads(retained), ["$SYS/a", "/", "a", "a/b"]);
});

Deno.test("A deletion is told and counted once", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  retained.set(message("a", "x"));
  const name = parseTopicName("a");
  assertEquals([retained.delete(name), retained.delete(name), retained.count, retained.bytes], [true, false, 0, 0]);
});

Deno.test("A retained message no longer borrows its payload", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  const payload = new Uint8Array([1]);
  const topicName = parseTopicName("a");
  retained.set(new Message({ topicName, payload, retain: true, borrowed: true }));
  payload[0] = 9;
  assertEquals([...retained.get(topicName)!.payload], [1]);
});

Deno.test("A topic name of many levels counts for what its levels take", () => {
  const retained = new RetainedMessages({ ...NO_LIMIT, maximumBytes: 100_000 });
  assertEquals(retained.set(message("/".repeat(10), "x")), "kept");
  assertEquals(retained.set(message("/".repeat(1000), "x")), "full");
});
