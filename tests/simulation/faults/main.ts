/**
 * `deno task simulate:faults [--seeds 1000] [--only WORDS]`: puts faults back that the broker once had, one at a time, and
 * tells which seed finds each. Fails if one is not found.
 */
import { parseArgs } from "node:util";
import { formerFaults } from "./former_faults.ts";
import { FaultyCopy } from "./faulty_copy.ts";

function readOptions() {
  const string = { type: "string" } as const;
  const { values: { seeds = "1000", only = "" } } = parseArgs({ options: { seeds: string, only: string } });
  const count = Number(seeds);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new Error(`--seeds: expected a whole number from 1: got ${seeds}`);
  }
  const faults = formerFaults.filter(({ name }) => name.includes(only));
  if (faults.length === 0) throw new Error(`--only: expected words of a fault's name: got ${only}`);
  return { count, faults };
}

async function main(): Promise<number> {
  const { count, faults } = readOptions();
  await using copy = await FaultyCopy.make();
  let missed = 0;
  for (const fault of faults) {
    const found = await copy.find(fault, count);
    if (found) console.log(`seed ${`${found.seed}`.padStart(5)}  ${fault.name}\n            ${found.faults[0]}`);
    else console.log(`NOT FOUND   ${fault.name}`);
    if (!found) missed++;
  }
  console.log(`${faults.length - missed} of ${faults.length} faults were found within ${count} seeds`);
  return missed === 0 ? 0 : 1;
}

Deno.exit(await main());
