import { ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import type { CliServices } from "./services.ts";

/** Where the command line's own broker answers, if its config says nothing else. */
const DEFAULT_URL = "http://127.0.0.1:9883/readyz";
/** The same on another broker. */
const DEFAULT_PATH = "/readyz";

/** How long a broker may take to answer, in milliseconds. */
export const PATIENCE_MS = 5000;

/**
 * Asks a running broker how it is, for images and scripts without curl.
 *
 * @param address where it answers; without a path `/readyz` is meant. @default `http://127.0.0.1:9883/readyz`
 * @returns the exit code: 0 if it is well, 1 if it is not or does not answer in 5 seconds
 */
export async function health(address: string | undefined, io: CliIo, services: CliServices): Promise<number> {
  const url = urlOf(address ?? DEFAULT_URL);
  if (!url) {
    io.error(`error: the address must be a URL that begins with http:// or https://: got ${address}`);
    return ExitCode.Usage;
  }
  try {
    const { status, text } = await services.ask(url.href, PATIENCE_MS);
    const isWell = status >= 200 && status < 300;
    io.out(isWell ? text.trim() : `${url.href}: ${status} ${text.trim()}`);
    return isWell ? ExitCode.Success : ExitCode.Failure;
  } catch (error) {
    io.error(`${url.href}: ${error instanceof Error ? error.message : String(error)}`);
    return ExitCode.Failure;
  }
}

function urlOf(address: string): URL | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.pathname === "/") url.pathname = DEFAULT_PATH;
  return url;
}
