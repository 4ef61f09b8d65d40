import { unpackChanges } from "./packed_changes.ts";
import type { SqliteOptions } from "./connection.ts";
import type { SqliteDatabase } from "./database.ts";
import { faultFrom, type Reply, type Request } from "./protocol.ts";
import { Tidying } from "./tidying.ts";

/** The part of a worker's global scope that requests come in and replies leave by. */
export interface Port {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
}

/** What tests put in another's place. */
export interface ServiceParts {
  /** Milliseconds that only grow. @default `performance.now` */
  readonly now?: () => number;
}

/** Answers the requests that come to a worker with a database. */
export function serve(port: Port, create: (options: SqliteOptions) => SqliteDatabase, parts: ServiceParts = {}): void {
  let database: SqliteDatabase | undefined;
  const tidying = new Tidying(parts.now ?? (() => performance.now()));
  const answer = (request: Request): unknown => {
    if (request[0] === "open") {
      database = create(request[1]);
      return database.open();
    }
    if (database === undefined) throw new Error(`the store must be open: got ${request[0]}`);
    // What is appended is given again, so that nothing is lost if this is told instead.
    if (request[0] === "append") tidying.tell();
    return call(database, request);
  };
  let isTidying = false;
  const tidyLater = () => {
    if (isTidying || !database?.isUntidy || tidying.isPaused) return;
    isTidying = true;
    // Requests that have come meanwhile go first.
    setTimeout(() => {
      isTidying = false;
      if (database !== undefined && tidying.tidy(database)) tidyLater();
    }, 0);
  };
  port.onmessage = ({ data }: MessageEvent<Request>) => {
    let reply: Reply;
    try {
      reply = { value: answer(data) };
    } catch (error) {
      reply = { fault: faultFrom(error) };
    }
    port.postMessage(reply);
    tidyLater();
  };
}

function call(database: SqliteDatabase, request: Exclude<Request, readonly ["open", SqliteOptions]>): unknown {
  switch (request[0]) {
    case "append":
      return database.append(unpackChanges(request[1]));
    case "sessions":
      return database.sessions(request[1]);
    case "retained":
      return database.retained(request[1]);
    case "wills":
      return database.wills(request[1]);
    case "deliveries":
      return database.deliveries(request[1], request[2]);
    case "close":
      return database.close();
  }
}
