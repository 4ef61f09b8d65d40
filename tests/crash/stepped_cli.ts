/**
 * The command line's broker on a system whose clock is set now and then: it is ahead by as many milliseconds as a file says.
 *
 *     stepped_cli.ts CLOCK_FILE [ARGUMENT...]
 *
 * @module
 */
import { main } from "../../src/cli/main.ts";

const [clockFile, ...args] = Deno.args;
const systemNow = Date.now;
Date.now = () => systemNow() + Number(Deno.readTextFileSync(clockFile!));
Deno.exit(await main(args));
