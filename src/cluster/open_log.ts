/** Opens the log that a config names. */
import type { ResolvedCluster } from "../config/config.ts";
import { errorText } from "../error_text.ts";
import type { Log } from "../log/log.ts";
import { sharedMemoryLog } from "../log/memory_log.ts";
import type { Logger } from "../logger.ts";

const ATTEMPTS = 30;
const PAUSE_MS = 1000;

/** What tells the time for a log in memory, and waits between two attempts. */
export interface OpeningTime {
  /** Milliseconds since the epoch. */
  epoch(): number;
  /** Calls `run` once, in `ms` milliseconds. */
  after(ms: number, run: () => void): void;
}

/**
 * Opens the log. What it takes of npm is loaded only now. Servers that have just been started take some seconds to elect.
 *
 * @throws {Error} if it is not reached
 */
export async function openLog(
  { name, log }: ResolvedCluster,
  logger: Logger,
  time: OpeningTime,
): Promise<Log> {
  const { epoch, after } = time;
  if (log.type === "memory") return sharedMemoryLog(name, epoch);
  const { openNatsLog } = await import("../log/nats_log.ts");
  const options = { servers: log.servers, cluster: name, replicas: log.replicas, logger };
  for (let attempt = 1;; attempt++) {
    try {
      return await openNatsLog(options);
    } catch (error) {
      const text = errorText(error);
      // What the log itself refuses does not get better.
      if (attempt === ATTEMPTS || text.startsWith("log: ")) throw error;
      logger.info(`the log is not there yet, it is tried again: ${text}`);
      await new Promise<void>((resolve) => after(PAUSE_MS, resolve));
    }
  }
}
