import { dirname } from "node:path";
import { host } from "../../runtime/host.ts";

/** A thread takes six, its database and log three more; some are to spare. */
const DESCRIPTORS_OF_A_THREAD = 16;

/**
 * Tries whether a thread with a database can be started: a thread that finds no file descriptor ends the whole process.
 *
 * @param path the database, whose folder is opened: closing the file itself would give up its locks
 * @throws {Error} if there are too few descriptors
 */
export function probeDescriptors(path: string): void {
  const opened: { close(): void }[] = [];
  try {
    while (opened.length < DESCRIPTORS_OF_A_THREAD) opened.push(host.openSync(dirname(path)));
  } catch (error) {
    // Where a folder cannot be opened, or is not there, nothing is known.
    if (isShortage(error)) throw new Error(`too few file descriptors are left: ${error.message}`, { cause: error });
  } finally {
    for (const folder of opened) folder.close();
  }
}

function isShortage(error: unknown): error is Error {
  return error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE");
}
