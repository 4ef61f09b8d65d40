import { getConfig, getLogger } from "@logtape/logtape";
import type { Logger } from "../logger.ts";
import type { Machine } from "./machine.ts";

/**
 * Time as the broker sees it.
 *
 * @category Broker
 */
export interface Clock {
  /** Milliseconds that only grow, as `performance.now()` tells them. */
  now(): number;
  /** Milliseconds since the Unix epoch, which jump when the system's clock is set; for what outlives the process. */
  epoch(): number;
  /** Calls `tick` every `ms` milliseconds until the returned function is called. */
  every(ms: number, tick: () => void): () => void;
}

/** What the process as a whole takes. */
export interface ProcessMemory {
  /**
   * Makes sure that garbage is not left lying while what is held nears its ceiling.
   *
   * @param heldBytes what the broker knows to be held
   * @param makeGarbage lets go of what need not be held, to be called before garbage is collected
   * @returns whether the process is so far beyond the ceiling that clients should be read less
   */
  look(heldBytes: number, makeGarbage: () => void): boolean;
}

/**
 * What a broker is given from outside beside its config; every part has a default.
 *
 * @category Broker
 */
export interface BrokerEnvironment {
  /** Folder that relative paths in the config start from. @default the working directory */
  readonly baseDirectory?: string;
  /** Where the broker writes what happens. @default LogTape's category `amqtt`; warnings and errors go to the console until the program configures LogTape */
  readonly logger?: Logger;
  /** What tells the time and calls at intervals. @default the system's */
  readonly clock?: Clock;
  /**
   * Told `max-total-bytes`, gives what keeps the memory of the process near it. For a process that is the broker's alone.
   *
   * @default the process is not looked at
   */
  readonly processMemory?: (maximumBytes: number) => ProcessMemory;
  /** What the machine does for it, for a broker in a simulated world. @default the machine that it runs on */
  readonly machine?: Machine;
}

/** The system's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epoch: () => Date.now(),
  every(ms, tick) {
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  },
};

/** Where warnings go that nobody else hears. */
type Output = Pick<Console, "warn" | "error">;

/** Whether the host program was told how it can have the log elsewhere. */
interface Told {
  isTold: boolean;
}

const ADVICE = "amqtt: warnings and errors of the broker come to the console until the program configures LogTape's " +
  'category "amqtt" (https://logtape.org/) or gives the broker a logger';

/**
 * A logger that writes to LogTape's category `amqtt`, and for parts of the broker to those below it. Texts are handed over
 * as values: braces in them mean nothing. As long as nobody has configured LogTape, warnings and errors go to the console.
 *
 * @param output stands for the console in a test
 */
export function libraryLogger(output: Output = console): Logger {
  return loggerFor(["amqtt"], output, { isTold: false });
}

function loggerFor(category: readonly [string, ...string[]], output: Output, told: Told): Logger {
  const logger = getLogger(category);
  const isUnheard = (level: "warning" | "error") => getConfig() === null && !logger.isEnabledFor(level);
  const say = (write: (text: string) => void, level: string, text: string) => {
    if (!told.isTold) write(ADVICE);
    told.isTold = true;
    write(`${category.join(".")}: ${level}: ${text}`);
  };
  return {
    get debugEnabled() {
      return logger.isEnabledFor("debug");
    },
    debug: (text) => logger.debug`${text}`,
    info: (text) => logger.info`${text}`,
    warn: (text) => isUnheard("warning") ? say(output.warn, "warning", text) : logger.warn`${text}`,
    error: (text) => isUnheard("error") ? say(output.error, "error", text) : logger.error`${text}`,
    child: (name) => loggerFor([...category, name], output, told),
  };
}
