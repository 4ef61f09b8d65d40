/** Makes the schedule of a run that failed short, so that somebody can read it. */
import type { Outcome } from "./simulation.ts";

/** A run: what happens in it, and how the world is. */
export interface Plan {
  readonly actions: readonly unknown[];
}

/** Runs that may be spent on it. */
const MOST_RUNS = 400;

/** A run that failed. */
export interface Failure<Schedule> {
  readonly schedule: Schedule;
  readonly outcome: Outcome;
}

/** Drops what happens, piece by piece, as long as the same kind of fault is found. */
export async function shrink<Schedule extends Plan>(
  schedule: Schedule,
  outcome: Outcome,
  run: (schedule: Schedule) => Promise<Outcome>,
): Promise<Failure<Schedule>> {
  const kind = kindOf(outcome);
  let best: Failure<Schedule> = { schedule, outcome };
  let runs = 0;
  for (let size = Math.ceil(schedule.actions.length / 2); size >= 1 && runs < MOST_RUNS;) {
    let dropped = false;
    for (let start = best.schedule.actions.length - size; start > -size && runs < MOST_RUNS; start -= size) {
      const shorter = { ...best.schedule, actions: without(best.schedule.actions, Math.max(0, start), start + size) };
      const result = await run(shorter);
      runs++;
      if (kindOf(result) !== kind) continue;
      best = { schedule: shorter, outcome: result };
      dropped = true;
    }
    if (size > 1) size = Math.ceil(size / 2);
    else if (!dropped) break;
  }
  return best;
}

function without(actions: readonly unknown[], start: number, end: number): unknown[] {
  return actions.filter((_, i) => i < start || i >= end);
}

/** A fault without its names and numbers. */
function kindOf({ faults }: Outcome): string | undefined {
  return faults[0]?.replace(/\b(c\d|[ht]\d|watch|here|there|[abrsw]\/\S+|\$share\S+)/g, "x").replace(/[\d.]+/g, "n");
}
