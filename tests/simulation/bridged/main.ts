/** `deno task simulate:bridge [--seeds 1000] [--from 1] [--seed N]`: runs two brokers with a bridge in a simulated world. */
import { runSeeds } from "../seeds.ts";
import { drawBridgedSchedule, tellBridged } from "./schedule.ts";
import { simulateBridged } from "./simulation.ts";

await runSeeds(Deno.args, {
  task: "simulate:bridge",
  draw: drawBridgedSchedule,
  simulate: (schedule) => simulateBridged(schedule),
  tell: tellBridged,
});
