/**
 * Kills the broker at random moments, sets its clock by days, and accounts for everything that it acknowledged:
 *
 *     deno task crash [KILLS] [SEED]
 */
import { runCrashes } from "./crash_run.ts";

if (import.meta.main) {
  const kills = Number(Deno.args[0] ?? 50);
  const seed = Number(Deno.args[1] ?? Math.floor(Math.random() * 2 ** 31));
  const folder = await Deno.makeTempDir({ prefix: "amqtt-crash-" });
  console.log(`seed ${seed}, ${folder}`);
  const { faults, figures } = await runCrashes({ kills, seed, folder, log: console.log });
  console.log(figures);
  for (const fault of faults) console.error(fault);
  if (faults.length === 0) await Deno.remove(folder, { recursive: true });
  console.log(faults.length === 0 ? "nothing was lost" : `${faults.length} promises were broken; the files are kept`);
  Deno.exit(faults.length === 0 ? 0 : 1);
}
