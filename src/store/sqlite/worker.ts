/**
 * The thread in which a database does its work, so that a sync of the disk never stalls the event loop. Whoever starts
 * it imports this file too, because a module that is imported is part of a compiled binary, and one that only a worker
 * names is not.
 */
import { SqliteDatabase } from "./database.ts";
import { serve } from "./service.ts";
import { startThread, type Thread, threadScope } from "../../runtime/host.ts";

const THREAD_NAME = "amqtt:store";

/** Starts the thread; what it answers to says {@linkcode serve}. */
export function startSqliteWorker(): Thread {
  return startThread(import.meta.url, THREAD_NAME);
}

const scope = threadScope(THREAD_NAME);
if (scope) serve(scope, (options) => new SqliteDatabase(options));
