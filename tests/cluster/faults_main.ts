/**
 * Kills, stops and cuts off the brokers of a cluster at random, and accounts for everything that they acknowledged:
 *
 *     deno task cluster:faults [--faults N] [--seed S] [--servers N] [--replicas N]
 *
 * Where there are several NATS servers they are killed and stopped as well.
 */
import { parseArgs } from "node:util";
import { FaultsRun } from "./faults.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    faults: { type: "string", default: "60" },
    seed: { type: "string" },
    servers: { type: "string", default: "1" },
    replicas: { type: "string", default: "1" },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}`);
const { broken, figures } = await new FaultsRun({
  seed,
  log: console.log,
  servers: Number(values.servers),
  replicas: Number(values.replicas),
}).run(Number(values.faults));
console.log(figures);
for (const text of broken) console.error(text);
console.log(broken.length === 0 ? "no promise was broken" : `${broken.length} promises were broken`);
Deno.exit(broken.length === 0 ? 0 : 1);
