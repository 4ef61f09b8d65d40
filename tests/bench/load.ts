/**
 * The load generator: one thread, all clients in it. Prints one line of JSON (see `result.ts`); exits with 1 if anything
 * went wrong.
 *
 *     deno run -A tests/bench/load.ts pubsub --mode one-to-one --qos 1 --port 1883
 *
 * `load/options.ts` lists the flags.
 */
import { parseLoadOptions } from "./load/options.ts";
import { runLoad } from "./load/run.ts";
import type { LoadResult } from "./result.ts";

const options = parseLoadOptions(Deno.args);
const result: LoadResult = await runLoad(options).catch((error: unknown) => ({
  scenario: options.scenario,
  errors: 1,
  first_error: error instanceof Error ? error.message : String(error),
}));
console.log(JSON.stringify(result));
Deno.exit(result.errors > 0 ? 1 : 0);
