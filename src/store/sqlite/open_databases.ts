/**
 * Which database files this process has open. The locks of the system do not say whose they are, and a second broker in
 * one program is looked for elsewhere than another program.
 */
import { identityOf } from "./file.ts";

/** Belongs to the process as the locks do, not to one store: hence no state of a store. */
const open = new Set<string>();

/** Notes that the database at `path` was opened. @returns how to note that it was closed */
export function noteOpen(path: string): () => void {
  const key = keyOf(path);
  open.add(key);
  return () => {
    open.delete(key);
  };
}

/** Whether a store of this process has the database at `path` open, under whatever name. */
export function isOpenHere(path: string): boolean {
  return open.has(keyOf(path));
}

function keyOf(path: string): string {
  return identityOf(path) ?? path;
}
