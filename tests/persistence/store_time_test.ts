import { assertEquals } from "@std/assert";
import { StoreTime } from "../../src/persistence/store_time.ts";
import type { StoredClock } from "../../src/store/store.ts";
import { CollectingLogger } from "../support/test_broker.ts";

/** Clocks that a test sets, and the time of a store that was told `last`. */
function timeOf(last?: StoredClock) {
  const clocks = { nowMs: 500, epochMs: 1_000_000, now: () => clocks.nowMs, epoch: () => clocks.epochMs };
  const logger = new CollectingLogger();
  const time = new StoreTime(clocks, last, logger);
  const pass = (ms: number) => {
    clocks.nowMs += ms;
    clocks.epochMs += ms;
  };
  return { clocks, logger, time, pass };
}

Deno.test("A new store's time is the epoch's, and stays even when the clock is set", () => {
  const { clocks, time } = timeOf();
  assertEquals([time.toStored(500), time.fromStored(1_000_000)], [1_000_000, 500]);
  clocks.epochMs += 1e9;
  assertEquals(time.toStored(500), 1_000_000);
});

Deno.test("A store's time goes on by what the clock shows, and stands still if that has gone back", () => {
  assertEquals(timeOf({ at: 7000, epoch: 999_000 }).time.toStored(500), 8000);
  const { time, logger } = timeOf({ at: 7000, epoch: 1_000_999 });
  assertEquals(time.toStored(500), 7000);
  assertEquals(logger.lines, []);
  assertEquals(timeOf({ at: 7000, epoch: 1_001_000 }).logger.complains("no time counts as passed"), true);
});

Deno.test("The clock is told with the first batch, then once a minute with others and once an hour without", () => {
  const { time, pass } = timeOf({ at: 7000, epoch: 1_000_000 });
  assertEquals(time.step(), undefined);
  assertEquals(time.withBatch(), { type: "clock", at: 7000, epoch: 1_000_000 });
  pass(59_999);
  assertEquals(time.withBatch(), undefined);
  pass(1);
  assertEquals(time.withBatch(), { type: "clock", at: 67_000, epoch: 1_060_000 });
  pass(3_599_999);
  assertEquals(time.step(), undefined);
  pass(1);
  assertEquals(time.step(), { type: "clock", at: 3_667_000, epoch: 4_660_000 });
});

Deno.test("A step of a second is told and logged at once, and small ones once they make a second", () => {
  for (const step of ["withBatch", "step"] as const) {
    const { clocks, time, logger } = timeOf({ at: 7000, epoch: 1_000_000 });
    time.withBatch();
    clocks.epochMs -= 1000;
    assertEquals(time[step](), { type: "clock", at: 7000, epoch: 999_000 });
    clocks.epochMs += 999;
    assertEquals(time[step](), undefined);
    clocks.epochMs += 1;
    assertEquals(time[step](), { type: "clock", at: 7000, epoch: 1_000_000 });
    assertEquals(logger.lines.map((line) => /clock was set (\w+ by 1 s)/.exec(line)?.[1]), [
      "back by 1 s",
      "forward by 1 s",
    ]);
  }
});
