import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { describeFault } from "./sqlite_faults.ts";
import { createLayout, migrate, type Migration, migrations } from "./sqlite_layout.ts";

/** When an append counts as done: it is on the disk, or it is with the operating system. */
export type Commit = "disk" | "os";

/** How a database is opened. */
export interface SqliteOptions {
  /** The file; its folder must be there. */
  readonly path: string;
  /** `disk` survives a power cut, `os` a crash of the process only. */
  readonly commit: Commit;
}

/** What tests put in another's place. */
export interface SqliteParts {
  /** @default opens the file */
  readonly openFile?: (path: string) => DatabaseSync;
  /** @default those of this version */
  readonly migrations?: readonly Migration[];
}

const MEBIBYTE = 1024 * 1024;
/** In pages of 4 KiB: the log is 16 MiB when it is written back. */
const CHECKPOINT_PAGES = 4096;
/** A lock may outlive its owner for a moment: a worker that died, a process that is being restarted. */
const LOCK_PATIENCE_MS = 1000;

/** An open database file with its prepared statements. Nobody else can open the file meanwhile. */
export class SqliteConnection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * Opens the database, makes it first if there is no such file, and brings it to today's layout.
   *
   * @throws {Error} that says what is wrong with which file and what to do
   */
  static open({ path, commit }: SqliteOptions, parts: SqliteParts = {}): SqliteConnection {
    const isNew = createFile(path);
    const { openFile = (file) => new DatabaseSync(file), migrations: steps = migrations } = parts;
    let connection: SqliteConnection | undefined;
    try {
      connection = new SqliteConnection(openFile(path));
      connection.#configure(commit, isNew);
      migrate(connection, path, steps);
      return connection;
    } catch (error) {
      connection?.close();
      // Else the next start would take it for what is left of a database.
      if (isNew && Deno.statSync(path).size === 0) Deno.removeSync(path);
      throw new Error(describeFault(path, error), { cause: error });
    }
  }

  #configure(commit: Commit, isNew: boolean): void {
    this.get(`PRAGMA busy_timeout = ${LOCK_PATIENCE_MS}`);
    this.get("PRAGMA locking_mode = EXCLUSIVE");
    // Before the log is there, so that a file is either empty or has its layout.
    if (isNew) createLayout(this);
    this.get("PRAGMA journal_mode = WAL");
    // NORMAL does not sync a commit, but does sync around checkpoints. OFF would leave that out too, and a power cut
    // between the two could then damage the file itself.
    this.get(`PRAGMA synchronous = ${commit === "disk" ? "FULL" : "NORMAL"}`);
    this.get(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    this.get(`PRAGMA journal_size_limit = ${32 * MEBIBYTE}`);
    this.get(`PRAGMA cache_size = -${16 * MEBIBYTE / 1024}`);
    this.get("PRAGMA temp_store = MEMORY");
    this.get("PRAGMA mmap_size = 0");
  }

  /** Runs a statement; returns how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** The first row of what a statement finds; `undefined`: there is none. */
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  /** All rows that a statement finds. */
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** The rows that a statement finds, one by one. */
  iterate<Row>(sql: string, ...values: SQLInputValue[]): Iterable<Row> {
    return this.#prepare(sql).iterate(...values) as Iterable<Row>;
  }

  /** Does all of `work` or nothing. */
  transaction(work: () => void): void {
    this.run("BEGIN IMMEDIATE");
    try {
      work();
      this.run("COMMIT");
    } catch (error) {
      // Some faults have rolled it back already.
      if (this.#database.isTransaction) this.run("ROLLBACK");
      throw error;
    }
  }

  /** Writes the log back into the file, down to the disk. */
  checkpoint(): void {
    this.get("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** Lets go of the file, after a checkpoint. */
  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Makes sure that there is a file, since what SQLite makes could be read by everybody; returns whether it is new. */
function createFile(path: string): boolean {
  try {
    const { isDirectory, size } = Deno.statSync(path);
    if (isDirectory) throw new Error(`${path}: is a folder: name a file in it`);
    // A new file is never taken for granted: this one may have been a database that something has cut off.
    if (size === 0) throw new Error(`${path}: is empty: restore it from a backup, or remove it to begin anew`);
    return false;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw nameFault(path, error);
  }
  if (exists(`${path}-wal`)) {
    // SQLite would throw it away.
    throw new Error(
      `${path}: is missing, but its log ${path}-wal is there: restore both from a backup, or remove the log to begin anew`,
    );
  }
  try {
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`${path}: its folder is missing: create it`);
    throw nameFault(path, error);
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function nameFault(path: string, error: unknown): Error {
  if (error instanceof Error && error.message.startsWith(path)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(`${path}: cannot be used: make its folder one that this process may write (${reason})`);
}
