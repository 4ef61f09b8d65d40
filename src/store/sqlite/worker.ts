/**
 * The thread in which a database does its work, so that a sync of the disk never stalls the event loop. Whoever starts
 * it imports this file too, because a module that is imported is part of a compiled binary, and one that only a worker
 * names is not.
 */
import { SqliteDatabase } from "./database.ts";
import { type Port, serve } from "./service.ts";

const THREAD_NAME = "amqtt:store";

/** Starts the thread; what it answers to says {@linkcode serve}. */
export function startSqliteWorker(): Worker {
  return new Worker(import.meta.url, { type: "module", name: THREAD_NAME });
}

const scope = globalThis as unknown as Port & { readonly name?: string };
if (scope.name === THREAD_NAME) serve(scope, (options) => new SqliteDatabase(options));
