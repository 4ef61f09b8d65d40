/** Exit codes of the command line. */
export const ExitCode = {
  /** Shut down as asked, or nothing wrong. */
  Success: 0,
  /** The broker could not start, or a command failed. */
  Failure: 1,
  /** The command line or the config is wrong. */
  Usage: 2,
} as const;
