import { parseArgs } from "node:util";
import { type Broker, brokers as allBrokers, checkout } from "./brokers.ts";
import type { GeneratorOptions } from "./generator.ts";
import { cpuPerMessage, type Scenario, scenarios as allScenarios } from "./scenarios.ts";

/** What `--help` says. */
export const USAGE = `usage: deno task bench [options]
  --quick            a few scenarios, one second and one run each
  --only TEXT        the scenario of that name, or all whose name holds the text; may be given several times
  --brokers LIST     of ours,aedes,mosquitto (these), relay, and nats and rabbitmq for what crosses a cluster;
                     the first is held against the others
  --against FOLDER   another checkout of this broker, a peer named after its folder; may be given several times. Without
                     --brokers it runs against ours alone. Adds the range of the ratios run by run, and --cpu
  --cpu              adds the broker's processor time for each message, where /proc tells
  --runs N           runs of each scenario and broker (3)
  --seconds S        measured in each run (5)
  --warmup S         before that (1)
  --mqttload PROGRAM a load generator that takes the flags of tests/bench/load.ts and prints its one line of JSON; it is
                     used for plain TCP and clean sessions. Also from the variable MQTTLOAD
  --json FILE        writes all figures
  --markdown FILE    writes the table
  --svg FILE         writes the plot
  --list             names the scenarios`;

/** What a run of the bench does. */
export interface BenchOptions extends GeneratorOptions {
  readonly runs: number;
  readonly scenarios: readonly Scenario[];
  /** The first is held against the others. */
  readonly brokers: readonly Broker[];
  /** Whether the table tells the least and the largest ratio of all runs beside that of the medians. */
  readonly withRange: boolean;
  /** Only the names of the scenarios are wanted. */
  readonly isList: boolean;
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  readonly svg: string | undefined;
}

const flags = {
  quick: { type: "boolean", default: false },
  only: { type: "string", multiple: true },
  brokers: { type: "string" },
  against: { type: "string", multiple: true },
  cpu: { type: "boolean", default: false },
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

/**
 * Reads the command line of the bench.
 *
 * @throws {Error} for what is unknown or out of range
 */
export function parseOptions(args: readonly string[]): BenchOptions | "help" {
  const { values } = parseArgs({ args: [...args], options: flags });
  if (values.help) return "help";
  const { quick, only = [""], against = [], json, markdown, svg } = values;
  const scenarios = allScenarios.filter(({ name, isQuick }) =>
    (isQuick || !quick) && only.some((text) => isMeant(name, text))
  );
  if (scenarios.length === 0) throw new Error(`--only must be part of a scenario's name: got ${JSON.stringify(only)}`);
  return {
    json,
    markdown,
    svg,
    scenarios: values.cpu || against.length > 0 ? scenarios.map(withCpu) : scenarios,
    brokers: brokersOf(values.brokers, against),
    withRange: against.length > 0,
    isList: values.list,
    runs: positive("--runs", values.runs ?? (quick ? "1" : "3")),
    durationSeconds: positive("--seconds", values.seconds ?? (quick ? "1" : "5")),
    warmupSeconds: positive("--warmup", values.warmup ?? (quick ? "0.5" : "1")),
    program: values.mqttload ?? Deno.env.get("MQTTLOAD"),
  };
}

/** A whole name means that scenario alone; other texts mean all that hold them. */
function isMeant(name: string, text: string): boolean {
  return allScenarios.some((scenario) => scenario.name === text) ? name === text : name.includes(text);
}

function withCpu(scenario: Scenario): Scenario {
  return { ...scenario, metrics: [...scenario.metrics, cpuPerMessage] };
}

function brokersOf(list: string | undefined, folders: readonly string[]): readonly Broker[] {
  const names = list ?? (folders.length > 0 ? "ours" : "ours,aedes,mosquitto");
  const brokers = [...names.split(",").map(brokerNamed), ...folders.map(checkout)];
  const twice = brokers.find(({ name }, i) => brokers.findIndex((other) => other.name === name) < i);
  if (twice !== undefined) throw new Error(`each broker must have a name of its own: got ${twice.name} twice`);
  return brokers;
}

function brokerNamed(name: string): Broker {
  const broker = allBrokers.find((broker) => broker.name === name);
  if (broker !== undefined) return broker;
  const known = allBrokers.map(({ name }) => name).join(", ");
  throw new Error(`--brokers must be of ${known}: got ${JSON.stringify(name)}`);
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (value > 0 && value < 10_000) return value;
  throw new Error(`${flag} must be a number above 0 and below 10000: got ${JSON.stringify(text)}`);
}
