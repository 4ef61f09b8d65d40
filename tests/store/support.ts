import { join } from "@std/path";
import { SqliteStore, type SqliteStoreParts } from "../../src/store/sqlite/sqlite_store.ts";
import type { StorePlace } from "./contract.ts";

/** A folder that is gone when it is disposed of. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string = Deno.makeTempDirSync();
  /** Where a database may be made. */
  readonly file: string = join(this.path, "broker.db");

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A folder with one database file for stores in it. */
export class SqlitePlace extends TemporaryFolder implements StorePlace {
  /** The next store of the file. */
  create(parts: SqliteStoreParts = {}): SqliteStore {
    return new SqliteStore({ path: this.file, commit: "os" }, parts);
  }
}
