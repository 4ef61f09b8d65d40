import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Message } from "../../src/message.ts";
import { PublishBody } from "../../src/packet/publish_body.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";
import { borrowed } from "../support/borrowed.ts";

const NO_LIMIT = { maximumMessages: 1000, maximumBytes: 1_000_000 };

const NOW_MS = 1_000_000;

function message(name: string, payload: string, expiresAtMs?: number): Message {
  const bytes = new TextEncoder().encode(payload);
  return Message.of({ topicName: parseTopicName(name), payload: bytes, retain: true, expiresAtMs });
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
  assertEquals(retained.get(last.topicName, NOW_MS), last);
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
  assertEquals(payloads(retained.match(parseTopicFilter("#"), NOW_MS)), ["/", "a", "a/b"]);
  assertEquals(payloads(retained.match(parseTopicFilter("a/#"), NOW_MS)), ["a", "a/b"]);
  assertEquals(payloads(retained.match(parseTopicFilter("$SYS/+"), NOW_MS)), ["$SYS/a"]);
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
  retained.set(Message.of({ topicName, payload: borrowed(payload), retain: true }));
  payload[0] = 9;
  assertEquals([...retained.get(topicName, NOW_MS)!.payload], [1]);
});

Deno.test("A topic name of many levels counts for what its levels take", () => {
  const retained = new RetainedMessages({ ...NO_LIMIT, maximumBytes: 100_000 });
  assertEquals(retained.set(message("/".repeat(10), "x")), "kept");
  assertEquals(retained.set(message("/".repeat(1000), "x")), "full");
});

Deno.test("[MQTT-3.3.2-5] 5.0 A message that has expired is not found, though it is there until it is removed", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  const [name, filter] = [parseTopicName("a"), parseTopicFilter("+")];
  retained.set(message("a", "x", NOW_MS));
  retained.set(message("b", "lasts"));
  assertEquals(payloads(retained.match(filter, NOW_MS)), ["lasts", "x"]);
  assertEquals(payloads(retained.match(filter, NOW_MS + 1)), ["lasts"]);
  assertEquals([retained.get(name, NOW_MS)?.topicName, retained.get(name, NOW_MS + 1)], [name, undefined]);
  assertEquals([retained.count, payloads(retained)], [2, ["lasts", "x"]]);
});

Deno.test("What has expired is removed with its bytes, and nothing else is", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  retained.set(message("stays", "x"));
  const bytes = retained.bytes;
  retained.set(message("a/b", "first", NOW_MS));
  retained.set(message("c", "second", NOW_MS + 1));
  assertEquals([retained.expire(NOW_MS), retained.count], [0, 3]);
  assertEquals([retained.expire(NOW_MS + 1), payloads(retained)], [1, ["second", "x"]]);
  assertEquals([retained.expire(NOW_MS + 2), payloads(retained), retained.bytes], [1, ["x"], bytes]);
  assertEquals(retained.expire(NOW_MS + 2), 0);
});

Deno.test("The message that replaces another expires by its own time", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  retained.set(message("lasts", "old", NOW_MS));
  retained.set(message("lasts", "new"));
  retained.set(message("later", "old", NOW_MS));
  retained.set(message("later", "new", NOW_MS + 1000));
  retained.set(message("goes", "old"));
  retained.set(message("goes", "new", NOW_MS));
  assertEquals([retained.expire(NOW_MS + 1), [...retained].map(({ topicName }) => topicName).sort()], [
    1,
    ["lasts", "later"],
  ]);
  assertEquals([retained.expire(NOW_MS + 1001), payloads(retained)], [1, ["new"]]);
});

Deno.test("A message that was cleared, deleted or refused is not waited for", () => {
  const retained = new RetainedMessages({ ...NO_LIMIT, maximumMessages: 2 });
  retained.set(message("a", "x", NOW_MS));
  retained.set(message("a", "", NOW_MS));
  retained.set(message("b", "x", NOW_MS));
  retained.delete(parseTopicName("b"));
  retained.set(message("c", "x"));
  retained.set(message("d", "x"));
  assertEquals(retained.set(message("e", "x", NOW_MS)), "full");
  assertEquals([retained.expire(NOW_MS + 1, 1), retained.count], [0, 2]);
});

Deno.test("Each call looks at so many messages and goes on where the last one stopped", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  for (const name of "abcdefg") retained.set(message(name, name, name < "e" ? Infinity : NOW_MS));
  const gone = Array.from({ length: 3 }, () => retained.expire(NOW_MS + 1, 3));
  assertEquals([gone, payloads(retained)], [[0, 2, 1], ["a", "b", "c", "d"]]);
  retained.set(message("a", "x", NOW_MS));
  const later = Array.from({ length: 4 }, () => retained.expire(NOW_MS + 1, 1));
  assertEquals([later.reduce((sum, one) => sum + one), payloads(retained)], [1, ["b", "c", "d"]]);
});

Deno.test("One call looks at no message twice, wherever it goes on", () => {
  let looks = 0;
  class Watched extends Message {
    override isExpired(nowMs: number): boolean {
      looks++;
      return super.isExpired(nowMs);
    }
  }
  const retained = new RetainedMessages(NO_LIMIT);
  for (const name of "abc") {
    const body = PublishBody.of(new Uint8Array(1));
    retained.set(new Watched(parseTopicName(name), body, 0, true, undefined, NOW_MS));
  }
  assertEquals([retained.expire(NOW_MS, 2), looks], [0, 2]);
  assertEquals([retained.expire(NOW_MS), looks], [0, 5]);
});

Deno.test("Messages that do not expire are no part of what a call looks at", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  for (let at = 0; at < 100; at++) retained.set(message(`${at}`, "x"));
  retained.set(message("goes", "x", NOW_MS));
  assertEquals([retained.expire(NOW_MS + 1, 1), retained.count], [1, 100]);
});

Deno.test("Count, bytes and what is found agree with a model, and calls enough remove all that has expired", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const name = fc.constantFrom("a", "b", "a/b", "c/d/e", "$s");
  const expiresAtMs = fc.option(fc.nat(20), { nil: undefined });
  const step = fc.oneof(
    fc.record({ set: name, payload: fc.constantFrom("", "x", "longer"), expiresAtMs }),
    fc.record({ expireAtMost: fc.nat(4) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const retained = new RetainedMessages(NO_LIMIT);
      const model = new Map<string, Message>();
      steps.forEach((one, nowMs) => {
        if ("set" in one) {
          const next = message(one.set, one.payload, one.expiresAtMs);
          retained.set(next);
          if (one.payload === "") model.delete(one.set);
          else model.set(one.set, next);
        } else {
          const removed = retained.expire(nowMs, one.expireAtMost);
          assert(removed <= one.expireAtMost);
          const left = new Set(retained);
          for (const [name, kept] of model) if (kept.isExpired(nowMs) && !left.has(kept)) model.delete(name);
          assertEquals(left, new Set(model.values()));
        }
        assertEquals([retained.count, retained.bytes], [model.size, bytesOf(model.values())]);
        const fresh = [...model.values()].filter((kept) => !kept.isExpired(nowMs) && kept.topicName !== "$s");
        assertEquals(new Set(retained.match(parseTopicFilter("#"), nowMs)), new Set(fresh));
      });
      // In two rounds of calls every message is looked at.
      for (let calls = 2 * model.size; calls > 0; calls--) retained.expire(steps.length, 1);
      assertEquals(new Set(retained), new Set([...model.values()].filter((kept) => !kept.isExpired(steps.length))));
    }),
    { seed, numRuns: 300 },
  );
});

/** The bytes of a set of retained messages that never saw another one. */
function bytesOf(messages: Iterable<Message>): number {
  const fresh = new RetainedMessages(NO_LIMIT);
  for (const message of messages) fresh.set(message);
  return fresh.bytes;
}

Deno.test("Every change is told with what was there before, and a clearing where nothing was, too", () => {
  const retained = new RetainedMessages({ ...NO_LIMIT, maximumMessages: 1 });
  const told: string[] = [];
  const text = (one: Message | undefined) => one ? payloads([one])[0] : "nothing";
  retained.onChange = (topicName, now, old) => told.push(`${topicName}: ${text(old)} > ${text(now)}`);
  retained.set(message("a", "x"));
  retained.set(message("a", "y"));
  retained.set(message("b", "z"));
  retained.set(message("b", ""));
  retained.set(message("a", ""));
  retained.delete(parseTopicName("a"));
  assertEquals(told, ["a: nothing > x", "a: x > y", "b: nothing > nothing", "a: y > nothing"]);
});

/** Names by ascending serial. */
function inOrder(retained: RetainedMessages): string[] {
  const names: string[] = [];
  retained.inOrder(0, 100, ({ topicName }) => names.push(topicName) > 0);
  return names;
}

Deno.test("A message has its serial as long as it is retained; one that is renewed is retained as of now", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  const [a, b, c] = ["a", "b", "c"].map((name) => message(name, "x")) as [Message, Message, Message];
  for (const one of [a, b, c]) retained.set(one);
  assertEquals([a, b, c].map(({ retainedSerial }) => retainedSerial), [1, 2, 3]);
  const newer = message("b", "y");
  retained.set(newer);
  assertEquals([b.retainedSerial, newer.retainedSerial, inOrder(retained)], [0, 4, ["a", "c", "b"]]);
  retained.renew(a.topicName);
  retained.renew(parseTopicName("none"));
  assertEquals([a.retainedSerial, retained.lastSerial, inOrder(retained)], [5, 5, ["c", "b", "a"]]);
  retained.delete(c.topicName);
  assertEquals([c.retainedSerial, inOrder(retained)], [0, ["b", "a"]]);
});

Deno.test("A serial of a former life is kept, and none that was given is given again", () => {
  const retained = new RetainedMessages(NO_LIMIT);
  retained.set(message("now", "x"));
  retained.set(message("former", "x"), 7);
  retained.reserveSerial(20);
  retained.reserveSerial(3);
  retained.set(message("next", "x"));
  retained.set(message("earlier", "x"), 4);
  assertEquals([inOrder(retained), retained.lastSerial], [["now", "earlier", "former", "next"], 21]);
});

Deno.test("There is room for what clears, for what takes a place that is there, and for what fits", () => {
  const retained = new RetainedMessages({ ...NO_LIMIT, maximumMessages: 1 });
  retained.set(message("a", "x"));
  assertEquals(["", "y"].map((payload) => retained.hasRoom(message("b", payload))), [true, false]);
  assertEquals(retained.hasRoom(message("a", "y")), true);
});
