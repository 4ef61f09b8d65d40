import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import type { QoS } from "../../src/packet/packets.ts";
import type { Delivery } from "../../src/session/delivery.ts";
import { MessageQueue } from "../../src/session/message_queue.ts";
import { delivery } from "./support.ts";

function queueOf(maximumMessages: number, maximumBytes = 1_000_000) {
  const dropped: string[] = [];
  let sequence = 0;
  const queue = new MessageQueue({
    limits: { maximumMessages, maximumBytes, policy: "oldest" },
    journal: undefined,
    onDrop: ({ message }) => dropped.push(message.topicName),
    onLoaded: () => {},
    onFault: () => {},
  });
  const push = (delivery: Delivery) => queue.push({ ...delivery, sequence: ++sequence });
  return { queue, push, dropped };
}

function drain(queue: MessageQueue): string[] {
  const names: string[] = [];
  for (let next = queue.shift(); next; next = queue.shift()) names.push(next.message.topicName);
  return names;
}

Deno.test("Messages of all qualities of service leave in the order they came", () => {
  const { queue, push, dropped } = queueOf(10);
  for (const [name, qos] of [["a", 1], ["b", 0], ["c", 2], ["d", 0], ["e", 1]] as const) {
    push(delivery(name, qos));
  }
  assertEquals(queue.length, 5);
  assertEquals(drain(queue), ["a", "b", "c", "d", "e"]);
  assertEquals([queue.length, queue.bytes, dropped], [0, 0, []]);
});

Deno.test("A full queue gives up the oldest QoS 0 message first, then the oldest of all", () => {
  const { queue, push, dropped } = queueOf(3);
  for (const [name, qos] of [["a", 1], ["b", 0], ["c", 0]] as const) push(delivery(name, qos));
  for (const name of ["d", "e", "f"]) push(delivery(name, 2));
  assertEquals(dropped, ["b", "c", "a"]);
  assertEquals(drain(queue), ["d", "e", "f"]);
});

Deno.test("A QoS 0 message that comes to a queue full of others is itself given up", () => {
  const { queue, push, dropped } = queueOf(2);
  push(delivery("a", 1));
  push(delivery("b", 2));
  push(delivery("c", 0));
  assertEquals(dropped, ["c"]);
  assertEquals(drain(queue), ["a", "b"]);
});

Deno.test("The ceiling in bytes holds to the byte", () => {
  const size = delivery("a", 1, 100).message.sizeBytes;
  const { queue, push, dropped } = queueOf(100, size * 2);
  push(delivery("a", 1, 100));
  push(delivery("b", 1, 100));
  assertEquals([queue.bytes, dropped], [size * 2, []]);
  push(delivery("c", 1, 1));
  assertEquals([queue.bytes, dropped], [size * 2 - 99, ["a"]]);
});

Deno.test("A queue tells whether a QoS 0 message waits", () => {
  const { queue, push } = queueOf(10);
  push(delivery("a", 1));
  assertEquals(queue.hasQoS0, false);
  push(delivery("b", 0));
  assertEquals(queue.hasQoS0, true);
  queue.shift();
  assertEquals(queue.hasQoS0, true);
  queue.shift();
  assertEquals(queue.hasQoS0, false);
});

Deno.test("A message that waits no longer borrows its payload", () => {
  const { queue, push } = queueOf(10);
  const payload = new Uint8Array([1, 2, 3]);
  const message = new Message({ topicName: parseTopicName("a"), payload, qos: 1, borrowed: true });
  push({ ...delivery("a", 1), message });
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
      const { queue, push, dropped } = queueOf(maximumMessages, maximumBytes);
      let model: { name: string; qos: number; size: number }[] = [];
      const gone: string[] = [];
      const bytes = () => model.reduce((sum, { size }) => sum + size, 0);
      steps.forEach((what, at) => {
        if (what === "shift") {
          return assertEquals(queue.shift()?.message.topicName as string, model.shift()?.name as string);
        }
        const one = delivery(`m${at}`, what.qos as QoS, what.bytes);
        push(one);
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
