import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import type { QoS } from "../../src/packet/packets.ts";
import type { Delivery } from "../../src/session/delivery.ts";
import { type DropPolicy, MessageQueue } from "../../src/session/message_queue.ts";
import { delivery } from "./support.ts";
import { borrowed } from "../support/borrowed.ts";

function queueOf(maximumMessages: number, maximumBytes = 1_000_000, policy: DropPolicy = "oldest") {
  const dropped: string[] = [];
  const expired: string[] = [];
  const clock = { nowMs: 0 };
  let sequence = 0;
  const queue = new MessageQueue({
    limits: { maximumMessages, maximumBytes, policy },
    log: undefined,
    onDrop: ({ message }) => dropped.push(message.topicName),
    now: () => clock.nowMs,
    onExpired: ({ message }) => expired.push(message.topicName),
    onLoaded: () => {},
    onFault: () => {},
  });
  const push = (delivery: Delivery) => queue.push({ ...delivery, sequence: ++sequence });
  return { queue, push, dropped, expired, clock };
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

/** A delivery of 100 bytes that expires at this time. */
function expiring(name: string, qos: QoS, expiresAtMs: number): Delivery {
  const message = Message.of({ topicName: parseTopicName(name), payload: new Uint8Array(100), qos, expiresAtMs });
  return { ...delivery(name, qos), message };
}

for (const policy of ["oldest", "newest"] as const) {
  Deno.test(`Where a full queue drops the ${policy}, what has expired goes before anything else`, () => {
    const { queue, push, dropped, expired, clock } = queueOf(4, undefined, policy);
    push(delivery("old", 0));
    push(expiring("short 0", 0, 500));
    push(expiring("long", 1, 9000));
    push(expiring("short 1", 1, 500));
    clock.nowMs = 501;
    assertEquals([push(delivery("new", 1)), expired, dropped], [true, ["short 0", "short 1"], []]);
    assertEquals([queue.length, drain(queue)], [3, ["old", "long", "new"]]);
  });
}

Deno.test("What has expired makes room for bytes, too, and is not looked for in a queue that has room", () => {
  const size = expiring("a", 1, 1).message.sizeBytes;
  const { queue, push, dropped, expired, clock } = queueOf(100, size * 2);
  push(expiring("a", 1, 500));
  clock.nowMs = 501;
  push(expiring("b", 2, 9000));
  assertEquals([queue.bytes, expired], [size * 2, []]);
  push(expiring("c", 0, 9000));
  assertEquals([queue.bytes, expired, dropped, drain(queue)], [size * 2, ["a"], [], ["b", "c"]]);
  assertEquals(queue.bytes, 0);
});

Deno.test("A queue full of live messages is not looked through for every message that comes", () => {
  const { push, dropped, expired, clock } = queueOf(2);
  push(expiring("a", 1, 600));
  push(expiring("b", 1, 9000));
  // Nothing has expired yet, and for a second that is taken to stay so.
  push(expiring("c", 1, 600));
  clock.nowMs = 999;
  push(delivery("d", 1));
  assertEquals([dropped, expired], [["a", "b"], []]);
  clock.nowMs = 1000;
  push(delivery("e", 1));
  assertEquals([dropped, expired], [["a", "b"], ["c"]]);
});

Deno.test("A queue tells of which topics QoS 0 messages wait", () => {
  const { queue, push } = queueOf(10);
  const held = () => ["a", "b", "c"].filter((name) => queue.holdsQoS0(parseTopicName(name), 0));
  push(delivery("a", 1));
  assertEquals(held(), []);
  push(delivery("b", 0));
  push(delivery("c", 0));
  push(delivery("b", 0));
  assertEquals(held(), ["b", "c"]);
  assertEquals(queue.holdsQoS0(parseTopicName("x"), 1), false);
  assertEquals(queue.holdsQoS0(parseTopicName("x"), 2), true);
  for (let time = 0; time < 3; time++) queue.shift();
  assertEquals(held(), ["b"]);
  queue.shift();
  assertEquals(held(), []);
});

Deno.test("A message that waits no longer borrows its payload", () => {
  const { queue, push } = queueOf(10);
  const payload = new Uint8Array([1, 2, 3]);
  const message = Message.of({ topicName: parseTopicName("a"), payload: borrowed(payload), qos: 1 });
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

Deno.test("What has expired is looked for as long as anything waits that can expire, whatever has left", () => {
  const { queue, push, dropped, expired, clock } = queueOf(2);
  push(delivery("a", 1));
  assertEquals(drain(queue), ["a"]);
  push(delivery("c", 1));
  push(expiring("d", 1, 500));
  clock.nowMs = 501;
  push(delivery("e", 1));
  assertEquals([expired, dropped, drain(queue)], [["d"], [], ["c", "e"]]);
});

Deno.test("While a share's messages are handed over one by one the queue is used: each goes one way only, in order", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const share = {} as Delivery["share"];
  const step = fc.oneof(
    fc.constant("shift" as const),
    fc.constant("drop" as const),
    fc.record({ qos: fc.nat(2), shared: fc.boolean() }),
    fc.record({ given: fc.nat(5) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(30), (steps, before) => {
      const { queue, push, dropped } = queueOf(20);
      let count = 0;
      const add = (qos: number, shared: boolean) => {
        push({ ...delivery(`m${count++}`, qos as QoS), ...shared && { share } });
      };
      for (let i = 0; i < before; i++) add(i % 3, i % 4 > 0);
      const [given, shifted]: [string[], string[]] = [[], []];
      const take = ({ message }: Delivery) =>
        Number(message.topicName.slice(1)) % 5 > 0 && given.push(message.topicName) > 0;
      const handing = queue.returnShared(take, () => true);
      for (const what of steps) {
        if (what === "shift") {
          const one = queue.shift();
          if (one) shifted.push(one.message.topicName);
        } else if (what === "drop") {
          const one = queue.dropOldest();
          if (one) dropped.push(one.message.topicName);
        } else if ("given" in what) { for (let i = 0; i < what.given; i++) handing.next(); }
        else add(what.qos, what.shared);
        assertEquals(queue.length, count - given.length - dropped.length - shifted.length);
      }
      const rest = drain(queue);
      assertEquals(rest.length, count - given.length - dropped.length - shifted.length);
      const gone = new Set([...given, ...dropped, ...shifted, ...rest]);
      assertEquals(gone.size, count);
      assertEquals([queue.length, queue.bytes, handing.next().done], [0, 0, true]);
    }),
    { seed, numRuns: 300 },
  );
});
