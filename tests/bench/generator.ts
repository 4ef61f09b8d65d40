import { fromFileUrl } from "@std/path";
import type { RunningBroker } from "./brokers.ts";
import { ownFlags } from "./load/options.ts";
import type { LoadResult } from "./result.ts";
import type { Scenario } from "./scenarios.ts";

/** How long a run lasts, and who makes the load. */
export interface GeneratorOptions {
  readonly durationSeconds: number;
  readonly warmupSeconds: number;
  /** A program that takes the flags of `mqttload` and prints one line of JSON; `undefined`: the own one. */
  readonly program: string | undefined;
}

const LOAD = fromFileUrl(new URL("load.ts", import.meta.url));

/** Whether a program of others can do this: it knows plain TCP, clean sessions and one broker only. */
export function isForAnyGenerator({ load, setup }: Scenario): boolean {
  return setup.bridge === undefined && !setup.cluster && !load.some((word) => ownFlags.includes(word));
}

/**
 * Runs the load against a broker.
 *
 * @throws {Error} if the generator tells nothing that can be read
 */
export async function generate(
  scenario: Scenario,
  broker: RunningBroker,
  options: GeneratorOptions,
): Promise<LoadResult> {
  const { durationSeconds, warmupSeconds, program } = options;
  const timed = scenario.load[0] === "pubsub" || scenario.load[0] === "subscribe";
  const args = [...scenario.load, "--port", `${broker.port}`, "--pid", `${broker.pid}`];
  if (broker.publishPort !== undefined) args.push("--publish-port", `${broker.publishPort}`);
  if (broker.remotePort !== undefined) args.push("--remote-port", `${broker.remotePort}`);
  if (timed) args.push("--duration", `${durationSeconds}`, "--warmup", `${warmupSeconds}`);
  if (scenario.setup.transport === "tls") args.push("--cafile", broker.caFile);
  const isForeign = program !== undefined && isForAnyGenerator(scenario);
  const command = new Deno.Command(isForeign ? program : Deno.execPath(), {
    args: isForeign ? args : ["run", "-A", "--quiet", LOAD, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  });
  return readResult(new TextDecoder().decode((await command.output()).stdout));
}

/**
 * Reads the line of a generator.
 *
 * @throws {Error} if it is none
 */
export function readResult(line: string): LoadResult {
  const result: unknown = line.trim() === "" ? undefined : JSON.parse(line);
  if (typeof result === "object" && result !== null && "errors" in result && "scenario" in result) {
    return result as LoadResult;
  }
  throw new Error(`a load generator must print one line of JSON: got ${JSON.stringify(line.slice(0, 200))}`);
}

/** What has to be said beside a run's figures; `undefined`: nothing. A throughput counts what arrived only. */
export function remark({ errors, first_error, lost = 0, duplicate = 0 }: LoadResult): string | undefined {
  if (errors > 0) return first_error;
  if (lost > 0) return `${lost} messages did not arrive`;
  return duplicate > 0 ? `${duplicate} messages came twice` : undefined;
}
