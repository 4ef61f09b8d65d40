import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Message } from "../src/message.ts";
import { parseTopicName } from "../src/packet/topic.ts";
import { borrowed } from "./support/borrowed.ts";

const topicName = parseTopicName("a/b");

Deno.test("A message is QoS 0, not retained and of no publisher unless told otherwise", () => {
  const { qos, retain, properties, publisher } = Message.of({ topicName, payload: new Uint8Array() });
  assertEquals([qos, retain, properties, publisher], [0, false, undefined, undefined]);
});

Deno.test("A borrowed payload is copied once, when the message is kept", () => {
  const buffer = new Uint8Array([0, 1, 2, 3]);
  const message = Message.of({ topicName, payload: borrowed(buffer.subarray(1, 3)) });
  assertStrictEquals(message.payload.buffer, buffer.buffer);
  assertStrictEquals(message.keep(), message);
  const kept = message.payload;
  buffer.fill(9);
  assertEquals([[...kept], kept.buffer.byteLength], [[1, 2], 2]);
  assertStrictEquals(message.keep().payload, kept);
});

Deno.test("A payload that is not borrowed is not copied", () => {
  const payload = new Uint8Array([1]);
  assertStrictEquals(Message.of({ topicName, payload }).keep().payload, payload);
});

Deno.test("A snapshot is frozen, made once and outlasts the read buffer", () => {
  const buffer = new Uint8Array([1, 2]);
  const message = Message.of({ topicName, payload: borrowed(buffer), qos: 1, retain: true, publisher: "c" });
  const snapshot = message.snapshot();
  buffer.fill(9);
  assertEquals({ ...snapshot }, {
    topicName,
    payload: new Uint8Array([1, 2]),
    qos: 1,
    retain: true,
    properties: undefined,
    publisher: "c",
  });
  assert(Object.isFrozen(snapshot));
  assert(!(snapshot instanceof Message));
  assertStrictEquals(message.snapshot(), snapshot);
});

Deno.test("The size of a message grows with payload and topic name, and is the same once it is kept", () => {
  const size = (name: string, bytes: number) =>
    Message.of({ topicName: parseTopicName(name), payload: borrowed(new Uint8Array(bytes)) }).sizeBytes;
  assertEquals([size("a", 10) - size("a", 0), size("abc", 0) - size("a", 0)], [10, 2]);
  assert(size("a", 0) > 1);
  const message = Message.of({ topicName, payload: borrowed(new Uint8Array(5)) });
  const before = message.sizeBytes;
  assertEquals(message.keep().sizeBytes, before);
});

Deno.test("Small payloads that are kept briefly share memory, and get their own when they are kept", () => {
  const [first, second] = ["one", "two"].map((text) => {
    return Message.of({ topicName, payload: borrowed(new TextEncoder().encode(text)) }).keepBriefly();
  });
  assertStrictEquals(second!.payload.buffer, first!.payload.buffer);
  assertEquals([first, second].map((message) => new TextDecoder().decode(message!.payload)), ["one", "two"]);
  const own = first!.keep().payload;
  assertEquals([new TextDecoder().decode(own), own.buffer.byteLength], ["one", 3]);
  assertStrictEquals(first!.snapshot().payload, own);
});

Deno.test("Properties that somebody has looked at do not stay in memory as objects", () => {
  const properties = { contentType: "t", messageExpiryIntervalSeconds: 7, userProperties: [["a", "b"]] as const };
  const message = Message.of({ topicName, payload: new Uint8Array([1]), properties });
  assertEquals(message.properties, properties);
  assertEquals({ ...message.snapshot() }.properties, properties);
  assert(message.properties !== message.properties);
  assert(message.snapshot().properties !== message.snapshot().properties);
  assertEquals(message.payload, new Uint8Array([1]));
});
