import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import type { QoS } from "../../src/packet/packets.ts";
import { MessageQueue } from "../../src/session/message_queue.ts";
import { delivery } from "./support.ts";

function queueOf(maximumMessages: number, maximumBytes = 1_000_000) {
  const dropped: string[] = [];
  const queue = new MessageQueue({ maximumMessages, maximumBytes }, ({ message }) => dropped.push(message.topicName));
  return { queue, dropped };
}

function drain(queue: MessageQueue): string[] {
  const names: string[] = [];
  for (let next = queue.shift(); next; next = queue.shift()) names.push(next.message.topicName);
  return names;
}

Deno.test("Messages of all qualities of service leave in the order they came", () => {
  const { queue, dropped } = queueOf(10);
  for (const [name, qos] of [["a", 1], ["b", 0], ["c", 2], ["d", 0], ["e", 1]] as const) {
    queue.push(delivery(name, qos));
  }
  assertEquals(queue.length, 5);
  assertEquals(drain(queue), ["a", "b", "c", "d", "e"]);
  assertEquals([queue.length, queue.bytes, dropped], [0, 0, []]);
});

Deno.test("A full queue gives up the oldest QoS 0 message first, then the oldest of all", () => {
  const { queue, dropped } = queueOf(3);
  for (const [name, qos] of [["a", 1], ["b", 0], ["c", 0]] as const) queue.push(delivery(name, qos));
  for (const name of ["d", "e", "f"]) queue.push(delivery(name, 2));
  assertEquals(dropped, ["b", "c", "a"]);
  assertEquals(drain(queue), ["d", "e", "f"]);
});

Deno.test("A QoS 0 message that comes to a queue full of others is itself given up", () => {
  const { queue, dropped } = queueOf(2);
  queue.push(delivery("a", 1));
  queue.push(delivery("b", 2));
  queue.push(delivery("c", 0));
  assertEquals(dropped, ["c"]);
  assertEquals(drain(queue), ["a", "b"]);
});

Deno.test("The ceiling in bytes holds to the byte", () => {
  const size = delivery("a", 1, 100).message.sizeBytes;
  const { queue, dropped } = queueOf(100, size * 2);
  queue.push(delivery("a", 1, 100));
  queue.push(delivery("b", 1, 100));
  assertEquals([queue.bytes, dropped], [size * 2, []]);
  queue.push(delivery("c", 1, 1));
  assertEquals([queue.bytes, dropped], [size * 2 - 99, ["a"]]);
});

Deno.test("A queue tells whether a QoS 0 message waits", () => {
  const { queue } = queueOf(10);
  queue.push(delivery("a", 1));
  assertEquals(queue.hasQoS0, false);
  queue.push(delivery("b", 0));
  assertEquals(queue.hasQoS0, true);
  queue.shift();
  assertEquals(queue.hasQoS0, true);
  queue.shift();
  assertEquals(queue.hasQoS0, false);
});

Deno.test("A message that waits no longer borrows its payload", () => {
  const { queue } = queueOf(10);
  const payload = new Uint8Array([1, 2, 3]);
  const message = new Message({ topicName: parseTopicName("a"), payload, qos: 1, borrowed: true });
  queue.push({ message, qos: 1, retain: false, subscriptionIdentifiers: undefined });
  payload.fill(9);
  const kept = queue.shift()!.message.payload;
  assert(kept !== payload);
  assertEquals([...kept], [1, 2, 3]);
});

Deno.test("A queue agrees with a plain list under any sequence of push and shift", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.oneof(fc.constant("shift" as const), fc.record({ qos: fc.nat(2), bytes: fc.nat(300) }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.nat(8), fc.nat(2000), (steps, maximumMessages, maximumBytes) => {
      const { queue, dropped } = queueOf(maximumMessages, maximumBytes);
      let model: { name: string; qos: number; size: number }[] = [];
      const gone: string[] = [];
      const bytes = () => model.reduce((sum, { size }) => sum + size, 0);
      steps.forEach((what, at) => {
        if (what === "shift") {
          return assertEquals(queue.shift()?.message.topicName as string, model.shift()?.name as string);
        }
        const one = delivery(`m${at}`, what.qos as QoS, what.bytes);
        queue.push(one);
        if (one.message.sizeBytes > maximumBytes) {
          gone.push(`m${at}`);
          return assertEquals([queue.length, queue.bytes, dropped], [model.length, bytes(), gone]);
        }
        model.push({ name: `m${at}`, qos: what.qos, size: one.message.sizeBytes });
        while (model.length > maximumMessages || bytes() > maximumBytes) {
          const victim = model.find(({ qos }) => qos === 0) ?? model[0];
          gone.push(victim.name);
          model = model.filter((entry) => entry !== victim);
        }
        assertEquals([queue.length, queue.bytes, dropped], [model.length, bytes(), gone]);
      });
      assertEquals(drain(queue), model.map(({ name }) => name));
    }),
    { seed, numRuns: 200 },
  );
});
