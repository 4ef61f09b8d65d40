/** Whether a database could be opened, found out without changing anything. */
import { describeFault, faultOf } from "./faults.ts";
import { SqliteConnection } from "./connection.ts";
import { checkFile, resolveLink, unloggedSizeBytes } from "./file.ts";
import { migrate, migrations } from "./layout.ts";

/** What is to be known of a database before it is opened. */
export interface DatabaseFinding {
  /** `fault`: it cannot be opened; `in-use`: it cannot be opened now. */
  readonly kind: "fault" | "in-use";
  /** Which file, what is wrong with it and what to do. */
  readonly text: string;
}

/**
 * Looks at a database from outside: the file and its folder, whether another process has it open, and its layout. What
 * the log beside the file holds is not read.
 *
 * @returns `undefined`: it can be opened, or made
 */
export function checkDatabase(named: string): DatabaseFinding | undefined {
  let path = named;
  try {
    path = resolveLink(named);
    if (!checkFile(path)) return undefined;
    if (isInUse(path)) return { kind: "in-use", text: `${path}: is in use by another process, perhaps by a broker` };
    look(path);
    return undefined;
  } catch (error) {
    return { kind: "fault", text: describeFault(path, error) };
  }
}

/** A lock that nobody has is refused too, since the file is opened for reading only, but in other words. */
function isInUse(path: string): boolean {
  const connection = SqliteConnection.openForReading(path, "as-others-leave-it");
  try {
    connection.get("PRAGMA locking_mode = EXCLUSIVE");
    connection.get("SELECT count(*) FROM sqlite_schema");
    return false;
  } catch (error) {
    return faultOf(error) === "in-use";
  } finally {
    connection.close();
  }
}

function look(path: string): void {
  const connection = SqliteConnection.openForReading(path, "as-it-is");
  try {
    migrate(connection, path, migrations);
    connection.checkSize(unloggedSizeBytes(path));
  } catch (error) {
    const fault = faultOf(error);
    // An older layout is no fault, but here it stays.
    if (fault === "read-only") return;
    // A log has the rest of what was cut off in the middle of being written back.
    if (fault === "damaged" && unloggedSizeBytes(path) === 0) return;
    throw error;
  } finally {
    connection.close();
  }
}
