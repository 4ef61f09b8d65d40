import { assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { Deadlines } from "../../src/session/deadlines.ts";

interface Item {
  readonly atMs: number;
  counts: boolean;
}

function make(): Deadlines<Item> {
  return new Deadlines<Item>((item, atMs) => item.counts && item.atMs === atMs);
}

/** Takes out everything that is due. */
function takeAll(deadlines: Deadlines<Item>, nowMs: number): number[] {
  const taken: number[] = [];
  for (let item = deadlines.take(nowMs); item; item = deadlines.take(nowMs)) taken.push(item.atMs);
  return taken;
}

function add(deadlines: Deadlines<Item>, atMs: number): Item {
  const item = { atMs, counts: true };
  deadlines.add(item, atMs);
  return item;
}

Deno.test("What is due comes out by its time, and nothing before it", () => {
  const deadlines = make();
  for (const atMs of [30, 10, 20]) add(deadlines, atMs);
  assertEquals(deadlines.take(9), undefined);
  assertEquals(takeAll(deadlines, 20), [10, 20]);
  assertEquals(deadlines.size, 1);
  assertEquals(takeAll(deadlines, 30), [30]);
  assertEquals(deadlines.take(Infinity), undefined);
});

Deno.test("What does not count any longer is passed over", () => {
  const deadlines = make();
  const [first] = [10, 20].map((atMs) => add(deadlines, atMs));
  first!.counts = false;
  assertEquals(takeAll(deadlines, 30), [20]);
});

Deno.test("What does not count any longer is not kept until its time", () => {
  const deadlines = make();
  for (let times = 0; times < 50_000; times++) add(deadlines, times).counts = times % 10 === 0;
  assertLessOrEqual(deadlines.size, 2 * 5_000 + 1_000);
  assertEquals(takeAll(deadlines, Infinity), Array.from({ length: 5_000 }, (_, i) => 10 * i));
});

type Step = { readonly add: number } | { readonly take: number } | { readonly revoke: number };

const times = fc.integer({ min: 0, max: 50 });
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ add: times }) },
    { weight: 3, arbitrary: fc.record({ take: times }) },
    { weight: 1, arbitrary: fc.record({ revoke: fc.nat() }) },
  ),
  { maxLength: 200 },
);

Deno.test("Whatever is added, taken and revoked, the earliest is always taken first", () => {
  fc.assert(fc.property(steps, (steps) => {
    const deadlines = make();
    let model: Item[] = [];
    for (const step of steps) {
      model.sort((a, b) => a.atMs - b.atMs);
      if ("add" in step) model.push(add(deadlines, step.add));
      else if ("take" in step) {
        const due = model[0] && model[0].atMs <= step.take ? model[0].atMs : undefined;
        const taken = deadlines.take(step.take);
        assertEquals(taken?.atMs, due);
        model = model.filter((item) => item !== taken);
      } else {
        const [revoked] = model.splice(step.revoke % Math.max(1, model.length), 1);
        if (revoked) revoked.counts = false;
      }
    }
    assertEquals(takeAll(deadlines, 50), model.map(({ atMs }) => atMs).sort((a, b) => a - b));
  }));
});
