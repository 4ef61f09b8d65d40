/** The configuration's shape where it is about the log. */

/** How much is logged, from all to nothing. */
export type LogLevel = "debug" | "info" | "warning" | "error" | "off";

/**
 * What the command line logs. A program that embeds the broker configures LogTape itself, and has `packets` and
 * `exclude-sys` of this.
 *
 * @category Config
 */
export interface LogConfig {
  /** The least of what is logged. @default "info" */
  readonly level?: LogLevel;
  /** One line for each event, as text or as a JSON object. @default "text" */
  readonly format?: "text" | "json";
  /** `headers`: every packet is logged at `debug`, without payload and password. @default "off" */
  readonly packets?: "off" | "headers";
  /** Leaves packets and messages of `$SYS` out. @default true */
  readonly excludeSys?: boolean;
  /**
   * Levels of parts of the broker: `connections`, `listeners`, `store`, `plugins`, or one plugin as
   * `plugins.event_logger`. @default that of the whole
   */
  readonly categories?: Readonly<Record<string, LogLevel>>;
}

/** The section `log`, complete. */
export type ResolvedLog = Required<LogConfig>;
