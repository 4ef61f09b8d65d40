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
  /** Calls `run` once, in `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
  /** Aborted when the broker is shut down: nobody waits for the log any longer. */
  readonly ending: AbortSignal;
}

/**
 * Opens the log. What it takes of npm is loaded only now. Servers that have just been started take some seconds to elect.
 *
 * @throws {Error} if it is not reached, or the broker is shut down before
 */
export async function openLog(
  { name, log }: ResolvedCluster,
  logger: Logger,
  time: OpeningTime,
): Promise<Log> {
  const { epoch, ending } = time;
  if (log.type === "memory") return sharedMemoryLog(name, epoch);
  const { openNatsLog } = await import("../log/nats_log.ts");
  const options = { servers: log.servers, access: log.access, cluster: name, replicas: log.replicas, logger };
  for (let attempt = 1;; attempt++) {
    try {
      return await unlessEnding(openNatsLog(options), ending);
    } catch (error) {
      const text = errorText(error);
      // What the log itself refuses does not get better.
      if (ending.aborted || attempt === ATTEMPTS || text.startsWith("log: ")) throw error;
      logger.info(`the log is not there yet, it is tried again: ${text}`);
      await pause(time);
    }
  }
}

/** Resolves with the log. @throws {Error} as soon as the broker is shut down; a log that comes later is closed */
async function unlessEnding(opening: Promise<Log>, ending: AbortSignal): Promise<Log> {
  const { promise: given, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(new Error("the broker was shut down while it opened the log"));
  ending.addEventListener("abort", giveUp);
  try {
    if (ending.aborted) giveUp();
    return await Promise.race([opening, given]);
  } catch (error) {
    opening.then((log) => log.close()).catch(() => {});
    throw error;
  } finally {
    ending.removeEventListener("abort", giveUp);
  }
}

/** Waits, or until the broker is shut down. */
async function pause({ after, ending }: OpeningTime): Promise<void> {
  if (ending.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = after(PAUSE_MS, resolve);
  const goOn = () => resolve();
  ending.addEventListener("abort", goOn);
  await promise;
  cancel();
  ending.removeEventListener("abort", goOn);
}
