/** Two brokers with a bridge between them in a simulated world, one seed after the other; one that fails is told in words. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { toldFailure } from "../seeds.ts";
import { drawBridgedSchedule, tellBridged } from "./schedule.ts";
import { simulateBridged } from "./simulation.ts";

const SEEDS = 24;
/** Tests run side by side. */
const PARTS = 2;

for (let part = 0; part < PARTS; part++) {
  const first = 1 + part * SEEDS / PARTS;
  const last = first + SEEDS / PARTS - 1;
  Deno.test(`a bridge keeps its promises in the simulated worlds ${first} to ${last}`, async () => {
    let crossed = 0;
    for (let seed = first; seed <= last; seed++) {
      const schedule = drawBridgedSchedule(seed);
      const outcome = await simulateBridged(schedule);
      crossed += outcome.crossed;
      if (outcome.faults.length === 0) continue;
      const told = await toldFailure(schedule, outcome, { simulate: simulateBridged, tell: tellBridged });
      throw new Error(`${told}\nagain: deno task simulate:bridge --seed ${seed}`);
    }
    assert(crossed > 100 * (last - first), `${crossed} messages have crossed`);
  });
}

Deno.test("a simulated run with a bridge repeats to the byte", async () => {
  const run = (seed: number) => simulateBridged(drawBridgedSchedule(seed));
  const [once, again, another] = [await run(7), await run(7), await run(9)];
  assertEquals([once.trace, once.events], [again.trace, again.events]);
  assertNotEquals(once.trace, another.trace);
});
