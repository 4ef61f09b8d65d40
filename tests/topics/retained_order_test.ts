import { assert, assertEquals } from "@std/assert";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { RetainedOrder } from "../../src/topics/retained_order.ts";

function retained(serial: number): Message {
  const message = Message.of({ topicName: parseTopicName(`${serial}`), payload: new Uint8Array(), retain: true });
  message.retainedSerial = serial;
  return message;
}

/** Serials that are shown after this one, and how far the look has got. */
function seen(order: RetainedOrder, after: number, places = Infinity, most = Infinity): [number[], number] {
  const serials: number[] = [];
  const reached = order.visit(after, places, ({ retainedSerial }) => serials.push(retainedSerial) < most);
  return [serials, reached];
}

/** Takes messages out as the retained messages do. */
function remove(order: RetainedOrder, messages: Iterable<Message>): void {
  for (const message of messages) {
    order.remove(message);
    message.retainedSerial = 0;
  }
}

Deno.test("What comes after a serial is shown in ascending order, as far as is asked for", () => {
  const order = new RetainedOrder();
  for (const serial of [1, 3, 5, 7]) order.add(retained(serial));
  assertEquals(seen(order, 0), [[1, 3, 5, 7], Infinity]);
  assertEquals(seen(order, 3), [[5, 7], Infinity]);
  assertEquals(seen(order, 4, 1), [[5], 5]);
  assertEquals(seen(order, 0, Infinity, 2), [[1, 3], 3]);
  assertEquals(seen(order, 7), [[], Infinity]);
  assertEquals(seen(order, 2, 0), [[], 2]);
});

Deno.test("What is retained no longer takes a place, and is not shown", () => {
  const order = new RetainedOrder();
  const messages = [1, 2, 3, 4].map(retained);
  for (const message of messages) order.add(message);
  remove(order, [messages[1]!, messages[2]!]);
  assertEquals(seen(order, 0), [[1, 4], Infinity]);
  assertEquals([seen(order, 0, 2), seen(order, 2, 1)], [[[1], 2], [[], 3]]);
});

Deno.test("What comes with a lower serial than others finds its place", () => {
  const order = new RetainedOrder();
  for (const serial of [9, 2, 5, 10, 1]) order.add(retained(serial));
  assertEquals(seen(order, 0), [[1, 2, 5, 9, 10], Infinity]);
});

Deno.test("Places of what is retained no longer are given back when they are many, and more than the others", () => {
  const [all, kept] = [3000, 3];
  const order = new RetainedOrder();
  const messages = Array.from({ length: all }, (_, index) => retained(index + 1));
  for (const message of messages) order.add(message);
  remove(order, messages.slice(0, all / 2 - 1));
  // Half of all are needed to make a copy worth it.
  assertEquals(seen(order, 0, 1), [[], 1]);
  remove(order, messages.slice(all / 2 - 1, all - kept));
  const [few, reached] = seen(order, 0, 1024 + kept);
  assertEquals([few, reached], [[all - 2, all - 1, all], Infinity]);
  // A copy is not made with each that goes from then on.
  remove(order, messages.slice(all - kept, all - 1));
  assertEquals(seen(order, 0), [[all], Infinity]);
  const [, after] = seen(order, 0, 1);
  assert(after < all, `${after}`);
});

Deno.test("What came out of order is found by who takes it out, too", () => {
  const order = new RetainedOrder();
  const messages = [9, 2].map(retained);
  for (const message of messages) order.add(message);
  remove(order, [messages[0]!]);
  assertEquals(seen(order, 0), [[2], Infinity]);
});
