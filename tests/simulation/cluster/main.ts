/** `deno task simulate:cluster [--seeds 1000] [--from 1] [--seed N]`: runs whole clusters in a simulated world. */
import { runSeeds } from "../seeds.ts";
import { drawClusterSchedule, tellCluster } from "./schedule.ts";
import { simulateCluster } from "./simulation.ts";

await runSeeds(Deno.args, {
  task: "simulate:cluster",
  draw: drawClusterSchedule,
  tell: tellCluster,
  simulate: simulateCluster,
});
