/** `deno task model [--seeds 5000] [--from 1] [--seed N]`: runs the model of a cluster, one seed after the other. */
import { runModel } from "./model.ts";

function numberAfter(name: string): number | undefined {
  const at = Deno.args.indexOf(name);
  if (at < 0) return undefined;
  const value = Number(Deno.args[at + 1]);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new Error(`${name} ${Deno.args[at + 1]}: expected a whole number`);
  }
  return value;
}

const only = numberAfter("--seed");
const from = only ?? numberAfter("--from") ?? 1;
const count = only === undefined ? numberAfter("--seeds") ?? 5_000 : 1;
const startedAt = performance.now();
let [failed, records, changes, messages] = [0, 0, 0, 0];
for (let seed = from; seed < from + count && failed < 5; seed++) {
  const outcome = runModel(seed);
  records += outcome.records;
  changes += outcome.changesOfOwner;
  messages += outcome.messages;
  if (outcome.faults.length === 0) continue;
  failed++;
  console.log(`seed ${seed}:\n${outcome.faults.map((fault) => `  FAULT: ${fault}`).join("\n")}`);
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(`${records} records, ${changes} changes of owner, ${messages} messages in ${seconds} s`);
console.log(`${failed} of ${count} seeds failed`);
Deno.exit(failed === 0 ? 0 : 1);
