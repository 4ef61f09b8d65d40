import { configureSync, getLogger, type LogLevel as LibraryLevel, type LogRecord, resetSync } from "@logtape/logtape";
import { within } from "../runtime/within.ts";
import type { LogLevel, ResolvedLog } from "../config/config.ts";
import { defaultLog } from "../config/keys.ts";
import type { Logger } from "../logger.ts";
import { escapeUnseen } from "../quote.ts";
import type { CliIo } from "./io.ts";
import { LogWriter } from "./log_writer.ts";
import { host } from "../runtime/host.ts";

/** The category that the broker logs to. */
const CATEGORY = ["amqtt"];
/** The part that logs packets. */
const PACKET_LOGGER = "plugins.packet_logger";
/** From the one that logs most. */
const LEVELS: readonly LogLevel[] = ["debug", "info", "warning", "error", "off"];
/** How long the last lines may take at the end. */
const PATIENCE_MS = 1000;

/** What the command line says of the log; it wins over the config. */
export interface LogFlags {
  /** Logs every packet, and at `debug`. */
  readonly debug?: boolean;
  /** Logs at `debug`. */
  readonly verbose?: boolean;
  /** Logs warnings and errors at most, whatever a part's own level is. */
  readonly quiet?: boolean;
}

/** What the log needs of the config. */
export type LogSettings = Pick<ResolvedLog, "level" | "format" | "packets" | "categories">;

/** The broker's log on standard error, one line for each event. */
export class Log {
  readonly #writer: LogWriter;
  readonly #flags: LogFlags;
  #format: ResolvedLog["format"] = "text";
  #closed = false;

  constructor(io: Pick<CliIo, "log">, flags: LogFlags) {
    this.#flags = flags;
    this.#writer = new LogWriter((text) => io.log(text), (lines) => {
      const message = `${lines.toLocaleString("en-US")} lines of the log were dropped: nobody read it fast enough`;
      return this.#formatted({ timestamp: Date.now(), level: "warning", category: CATEGORY, message: [message] });
    });
  }

  /** Begins to log, or changes what is logged. */
  open({ level, format, packets, categories }: LogSettings = defaultLog): void {
    if (this.#closed) return;
    this.#format = format;
    const { debug, verbose, quiet } = this.#flags;
    const allowed = (level: LogLevel) => quiet ? quieter(level, "warning") : level;
    const overall = debug || verbose ? "debug" : allowed(level);
    const own = (path: readonly string[], level: LogLevel) => ({
      category: [...CATEGORY, ...path],
      sinks: ["log"],
      parentSinks: "override" as const,
      lowestLevel: libraryLevel(level),
    });
    const levels: Record<string, LogLevel> = {
      ...packets === "headers" && { [PACKET_LOGGER]: "debug" },
      ...categories,
    };
    if (debug) levels[PACKET_LOGGER] = "debug";
    const parts = Object.entries(levels).map(([name, level]) => own(pathOf(name), allowed(level)));
    configureSync({
      reset: true,
      sinks: { log: (record) => this.#writer.push(this.#formatted(record)) },
      loggers: [
        { category: CATEGORY, sinks: ["log"], lowestLevel: libraryLevel(overall) },
        ...parts,
        { category: ["logtape", "meta"], sinks: ["log"], lowestLevel: "warning" },
      ],
    });
  }

  /** Says something to who has started the program, whatever is logged. */
  say(level: "info" | "error", text: string): void {
    if (this.#format === "text") return this.#writer.push(escapeUnseen(text));
    this.#writer.push(formatJson({ timestamp: Date.now(), level, category: [...CATEGORY, "cli"], message: [text] }));
  }

  /** Makes the log quiet again, once what was logged is written or nobody reads it. */
  async close(): Promise<void> {
    this.#closed = true;
    resetSync();
    await within(PATIENCE_MS, this.#writer.flushed());
  }

  #formatted(record: Formatted): string {
    return this.#format === "json" ? formatJson(record) : formatRecord(record);
  }
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

type Formatted = Pick<LogRecord, "timestamp" | "level" | "category" | "message">;

/** `2026-01-31T12:00:00.000Z INFO text`. */
export function formatRecord(record: Formatted): string {
  return `${timeOf(record)} ${record.level.toUpperCase()} ${escapeUnseen(textOf(record))}`;
}

/** `{"time":"…","level":"info","category":"amqtt.connections","message":"…"}` */
export function formatJson(record: Formatted): string {
  const { level, category } = record;
  const line = { time: timeOf(record), level, category: category.join("."), message: textOf(record) };
  // Escapes of JSON stay what they are; what JSON would leave as it is gets some of its own.
  return escapeUnseen(JSON.stringify(line));
}

function timeOf({ timestamp }: Formatted): string {
  return new Date(timestamp).toISOString();
}

/** In one line: texts of errors may have several, and names in them are quoted. */
function textOf({ message }: Formatted): string {
  const text = message.map((part) => typeof part === "string" ? part : host.inspect(part)).join("");
  return text.trim().replaceAll(/\s*[\r\n]\s*/g, " ");
}

function quieter(one: LogLevel, other: LogLevel): LogLevel {
  return LEVELS.indexOf(one) > LEVELS.indexOf(other) ? one : other;
}

/** `null` is nothing. */
function libraryLevel(level: LogLevel): LibraryLevel | null {
  return level === "off" ? null : level;
}

/** A plugin's specifier may have dots in it. */
function pathOf(name: string): string[] {
  const dot = name.indexOf(".");
  return dot < 0 ? [name] : [name.slice(0, dot), name.slice(dot + 1)];
}
