/** `deno task simulate [--seeds 1000] [--from 1] [--seed N]`: runs whole brokers in a simulated world. */
import { drawSchedule, tell } from "./schedule.ts";
import { runSeeds } from "./seeds.ts";
import { simulate } from "./simulation.ts";

await runSeeds(Deno.args, { task: "simulate", draw: drawSchedule, tell, simulate });
