import { configure, getLogger, type LogRecord, reset } from "@logtape/logtape";
import type { Logger } from "../logger.ts";
import type { CliIo } from "./io.ts";

/** The category that the broker logs to. */
const CATEGORY = ["amqtt"];

/** Sends the broker's log to standard error, one line for each event, until {@linkcode closeLog}. */
export async function openLog(io: CliIo, options: { readonly debug: boolean }): Promise<void> {
  await configure({
    reset: true,
    sinks: { console: (record) => io.error(formatRecord(record)) },
    loggers: [
      { category: CATEGORY, sinks: ["console"], lowestLevel: options.debug ? "debug" : "info" },
      { category: ["logtape", "meta"], sinks: ["console"], lowestLevel: "warning" },
    ],
  });
}

/** Makes the log quiet again. */
export async function closeLog(): Promise<void> {
  await reset();
}

/** The command line's own voice in the log. */
export function cliLogger(): Logger {
  const logger = getLogger(CATEGORY);
  // As a value and not as a template: braces in a text are no placeholders.
  return {
    debug: (message) => logger.debug`${message}`,
    info: (message) => logger.info`${message}`,
    warn: (message) => logger.warn`${message}`,
    error: (message) => logger.error`${message}`,
  };
}

/** `2026-01-31T12:00:00.000Z INFO text`. */
export function formatRecord({ timestamp, level, message }: LogRecord): string {
  const text = message.map((part) => typeof part === "string" ? part : Deno.inspect(part)).join("");
  return `${new Date(timestamp).toISOString()} ${level.toUpperCase()} ${escapeControls(text)}`;
}

/** A client identifier with a line break in it must not look like a line of the log. */
function escapeControls(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (control) => {
    const code = control.charCodeAt(0).toString(16).padStart(4, "0");
    return control === "\n" ? "\\n" : control === "\t" ? "\\t" : `\\u${code}`;
  });
}
