import { assertEquals, assertRejects } from "@std/assert";
import { ByteQueue } from "../../src/transport/byte_queue.ts";

Deno.test("pieces are read in order, in parts and joined", async () => {
  const queue = new ByteQueue();
  queue.push(Uint8Array.of(1, 2, 3));
  queue.push(new Uint8Array(0));
  queue.push(Uint8Array.of(4));
  assertEquals(queue.length, 4);
  const into = new Uint8Array(3);
  assertEquals(await queue.read(into), 3);
  assertEquals(into, Uint8Array.of(1, 2, 3));
  assertEquals(await queue.read(into), 1);
  assertEquals(into[0], 4);
  assertEquals(queue.length, 0);
});

Deno.test("a waiting reader gets all pieces of one turn, and the queue keeps what does not fit", async () => {
  const queue = new ByteQueue();
  const into = new Uint8Array(4);
  const reading = queue.read(into);
  queue.push(Uint8Array.of(1, 2));
  queue.push(Uint8Array.of(3, 4, 5));
  assertEquals(await reading, 4);
  assertEquals(into, Uint8Array.of(1, 2, 3, 4));
  assertEquals(queue.length, 1);
});

Deno.test("pushed bytes may change afterwards", async () => {
  const queue = new ByteQueue();
  const piece = Uint8Array.of(1);
  queue.push(piece);
  piece[0] = 9;
  const into = new Uint8Array(1);
  await queue.read(into);
  assertEquals(into[0], 1);
});

Deno.test("the end comes after what was pushed before, and nothing after the end", async () => {
  const queue = new ByteQueue();
  const into = new Uint8Array(4);
  const reading = queue.read(into);
  queue.push(Uint8Array.of(1));
  queue.end();
  queue.push(Uint8Array.of(2));
  assertEquals(await reading, 1);
  assertEquals(await queue.read(into), null);
  queue.end();
});

Deno.test("the end ends a waiting reader", async () => {
  const queue = new ByteQueue();
  const reading = queue.read(new Uint8Array(4));
  queue.end();
  assertEquals(await reading, null);
});

Deno.test("a failure drops what waits, and reaches every reader", async () => {
  const queue = new ByteQueue();
  queue.push(Uint8Array.of(1));
  queue.fail(new Error("broken"));
  queue.fail(new Error("later"));
  assertEquals(queue.length, 0);
  await assertRejects(() => queue.read(new Uint8Array(1)), Error, "broken");
  const other = new ByteQueue();
  const reading = other.read(new Uint8Array(1));
  other.fail(new Error("broken"));
  await assertRejects(() => reading, Error, "broken");
});

Deno.test("whoever pushes is told when bytes were taken", async () => {
  let taken = 0;
  const queue = new ByteQueue(() => taken++);
  queue.push(Uint8Array.of(1, 2));
  await queue.read(new Uint8Array(1));
  await queue.read(new Uint8Array(1));
  const reading = queue.read(new Uint8Array(1));
  queue.push(Uint8Array.of(3));
  await reading;
  assertEquals(taken, 3);
});

Deno.test("a random order of pushes and reads keeps every byte in its place", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  let state = seed;
  const random = (limit: number) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % limit;
  const queue = new ByteQueue();
  let pushed = 0;
  let read = 0;
  for (let round = 0; round < 3000; round++) {
    const piece = new Uint8Array(random(3000));
    for (let at = 0; at < piece.length; at++) piece[at] = (pushed + at) % 251;
    queue.push(piece);
    pushed += piece.length;
    while (queue.length > random(20_000)) {
      const into = new Uint8Array(1 + random(4000));
      const count = await queue.read(into);
      for (let at = 0; at < count!; at++) if (into[at] !== (read + at) % 251) throw new Error(`Wrong at ${read + at}`);
      read += count!;
    }
    assertEquals(queue.length, pushed - read);
  }
});
