import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { BufferPool } from "../../src/packet/buffer_pool.ts";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";

Deno.test("An array that was given back is given out again, for what fits into it", () => {
  const pool = new BufferPool();
  const array = pool.take(5000);
  assertEquals(array.length, 8192);
  pool.giveBack(array);
  assertStrictEquals(pool.take(8192), array);
  assert(pool.take(8192) !== array);
  pool.giveBack(array);
  assertEquals(pool.take(8193).length, 16_384);
});

Deno.test("Arrays beyond what the pool keeps, in size or number, are made anew", () => {
  const pool = new BufferPool();
  const large = pool.take(300_000);
  assertEquals([large.length, pool.take(1).length], [300_000, 128]);
  pool.giveBack(large);
  assert(pool.take(300_000) !== large);
  const array = new Uint8Array(5000);
  pool.giveBack(array);
  assert(pool.take(4096) !== array);
  for (const [size, kept] of [[262_144, 8], [65_536, 32], [128, 1024]] as const) {
    const many = new Set(Array.from({ length: 1100 }, () => pool.take(size)));
    for (const array of many) pool.giveBack(array);
    const again = Array.from({ length: 1100 }, () => pool.take(size));
    assertEquals(again.filter((array) => many.has(array)).length, kept);
  }
});

Deno.test("An output buffer grows within arrays of the pool, and gives back those that it has outgrown", () => {
  const pool = new BufferPool();
  const out = new OutputBuffer(pool);
  const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i);
  out.set(bytes);
  const first = out.bytes;
  out.set(bytes);
  assert(out.bytes !== first);
  assertEquals(out.bytes.subarray(0, 10_000), Uint8Array.from([...bytes, ...bytes]));
  assertStrictEquals(pool.take(5000), first);
  const array = out.takePart()!.array;
  assertEquals([array.length, out.length], [16_384, 0]);
});
