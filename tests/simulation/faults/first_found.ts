/** `first_found.ts FIRST LAST`: tells the first of these seeds that fails, and what it has found, as JSON. */
import { drawSchedule } from "../schedule.ts";
import { simulate } from "../simulation.ts";

/** What is told; `null`: nothing was found. */
export interface Found {
  readonly seed: number;
  readonly faults: readonly string[];
}

async function findFirst(first: number, last: number): Promise<Found | null> {
  for (let seed = first; seed <= last; seed++) {
    const { faults } = await simulate(drawSchedule(seed));
    if (faults.length > 0) return { seed, faults };
  }
  return null;
}

if (import.meta.main) {
  const [first, last] = Deno.args.map(Number);
  console.log(JSON.stringify(await findFirst(first!, last!)));
  Deno.exit(0);
}
