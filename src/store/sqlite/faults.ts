/** What SQLite complains of, in words that say what to do. */
import { StoreError } from "../store.ts";

type Fault = "in-use" | "read-only" | "io" | "damaged" | "full" | "cannot-open" | "not-a-database";

/** Result codes of SQLite and their texts: not every error that `node:sqlite` throws tells the code. */
const faults: readonly (readonly [code: number, text: string, fault: Fault])[] = [
  [5, "database is locked", "in-use"],
  [8, "attempt to write a readonly database", "read-only"],
  [10, "disk I/O error", "io"],
  [11, "database disk image is malformed", "damaged"],
  [13, "database or disk is full", "full"],
  [14, "unable to open database file", "cannot-open"],
  [26, "file is not a database", "not-a-database"],
];

const kinds: Readonly<Record<Fault, StoreError["fault"]>> = {
  "in-use": "io",
  "read-only": "io",
  "io": "io",
  "damaged": "corrupt",
  "full": "full",
  "cannot-open": "io",
  "not-a-database": "corrupt",
};

/** Codes of what is wrong with a statement or its values, rather than with the disk. */
const rejections: ReadonlySet<number> = new Set([1, 18, 19, 20, 21, 25]);

const RESTORE = "restore it from a backup, or move it away (with its -wal file) to begin with an empty one";

const REJECTED =
  "does not take what is to be stored: report this; a restart of the broker gives up what waits, none of " +
  "which was acknowledged";

const hints: Readonly<Record<Fault, string>> = {
  "in-use": "is in use by another process: end that one, or give each its own file",
  "read-only": "cannot be written: give this process the right to write the file and its folder",
  "io": "cannot be read or written: look at the disk and at what the system logs about it",
  "damaged": `is damaged: ${RESTORE}`,
  "full": "cannot be written, since there is no room left: make room on the disk",
  "cannot-open": "cannot be opened: give this process the right to read and write the file and its folder",
  "not-a-database": `is damaged or is no database: ${RESTORE}, or name another file`,
};

/** Which fault an error of SQLite stands for; `undefined`: none that is known. */
export function faultOf(error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = codeOf(error);
  return faults.find(([known, text]) => known === code || error.message.includes(text))?.[2];
}

/** Whether a connection that threw this can be used further once its transaction is rolled back. */
export function isHarmless(error: unknown): boolean {
  return error instanceof StoreError || faultOf(error) === "full";
}

/** What is wrong with the file at `path`, and what to do. */
export function describeFault(path: string, error: unknown): string {
  const reason = textOf(error);
  if (isAbout(path, error)) return reason;
  const fault = faultOf(error);
  return fault === undefined ? `${path}: ${reason}` : `${path}: ${hints[fault]} (${reason})`;
}

/** The error for something that was not stored or could not be read while the database is open. */
export function storeErrorOf(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const described = describeFault(path, error);
  const fault = faultOf(error);
  if (fault !== undefined) return new StoreError(described, kinds[fault], { cause: error });
  if (error instanceof UnusableFileError) return new StoreError(described, "io", { cause: error });
  // It could not be opened again: it is another one than it was.
  if (isAbout(path, error)) return new StoreError(described, "corrupt", { cause: error });
  const code = codeOf(error);
  if (code !== undefined && !rejections.has(code)) return new StoreError(described, "io", { cause: error });
  return new StoreError(`${path}: ${REJECTED} (${textOf(error)})`, "rejected", { cause: error });
}

/** A file that cannot be used for now, whatever it holds: the message says why and what to do. */
export class UnusableFileError extends Error {}

/** The primary result code of SQLite; `undefined`: the error has none. */
function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

function isAbout(path: string, error: unknown): boolean {
  return textOf(error).startsWith(`${path}: `);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
