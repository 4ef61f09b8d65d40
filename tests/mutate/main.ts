/**
 * `deno task mutate [--files GLOB] [--sample N] [--seed S] [--jobs N] [--quick]`: changes the broker's code in small
 * ways, one at a time, and lists the changes that no test notices. It can be stopped at any time. Quick: no test of the
 * mutants' own rooms notices.
 */
import { join } from "@std/path";
import { matchesGlob } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../support/random.ts";
import { copyCheckout, filesOfCheckout, root } from "./checkout.ts";
import { isEquivalent } from "./equivalents.ts";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { Search } from "./search.ts";
import { TestRuns } from "./test_runs.ts";

const ROOMS = ["session", "topics", "routing", "connection", "embedding", "broker"];
/** Of all mutants so many in a hundred may survive. */
const MOST_SURVIVORS = 5;

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`--${name}: expected a whole number: got ${text}`);
}

function readOptions() {
  const string = { type: "string" } as const;
  const { values } = parseArgs({
    options: { files: string, sample: string, seed: string, jobs: string, quick: { type: "boolean" } },
  });
  const { files = `src/{${ROOMS.join(",")}}/**/*.ts`, sample, seed, jobs = "2", quick = false } = values;
  return {
    files,
    sample: sample === undefined ? Infinity : wholeNumber("sample", sample),
    seed: seed === undefined ? Date.now() % 1_000_000 : wholeNumber("seed", seed),
    jobs: Math.max(1, wholeNumber("jobs", jobs)),
    quick,
  };
}

/** So many of them in their order, drawn by lot. */
function drawn<T>(all: readonly T[], count: number, seed: number): T[] {
  const random = new Random(seed);
  const lots = all.map((one, index) => ({ one, index, lot: random.next() })).sort((a, b) => a.lot - b.lot);
  return lots.slice(0, count).sort((a, b) => a.index - b.index).map(({ one }) => one);
}

async function findMutants(files: readonly string[]): Promise<Mutant[]> {
  const found: Mutant[] = [];
  for (const file of files) found.push(...mutantsOf(file, await Deno.readTextFile(join(root, file))));
  return found;
}

const percent = (part: number, whole: number) => `${(100 * part / Math.max(1, whole)).toFixed(1)} %`;

async function main(): Promise<number> {
  const { files, sample, seed, jobs, quick } = readOptions();
  const all = await filesOfCheckout();
  const mutable = (await findMutants(all.filter((file) => file.startsWith("src/") && matchesGlob(file, files))))
    .filter((mutant) => !isEquivalent(mutant));
  const mutants = drawn(mutable, sample, seed);
  console.log(`${mutants.length} of ${mutable.length} mutants, seed ${seed}`);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
  const folder = await Deno.makeTempDir({ prefix: "mutate_" });
  const startedAt = performance.now();
  try {
    await copyCheckout(folder, all, mutants);
    const runs = new TestRuns(folder, stop.signal);
    const search = new Search(mutants, { runs, jobs, quick, signal: stop.signal, files: all });
    await search.run();
    const { survivors, open } = search;
    const looked = mutants.length - open;
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    if (stop.signal.aborted) console.log(`stopped: ${open} mutants were not looked at to the end`);
    console.log(`${survivors} of ${looked} mutants survived (${percent(survivors, looked)}), ${seconds} s`);
    return 100 * survivors > MOST_SURVIVORS * looked ? 1 : 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
    for (const name of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(name, onSignal);
  }
}

if (import.meta.main) Deno.exit(await main());
