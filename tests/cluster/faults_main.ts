/**
 * Kills, stops and cuts off the brokers of a cluster at random, and accounts for everything that they acknowledged:
 *
 *     deno task cluster:faults [--faults N] [--seed S]
 */
import { parseArgs } from "node:util";
import { FaultsRun } from "./faults.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { faults: { type: "string", default: "60" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}`);
const { broken, figures } = await new FaultsRun(seed, console.log).run(Number(values.faults));
console.log(figures);
for (const text of broken) console.error(text);
console.log(broken.length === 0 ? "no promise was broken" : `${broken.length} promises were broken`);
Deno.exit(broken.length === 0 ? 0 : 1);
