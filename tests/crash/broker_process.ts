import { fromFileUrl } from "@std/path";
import { patiently } from "../support/patience.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));
const STEPPED_CLI = fromFileUrl(new URL("./stepped_cli.ts", import.meta.url));

/** The command line's broker as a process of its own, which can be killed and started again on the same folder. */
export class BrokerProcess {
  readonly #arguments: readonly string[];
  #child: Deno.ChildProcess | undefined;
  #port = 0;
  #log: Promise<string> = Promise.resolve("");
  #rest: Promise<void> = Promise.resolve();

  /** @param clockFile see `stepped_cli.ts`; `undefined`: it sees the system's clock as it is */
  constructor(configFile: string, clockFile?: string) {
    this.#arguments = clockFile === undefined ? [CLI, configFile] : [STEPPED_CLI, clockFile, configFile];
  }

  /** Where it listens since the last start. */
  get port(): number {
    return this.#port;
  }

  /** Of the process that runs; it has been started. */
  get pid(): number {
    return this.#child!.pid;
  }

  /** @throws {Error} with its log if it does not get as far as listening */
  async start(): Promise<void> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", ...this.#arguments],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    this.#child = child;
    this.#log = new Response(child.stderr).text();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const text = await readUntil(reader, "\n");
    this.#rest = drain(reader);
    const port = /^mqtt:\/\/127\.0\.0\.1:(\d+) /.exec(text)?.[1];
    if (port === undefined) throw new Error(`the broker did not start: ${text}\n${(await this.end("SIGKILL")).log}`);
    this.#port = Number(port);
  }

  /** Sends the signal and waits for the end of the process. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<{ readonly code: number; readonly log: string }> {
    const child = this.#child;
    if (child === undefined) return { code: 0, log: "" };
    this.#child = undefined;
    try {
      child.kill(signal);
    } catch {
      // It has ended by itself; its exit code tells how.
    }
    const { code } = await patiently(`end of the broker after ${signal}`, child.status);
    await this.#rest;
    return { code, log: await this.#log };
  }
}

async function readUntil(reader: ReadableStreamDefaultReader<string>, end: string): Promise<string> {
  let text = "";
  while (!text.includes(end)) {
    const { value, done } = await patiently("the broker's address", reader.read());
    if (done) break;
    text += value;
  }
  return text;
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}
