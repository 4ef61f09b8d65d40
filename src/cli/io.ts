import { allowedVariable, openSupervisor, type SupervisorOptions } from "./systemd.ts";
import { host } from "../runtime/host.ts";

/** Signals that the command line listens to. */
export type CliSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** What the command line reads, writes and hears. */
export interface CliIo {
  /** Writes a line to standard output. */
  out(line: string): void;
  /** Writes a line to standard error. */
  error(line: string): void;
  /** Writes whole lines to standard error; nobody waits for a reader that stands still. Resolves when they are written. */
  log(text: string): Promise<void>;
  /** Writes to standard error without ending the line. */
  prompt(text: string): void;
  /** Standard input. */
  readonly input: ReadableStream<Uint8Array>;
  /** Somebody types the input. */
  readonly isTerminal: boolean;
  /** Turns the terminal's echo and line editing off or on. */
  setRaw(raw: boolean): void;
  /** Calls `handler` at a signal, and not at all where the system does not know it. Returns how to stop that. */
  onSignal(signal: CliSignal, handler: () => void): () => void;
  /** What systemd says of itself, and how it is reached. */
  readonly supervisor: Omit<SupervisorOptions, "warn">;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** This process's own input, output and signals. */
export function processIo(): CliIo {
  return {
    out: (line) => console.log(line),
    error: (line) => console.error(line),
    log: (text) => writeAllLater(new TextEncoder().encode(text)),
    prompt: (text) => writeAll(new TextEncoder().encode(text)),
    get input() {
      return host.stdin.readable;
    },
    isTerminal: host.stdin.isTerminal(),
    setRaw: (raw) => host.stdin.setRaw(raw),
    onSignal: (signal, handler) => {
      if (host.build.os === "windows" && signal !== "SIGINT") return () => {};
      host.addSignalListener(signal, handler);
      return () => host.removeSignalListener(signal, handler);
    },
    supervisor: { env: allowedVariable, pid: host.pid, open: openSupervisor },
    exit: (code) => host.exit(code),
  };
}

async function writeAllLater(bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await host.stderr.write(bytes.subarray(written));
}

function writeAll(bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += host.stderr.writeSync(bytes.subarray(written));
}
