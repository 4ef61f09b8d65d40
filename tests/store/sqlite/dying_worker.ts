/// <reference lib="deno.worker" />
/** A store's worker that dies of its first append: before it does it, or after, as its name says. */
import { SqliteDatabase } from "../../../src/store/sqlite/database.ts";
import { type Port, serve } from "../../../src/store/sqlite/service.ts";

let dying = false;
const port: Port = {
  onmessage: null,
  postMessage: (message) => {
    if (dying) throw new Error("after the commit");
    self.postMessage(message);
  },
};
serve(port, (options) => new SqliteDatabase(options));
self.onmessage = (event: MessageEvent<readonly string[]>) => {
  dying = event.data[0] === "append";
  if (dying && self.name === "before") throw new Error("before the commit");
  port.onmessage?.(event);
};
