/**
 * Lets clients come and go for a long time, and tells whether the broker comes back to where it was:
 *
 *     deno task soak [MINUTES] [SEED]
 */
import { runSoak } from "./soak_run.ts";

if (import.meta.main) {
  const minutes = Number(Deno.args[0] ?? 10);
  const seed = Number(Deno.args[1] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  let faulty = false;
  for (const persistence of ["memory", "sqlite"] as const) {
    console.log(`persistence: ${persistence}`);
    const seconds = minutes * 60 / 2;
    const { faults } = await runSoak({ seconds, persistence, seed, clients: 16, log: console.log });
    for (const fault of faults) console.error(fault);
    faulty ||= faults.length > 0;
  }
  Deno.exit(faulty ? 1 : 0);
}
