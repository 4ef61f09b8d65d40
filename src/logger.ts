/**
 * Where the broker writes what happens. The default goes to LogTape's category `amqtt`; until LogTape is configured, warnings and errors go to the console.
 *
 * @category Broker
 */
export interface Logger {
  /** Whether anybody hears `debug`, so that nobody makes texts in vain; `undefined`: perhaps. */
  readonly debugEnabled?: boolean;
  /** What helps to find a fault: packets, drops, decisions. */
  debug(message: string): void;
  /** What happens in a normal life: listeners, connections. */
  info(message: string): void;
  /** What somebody should look at. */
  warn(message: string): void;
  /** What does not work. */
  error(message: string): void;
  /** A logger for a part of the broker, so that its level can be set by itself. @default this one */
  child?(category: string): Logger;
}

/** The logger of a part of the broker. */
export function loggerOf(logger: Logger, category: string): Logger {
  return logger.child?.(category) ?? logger;
}
