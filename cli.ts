#!/usr/bin/env -S deno run -A --v8-flags=--max-inlined-bytecode-size-cumulative=5000
/**
 * The command line: `cli.ts [FILE]` runs a broker, `cli.ts --help` tells the rest.
 *
 * @module
 */
import { main } from "./src/cli/main.ts";
import { host } from "./src/runtime/host.ts";

// A plugin's timer or socket must not keep a broker alive that was shut down.
if (import.meta.main) host.exit(await main(host.args));
