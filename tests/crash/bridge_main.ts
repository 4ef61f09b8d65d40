/**
 * Kills both sides of a bridge at random moments, cuts and freezes the link, and accounts for all that was acknowledged:
 *
 *     deno task crash:bridge [--kills 100] [--cuts 100] [--seed SEED]
 */
import { parseArgs } from "node:util";
import { runBridge } from "./bridge_run.ts";

if (import.meta.main) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ args: Deno.args, options: { kills: text, cuts: text, seed: text } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const folder = await Deno.makeTempDir({ prefix: "amqtt-bridge-" });
  console.log(`seed ${seed}, ${folder}`);
  const [kills, cuts] = [Number(values.kills ?? 100), Number(values.cuts ?? 100)];
  const { faults, figures } = await runBridge({ kills, cuts, seed, folder, log: console.log });
  console.log(figures);
  for (const fault of faults) console.error(fault);
  if (faults.length === 0) await Deno.remove(folder, { recursive: true });
  console.log(faults.length === 0 ? "nothing was lost" : `${faults.length} promises were broken; the files are kept`);
  Deno.exit(faults.length === 0 ? 0 : 1);
}
