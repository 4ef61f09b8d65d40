#!/usr/bin/env -S deno run -A
/**
 * The command line: `cli.ts [FILE]` runs a broker, `cli.ts --help` tells the rest.
 *
 * @module
 */
import { main } from "./src/cli/main.ts";

// A plugin's timer or socket must not keep a broker alive that was shut down.
if (import.meta.main) Deno.exit(await main(Deno.args));
