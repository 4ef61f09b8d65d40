/**
 * This broker held against others: each scenario runs against each broker in turn, again and again, and medians are
 * compared.
 *
 *     deno task bench [--quick] [--only TEXT] [--json FILE] [--markdown FILE] [--svg FILE]
 *     deno task bench --only "one-to-one QoS 1" --against ../before
 *
 * `--help` tells the rest.
 */
import type { Broker } from "./brokers.ts";
import { generate, isForAnyGenerator, remark } from "./generator.ts";
import { describe, thisMachine } from "./machine.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { plot } from "./plot.ts";
import type { LoadResult } from "./result.ts";
import type { Scenario } from "./scenarios.ts";
import { markdownTable, type Row, rowsOf } from "./table.ts";

async function runOnce(scenario: Scenario, broker: Broker, options: BenchOptions): Promise<LoadResult> {
  const running = await broker.start(scenario.setup);
  try {
    return await generate(scenario, running, options);
  } finally {
    await running.stop();
  }
}

/** A B C, C B A, A B C: what changes on the machine from minute to minute meets all brokers alike. */
async function runInTurn(scenario: Scenario, brokers: readonly Broker[], options: BenchOptions) {
  const results: Record<string, LoadResult[]> = {};
  for (let run = 0; run < options.runs; run++) {
    for (const broker of run % 2 === 0 ? brokers : brokers.toReversed()) {
      if (scenario.without.includes(broker.name)) continue;
      const failed = (error: unknown) => ({ scenario: scenario.name, errors: 1, first_error: `${error}` });
      const result: LoadResult = await runOnce(scenario, broker, options).catch(failed);
      (results[broker.name] ??= []).push(result);
      const said = remark(result);
      if (said !== undefined) console.error(`${scenario.name}, ${broker.name}, run ${run + 1}: ${said}`);
    }
  }
  return results;
}

interface Outcome {
  readonly rows: readonly Row[];
  readonly versions: Readonly<Record<string, string>>;
  readonly results: Readonly<Record<string, Readonly<Record<string, readonly LoadResult[]>>>>;
}

async function measureAll(options: BenchOptions): Promise<Outcome> {
  const versions: Record<string, string> = {};
  for (const broker of options.brokers) {
    const version = await broker.version();
    if (version === undefined) console.error(`${broker.name} is not installed and left out`);
    else versions[broker.name] = version;
  }
  const brokers = options.brokers.filter(({ name }) => name in versions);
  const rows: Row[] = [];
  const results: Record<string, Record<string, LoadResult[]>> = {};
  for (const scenario of options.scenarios) {
    console.error(`${scenario.name} …`);
    const result = await runInTurn(scenario, brokers, options);
    results[scenario.name] = result;
    rows.push(...rowsOf(scenario, result));
  }
  return { rows, versions, results };
}

async function report({ rows, versions, results }: Outcome, options: BenchOptions): Promise<void> {
  const machine = await thisMachine();
  const names = Object.keys(versions);
  const date = new Date().toISOString().slice(0, 10);
  const { runs, durationSeconds, warmupSeconds, program } = options;
  const foreign = options.scenarios.filter(isForAnyGenerator).length;
  const conditions = [
    `${date}; ${describe(machine)}; ${names.map((name) => `${name} ${versions[name]}`).join(", ")}.`,
    `${runs} runs of ${durationSeconds} s, each broker in turn, medians; ` +
    (program === undefined
      ? "load from tests/bench/load.ts."
      : `load of ${foreign} scenarios from another generator, of the others from tests/bench/load.ts.`),
  ].join(" ");
  const table = markdownTable(rows, { brokers: names, withRange: options.withRange });
  console.log(`${table}\n${conditions}`);
  const [ours = "", ...peers] = names;
  const figures = { date, machine, versions, runs, durationSeconds, warmupSeconds, rows, results };
  if (options.json !== undefined) await Deno.writeTextFile(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  if (options.markdown !== undefined) await Deno.writeTextFile(options.markdown, `${table}\n${conditions}\n`);
  const subtitle = `${machine.cores} cores, ${date}`;
  if (options.svg !== undefined) await Deno.writeTextFile(options.svg, plot(rows, { ours, peers, subtitle }));
}

const asked = parseOptions(Deno.args);
if (asked === "help") console.log(USAGE);
else if (asked.isList) console.log(asked.scenarios.map(({ name }) => name).join("\n"));
else await report(await measureAll(asked), asked);
