/** Whole brokers in a simulated world, one seed after the other; a seed that fails is told in words. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Schedule } from "./schedule.ts";
import { drawSchedule, tell } from "./schedule.ts";
import { toldFailure } from "./seeds.ts";
import { shrink } from "./shrink.ts";
import { type Outcome, simulate } from "./simulation.ts";

const SEEDS = 200;
/** Tests run side by side. */
const PARTS = 4;

for (let part = 0; part < PARTS; part++) {
  const first = 1 + part * SEEDS / PARTS;
  const last = first + SEEDS / PARTS - 1;
  Deno.test(`a broker keeps its promises in the simulated worlds ${first} to ${last}`, async () => {
    for (let seed = first; seed <= last; seed++) {
      const schedule = drawSchedule(seed);
      const outcome = await simulate(schedule);
      if (outcome.faults.length === 0) continue;
      const told = await toldFailure(schedule, outcome, { simulate, tell });
      throw new Error(`${told}\nagain: deno task simulate --seed ${seed}`);
    }
  });
}

Deno.test("a simulated run repeats to the byte", async () => {
  for (const seed of [3, 11, 42]) {
    const [once, again] = [await simulate(drawSchedule(seed)), await simulate(drawSchedule(seed))];
    assertEquals(once.trace, again.trace, `seed ${seed}`);
    assertEquals(once.events, again.events, `seed ${seed}`);
  }
  assertNotEquals((await simulate(drawSchedule(3))).trace, (await simulate(drawSchedule(4))).trace);
});

Deno.test("simulated clients get messages", async () => {
  const { deliveries } = await simulate(drawSchedule(7));
  assert(deliveries > 5, `${deliveries} deliveries`);
});

Deno.test("the schedule of a run that failed is shrunk to what makes it fail", async () => {
  const schedule = drawSchedule(5);
  const needed = schedule.actions.filter((_, i) => i === 3 || i === 17);
  const run = ({ actions }: Schedule): Promise<Outcome> => {
    const fails = needed.every((action) => actions.includes(action));
    return Promise.resolve({ faults: fails ? ["c1 has lost 7"] : [], trace: 0, deliveries: 0, events: 0 });
  };
  const { schedule: short } = await shrink(schedule, await run(schedule), run);
  assertEquals(short.actions, needed);
});
