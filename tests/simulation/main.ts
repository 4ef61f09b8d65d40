/** `deno task simulate [--seeds 1000] [--from 1] [--seed N]`: runs whole brokers in a simulated world. */
import { drawSchedule, tell } from "./schedule.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";

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

const { first, count } = readOptions(Deno.args);
const startedAt = performance.now();
let failed = 0;
let deliveries = 0;
for (let seed = first; seed < first + count; seed++) {
  const schedule = drawSchedule(seed);
  const outcome = await simulate(schedule);
  deliveries += outcome.deliveries;
  if (outcome.faults.length === 0) {
    if (count === 1) console.log(`seed ${seed}: no fault, trace ${outcome.trace.toString(16)}`);
    continue;
  }
  failed++;
  const short = await shrink(schedule, outcome);
  console.log(`\n${tell(short.schedule)}\n${short.outcome.faults.map((fault) => `  FAULT: ${fault}`).join("\n")}`);
  console.log(`again: deno task simulate --seed ${seed}`);
  if (failed === 5) break;
}
const seconds = (performance.now() - startedAt) / 1000;
console.log(`${failed} of ${count} seeds failed; ${deliveries} deliveries in ${seconds.toFixed(1)} s`);
Deno.exit(failed === 0 ? 0 : 1);
