/** The file of a database, before SQLite and beside it. */
import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { UnusableFileError } from "./faults.ts";
import { StoreError } from "../store.ts";
import { host, type HostFileInfo } from "../../runtime/host.ts";

/** Tells a file from another one that has come into its place; `undefined`: the system does not tell. */
export type FileIdentity = string | undefined;

const PUT_BACK =
  "put the file that was there back in its place, or restart the broker to go on with what is there now, " +
  "which may be nothing";

/**
 * The file itself if `path` is a symbolic link: SQLite writes its log beside that one.
 *
 * @throws {Error} if the link leads nowhere
 */
export function resolveLink(path: string): string {
  try {
    if (!host.lstatSync(path).isSymlink) return path;
  } catch {
    // Whoever looks at the file says what is wrong with it.
    return path;
  }
  try {
    return host.realPathSync(path);
  } catch (error) {
    throw new UnusableFileError(
      `${path}: is a symbolic link that leads to no file: restore that file, or name one that is no link (${
        reasonOf(error)
      })`,
    );
  }
}

/**
 * Looks whether a database can be at `path`, and changes nothing.
 *
 * @returns whether there is one already
 * @throws {Error} that says what is wrong with the file or its folder and what to do
 */
export function checkFile(path: string): boolean {
  const found = lookAt(path);
  if (found === undefined) {
    if (lookAt(`${path}-wal`) !== undefined) {
      // SQLite would throw it away.
      throw new Error(
        `${path}: is missing, but its log ${path}-wal is there: restore both from a backup, or remove the log to begin anew`,
      );
    }
    checkFolder(path);
    return false;
  }
  if (found.isDirectory) throw new Error(`${path}: is a folder: name a file in it`);
  // A new file is never taken for granted: this one may have been a database that something has cut off.
  if (found.size === 0) throw new Error(`${path}: is empty: restore it from a backup, or remove it to begin anew`);
  const right = "give this process the right to read and write the file, on a file system that is mounted for writing";
  access(path, constants.R_OK | constants.W_OK, (reason) => `${path}: cannot be written: ${right} (${reason})`);
  checkFolder(path);
  return true;
}

/** Makes sure that there is a file, since what SQLite makes could be read by everybody; returns whether it is new. */
export function createFile(path: string): boolean {
  if (checkFile(path)) return false;
  try {
    host.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
    return true;
  } catch (error) {
    throw unusable(path, error);
  }
}

/** The file that is at `path` now; `missing`: there is none. */
export function identityOf(path: string): FileIdentity {
  const found = lookAt(path);
  if (found === undefined) return "missing";
  return found.ino === null ? undefined : `${found.dev}:${found.ino}`;
}

/**
 * Makes sure that the file is the one it was.
 *
 * @throws {StoreError} if it is another one, or none
 */
export function checkIdentity(path: string, identity: FileIdentity): void {
  const found = identityOf(path);
  if (found === identity) return;
  const what = found === "missing" ? "deleted or moved away" : "replaced by another file";
  throw new StoreError(`${path}: was ${what} while it was in use: ${PUT_BACK}`, "corrupt");
}

/** Size of a database that is there; 0 if the log beside it may have more of it, after a crash. */
export function unloggedSizeBytes(path: string): number {
  return (lookAt(`${path}-wal`)?.size ?? 0) > 0 ? 0 : lookAt(path)?.size ?? 0;
}

function lookAt(path: string): HostFileInfo | undefined {
  try {
    return host.statSync(path);
  } catch (error) {
    if (error instanceof host.errors.NotFound) return undefined;
    throw unusable(path, error);
  }
}

/** The log of a database is a file beside it. */
function checkFolder(path: string): void {
  const folder = lookAt(dirname(path));
  if (folder === undefined) throw new UnusableFileError(`${path}: its folder is missing: create it`);
  const right = "make its folder one that this process may write";
  access(dirname(path), constants.W_OK | constants.X_OK, (reason) => `${path}: cannot be used: ${right} (${reason})`);
}

function access(path: string, mode: number, describe: (reason: string) => string): void {
  try {
    accessSync(path, mode);
  } catch (error) {
    // It asks who runs the program (--allow-sys), which is not worth a permission: opening the file shows what is missing.
    if (error instanceof host.errors.NotCapable) return;
    throw new UnusableFileError(describe(reasonOf(error)));
  }
}

function unusable(path: string, error: unknown): Error {
  return new UnusableFileError(
    `${path}: cannot be used: make its folder one that this process may write (${reasonOf(error)})`,
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
