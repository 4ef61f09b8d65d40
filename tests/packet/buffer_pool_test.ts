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

Deno.test("Small and very large arrays are made anew, as are those beyond what the pool keeps", () => {
  const pool = new BufferPool();
  for (const size of [100, 100_000]) {
    const array = pool.take(size);
    pool.giveBack(array);
    assertEquals(array.length, size);
    assert(pool.take(size) !== array);
  }
  const many = Array.from({ length: 40 }, () => pool.take(65_536));
  for (const array of many) pool.giveBack(array);
  const again = Array.from({ length: 40 }, () => pool.take(65_536));
  assertEquals(again.filter((array) => many.includes(array)).length, 32);
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
  const array = out.takeArray();
  assertEquals([array.length, out.length], [16_384, 0]);
});
