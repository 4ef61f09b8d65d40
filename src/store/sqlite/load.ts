/** Loads what works with a database when it is needed: some runtimes have no SQLite, and most brokers want none. */
import type { DatabaseFinding } from "./check.ts";
import { WatchedStore } from "./watched_store.ts";
import { resolveLink } from "./file.ts";
import type { SqliteOptions } from "./connection.ts";
import type { Store } from "../store.ts";

const MISSING = "SQLite is missing: this runtime has no module node:sqlite (Deno has it, and Node.js from 22.13 on): " +
  "use one that has, or persistence.type memory or a store of your own";

/**
 * A store in an SQLite file, which is not opened yet.
 *
 * @throws {Error} if the runtime has no SQLite, or the file is a link that leads nowhere
 */
export async function createSqliteStore(options: SqliteOptions): Promise<Store> {
  const path = resolveLink(options.path);
  const { SqliteStore } = await import("./sqlite_store.ts").catch(explain);
  return new WatchedStore(new SqliteStore({ ...options, path }), path);
}

/**
 * Looks at a database from outside.
 *
 * @returns `undefined`: it can be opened, as far as can be seen; that the runtime has no SQLite is told by
 * {@linkcode createSqliteStore}
 */
export async function checkSqliteFile(path: string): Promise<DatabaseFinding | undefined> {
  const check = await import("./check.ts").catch((error) => {
    if (!isMissing(error)) throw error;
  });
  return check?.checkDatabase(path);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_UNKNOWN_BUILTIN_MODULE";
}

function explain(error: unknown): never {
  throw isMissing(error) ? new Error(MISSING, { cause: error }) : error;
}
