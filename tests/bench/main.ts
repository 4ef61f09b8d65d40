/**
 * This broker held against others: each scenario runs against each broker in turn, again and again, and medians are
 * compared.
 *
 *     deno task bench [--quick] [--only TEXT] [--json FILE] [--markdown FILE] [--svg FILE]
 *
 * `--help` tells the rest.
 */
import { parseArgs } from "node:util";
import { type Broker, brokers as allBrokers } from "./brokers.ts";
import { generate, type GeneratorOptions, isForAnyGenerator, remark } from "./generator.ts";
import { describe, thisMachine } from "./machine.ts";
import { plot } from "./plot.ts";
import type { LoadResult } from "./result.ts";
import { type Scenario, scenarios as allScenarios } from "./scenarios.ts";
import { markdownTable, type Row, rowsOf } from "./table.ts";

const USAGE = `usage: deno task bench [options]
  --quick            a few scenarios, one second and one run each
  --only TEXT        scenarios whose name holds the text; may be given several times
  --brokers LIST     of ours,aedes,mosquitto; the first is held against the others
  --runs N           runs of each scenario and broker (3)
  --seconds S        measured in each run (5)
  --warmup S         before that (1)
  --mqttload PROGRAM a load generator that takes the flags of tests/bench/load.ts and prints its one line of JSON; it is
                     used for plain TCP and clean sessions. Also from the variable MQTTLOAD
  --json FILE        writes all figures
  --markdown FILE    writes the table
  --svg FILE         writes the plot
  --list             names the scenarios`;

interface BenchOptions extends GeneratorOptions {
  readonly runs: number;
  readonly scenarios: readonly Scenario[];
  readonly brokers: readonly Broker[];
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  readonly svg: string | undefined;
}

const flags = {
  quick: { type: "boolean", default: false },
  only: { type: "string", multiple: true },
  brokers: { type: "string", default: "ours,aedes,mosquitto" },
  runs: { type: "string" },
  seconds: { type: "string" },
  warmup: { type: "string" },
  mqttload: { type: "string" },
  json: { type: "string" },
  markdown: { type: "string" },
  svg: { type: "string" },
  list: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** `undefined`: only a question was asked, and it is answered. */
function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({ args: [...args], options: flags });
  const { quick, only = [""], json, markdown, svg } = values;
  if (values.help) return void console.log(USAGE);
  const scenarios = allScenarios.filter(({ name, isQuick }) =>
    (isQuick || !quick) && only.some((text) => name.includes(text))
  );
  if (values.list) return void console.log(scenarios.map(({ name }) => name).join("\n"));
  return {
    json,
    markdown,
    svg,
    scenarios,
    brokers: values.brokers.split(",").map(brokerNamed),
    runs: positive("--runs", values.runs ?? (quick ? "1" : "3")),
    durationSeconds: positive("--seconds", values.seconds ?? (quick ? "1" : "5")),
    warmupSeconds: positive("--warmup", values.warmup ?? (quick ? "0.5" : "1")),
    program: values.mqttload ?? Deno.env.get("MQTTLOAD"),
  };
}

function brokerNamed(name: string): Broker {
  const broker = allBrokers.find((broker) => broker.name === name);
  if (broker === undefined) throw new Error(`--brokers must be of ours, aedes, mosquitto: got ${JSON.stringify(name)}`);
  return broker;
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (value > 0 && value < 10_000) return value;
  throw new Error(`${flag} must be a number above 0: got ${JSON.stringify(text)}`);
}

async function runOnce(scenario: Scenario, broker: Broker, options: BenchOptions): Promise<LoadResult> {
  const running = await broker.start(scenario.setup);
  try {
    return await generate(scenario, running, options);
  } finally {
    await running.stop();
  }
}

/** A B C, A B C, A B C: what changes on the machine from minute to minute meets all brokers alike. */
async function runInTurn(scenario: Scenario, brokers: readonly Broker[], options: BenchOptions) {
  const results: Record<string, LoadResult[]> = {};
  for (let run = 0; run < options.runs; run++) {
    for (const broker of brokers) {
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
  const table = markdownTable(rows, names);
  console.log(`${table}\n${conditions}`);
  const [ours = "", ...peers] = names;
  const figures = { date, machine, versions, runs, durationSeconds, warmupSeconds, rows, results };
  if (options.json !== undefined) await Deno.writeTextFile(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  if (options.markdown !== undefined) await Deno.writeTextFile(options.markdown, `${table}\n${conditions}\n`);
  const subtitle = `${machine.cores} cores, ${date}`;
  if (options.svg !== undefined) await Deno.writeTextFile(options.svg, plot(rows, { ours, peers, subtitle }));
}

const options = parseOptions(Deno.args);
if (options !== undefined) await report(await measureAll(options), options);
