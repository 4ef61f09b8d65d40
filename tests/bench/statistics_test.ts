import { assert, assertEquals, assertThrows } from "@std/assert";
import { Histogram, median, ratio } from "./statistics.ts";

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert(Math.abs(actual - expected) <= tolerance, `got ${actual}, which is not within ${tolerance} of ${expected}`);
}

Deno.test("The median is the middle value whatever the order, and the mean of two in the middle", () => {
  assertEquals(median([9, 1, 10]), 9);
  assertEquals(median([100, 20, 3, 10]), 15);
  assertThrows(() => median([]), RangeError, "at least one value");
});

Deno.test("A ratio is ours by theirs, and none is told where one was not measured", () => {
  assertEquals(ratio(30, 10), 3);
  assertEquals([ratio(undefined, 1), ratio(1, undefined), ratio(1, 0)], [undefined, undefined, undefined]);
});

Deno.test("A percentile is the smallest value that so many do not exceed, within 0.8 %", () => {
  const histogram = new Histogram();
  for (let ms = 1000; ms >= 1; ms--) histogram.add(ms);
  for (const [quantile, microseconds] of [[0.5, 500_000], [0.99, 990_000], [0.001, 1000], [1, 1_000_000]] as const) {
    assertNear(histogram.quantileMicroseconds(quantile), microseconds, microseconds * 0.008 + 0.1);
  }
});

Deno.test("One slow value of a hundred is the largest but not the 99th percentile", () => {
  const histogram = new Histogram();
  for (let i = 0; i < 99; i++) histogram.add(0.01);
  histogram.add(50);
  assertNear(histogram.quantileMicroseconds(0.99), 10, 0.2);
  assertEquals(histogram.quantileMicroseconds(1), 50_000);
  assertEquals(new Histogram().quantileMicroseconds(0.5), 0);
});
