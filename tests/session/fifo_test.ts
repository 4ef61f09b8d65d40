import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Fifo } from "../../src/session/fifo.ts";

Deno.test("An empty fifo has nothing to give, before and after use", () => {
  const fifo = new Fifo<string>();
  assertEquals([fifo.length, fifo.peek(), fifo.shift()], [0, undefined, undefined]);
  fifo.push("a");
  assertEquals([fifo.length, fifo.peek(), fifo.shift()], [1, "a", "a"]);
  assertEquals([fifo.length, fifo.peek(), fifo.shift()], [0, undefined, undefined]);
});

Deno.test("A fifo behaves like an array under any sequence of push and shift", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (steps) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      steps.forEach((push, at) => {
        if (push) fifo.push(at), model.push(at);
        else assertEquals(fifo.shift(), model.shift());
        assertEquals([fifo.length, fifo.peek()], [model.length, model[0]]);
      });
    }),
    { seed, numRuns: 200 },
  );
});
