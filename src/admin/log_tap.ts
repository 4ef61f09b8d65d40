import { type Logger, loggerOf } from "../logger.ts";
import { Ring } from "./ring.ts";

const RECORDS = 1000;
/** A record is a line, and not what a client wants it to be. */
const LONGEST_MESSAGE = 2000;

/** How urgent a record is. */
export type RecordLevel = "debug" | "info" | "warning" | "error";

/** A line of the log. */
export interface LogRecord {
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly level: RecordLevel;
  /** The part of the broker, such as `listeners` or `plugins.event_logger`; empty: none in particular. */
  readonly category: string;
  readonly message: string;
}

/** Keeps the last records of the log, and passes all of them on. What is `debug` is kept only if somebody hears it anyway. */
export class LogTap {
  readonly #records = new Ring<LogRecord>(RECORDS);
  readonly #listeners = new Set<(record: LogRecord) => void>();
  readonly #epoch: () => number;
  #begun = false;

  /** @param epoch tells milliseconds since the Unix epoch */
  constructor(epoch: () => number) {
    this.#epoch = epoch;
  }

  /** Keeps what comes from now on; before, nothing is. */
  begin(): void {
    this.#begun = true;
  }

  /** The logger to use in place of another one. */
  wrap(logger: Logger, category = ""): Logger {
    const say = (level: "debug" | "info" | "warn" | "error", message: string) => {
      logger[level](message);
      if (level !== "debug" || logger.debugEnabled === true) this.#keep(level, category, message);
    };
    return {
      get debugEnabled() {
        return logger.debugEnabled;
      },
      debug: (message) => say("debug", message),
      info: (message) => say("info", message),
      warn: (message) => say("warn", message),
      error: (message) => say("error", message),
      child: (name) => this.wrap(loggerOf(logger, name), category === "" ? name : `${category}.${name}`),
    };
  }

  newestFirst(): Iterable<LogRecord> {
    return this.#records.newestFirst();
  }

  /** Tells of each record as it comes, until the returned function is called. */
  listen(listener: (record: LogRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #keep(level: "debug" | "info" | "warn" | "error", category: string, message: string): void {
    if (!this.#begun) return;
    const text = message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}…` : message;
    const record = {
      atMs: this.#epoch(),
      level: level === "warn" ? "warning" as const : level,
      category,
      message: text,
    };
    this.#records.push(record);
    for (const listener of this.#listeners) listener(record);
  }
}
