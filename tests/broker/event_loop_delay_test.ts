import { assertEquals } from "@std/assert";
import { EventLoopDelay } from "../../src/broker/event_loop_delay.ts";

Deno.test("the event loop's delay is how much later than due the timer comes, and never less than 0", () => {
  const delay = new EventLoopDelay(250);
  for (const nowMs of [1000, 1250, 1600, 1750, 4000]) delay.tick(nowMs);
  const { histogram } = delay;
  assertEquals([histogram.count, histogram.sum], [4, 0.1 + 2]);
  assertEquals(histogram.counts.at(histogram.bounds.indexOf(0.1)), 1);
  assertEquals(histogram.counts.at(histogram.bounds.indexOf(2.5)), 1);
});
