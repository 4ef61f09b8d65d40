/** Whole clusters in a simulated world, one seed after the other; a seed that fails is told in words. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { shrink } from "../shrink.ts";
import { drawClusterSchedule, tellCluster } from "./schedule.ts";
import { simulateCluster } from "./simulation.ts";

const SEEDS = 30;
/** Tests run side by side. */
const PARTS = 3;

for (let part = 0; part < PARTS; part++) {
  const first = 1 + part * SEEDS / PARTS;
  const last = first + SEEDS / PARTS - 1;
  Deno.test(`a cluster keeps its promises in the simulated worlds ${first} to ${last}`, async () => {
    for (let seed = first; seed <= last; seed++) {
      const schedule = drawClusterSchedule(seed);
      const outcome = await simulateCluster(schedule);
      if (outcome.faults.length === 0) continue;
      const short = await shrink(schedule, outcome, simulateCluster);
      const again = `again: deno task simulate:cluster --seed ${seed}`;
      throw new Error(`${tellCluster(short.schedule)}\n${short.outcome.faults.join("\n")}\n${again}`);
    }
  });
}

/** A node that shuts down just when another is declared dead, a link whose node is cut off from the log, a kick that is late. */
const FAILED_BEFORE = [20077, 9026, 30187];

Deno.test("a cluster keeps its promises in simulated worlds in which it did not before", async () => {
  for (const seed of FAILED_BEFORE) {
    assertEquals((await simulateCluster(drawClusterSchedule(seed))).faults, [], `seed ${seed}`);
  }
});

Deno.test("a simulated cluster repeats to the byte, and its clients get messages", async () => {
  const [once, again] = [await simulateCluster(drawClusterSchedule(3)), await simulateCluster(drawClusterSchedule(3))];
  assertEquals([once.trace, once.events], [again.trace, again.events]);
  assertNotEquals(once.trace, (await simulateCluster(drawClusterSchedule(4))).trace);
  assert(once.deliveries > 5, `${once.deliveries} deliveries`);
});
