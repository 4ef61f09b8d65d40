/** Runs one seed after the other, as the command line says, and tells of those that fail. */
import { type Plan, shrink } from "./shrink.ts";
import type { Outcome } from "./simulation.ts";

interface Options {
  readonly first: number;
  readonly count: number;
}

function readOptions(args: readonly string[]): Options {
  const values = new Map<string, number>();
  for (let i = 0; i < args.length; i += 2) {
    const value = Number(args[i + 1]);
    if (!["--seeds", "--from", "--seed"].includes(args[i]!) || !Number.isSafeInteger(value) || value < 0) {
      throw new Error(`${args[i]} ${args[i + 1] ?? ""}: expected --seeds, --from or --seed with a whole number`);
    }
    values.set(args[i]!, value);
  }
  const seed = values.get("--seed");
  return seed === undefined
    ? { first: values.get("--from") ?? 1, count: values.get("--seeds") ?? 1000 }
    : { first: seed, count: 1 };
}

/** A kind of world. */
export interface WorldKind<Schedule extends Plan> {
  /** Of deno.json. */
  readonly task: string;
  readonly draw: (seed: number) => Schedule;
  readonly simulate: (schedule: Schedule) => Promise<Outcome>;
  readonly tell: (schedule: Schedule) => string;
}

/** Seeds that fail and are told of. */
const MOST_FAILED = 5;

/** Runs what the arguments say, and ends the process. */
export async function runSeeds<Schedule extends Plan>(
  args: readonly string[],
  kind: WorldKind<Schedule>,
): Promise<never> {
  const { first, count } = readOptions(args);
  const startedAt = performance.now();
  let [failed, deliveries] = [0, 0];
  for (let seed = first; seed < first + count && failed < MOST_FAILED; seed++) {
    const schedule = kind.draw(seed);
    const outcome = await kind.simulate(schedule);
    deliveries += outcome.deliveries;
    if (outcome.faults.length > 0) {
      failed++;
      console.log(`\n${await toldFailure(schedule, outcome, kind)}\nagain: deno task ${kind.task} --seed ${seed}`);
    } else if (count === 1) console.log(`seed ${seed}: no fault, trace ${outcome.trace.toString(16)}`);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`${failed} of ${count} seeds failed; ${deliveries} deliveries in ${seconds.toFixed(1)} s`);
  Deno.exit(failed === 0 ? 0 : 1);
}

/** A run that failed, made short, in words. */
export async function toldFailure<Schedule extends Plan>(
  schedule: Schedule,
  outcome: Outcome,
  { simulate, tell }: Pick<WorldKind<Schedule>, "simulate" | "tell">,
): Promise<string> {
  const short = await shrink(schedule, outcome, simulate);
  return [tell(short.schedule), ...short.outcome.faults.map((fault) => `  FAULT: ${fault}`)].join("\n");
}
