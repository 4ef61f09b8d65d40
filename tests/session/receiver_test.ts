import { assertEquals } from "@std/assert";
import { Receiver } from "../../src/session/receiver.ts";

Deno.test("An identifier that was accepted is known until it is released", () => {
  const receiver = new Receiver();
  assertEquals(receiver.has(7), false);
  receiver.accept(7);
  receiver.accept(7);
  receiver.accept(8);
  assertEquals([receiver.has(7), receiver.has(8), receiver.inflight], [true, true, 2]);
  assertEquals(receiver.release(7), true);
  assertEquals([receiver.has(7), receiver.has(8), receiver.inflight], [false, true, 1]);
});

Deno.test("The release of an unknown identifier is told", () => {
  assertEquals(new Receiver().release(7), false);
});
