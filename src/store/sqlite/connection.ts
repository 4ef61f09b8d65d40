import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { describeFault } from "./faults.ts";
import { createFile, unloggedSizeBytes } from "./file.ts";
import { createLayout, migrate, type Migration, migrations } from "./layout.ts";
import { host } from "../../runtime/host.ts";

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
/** Large enough that a large payload is not spread over very many of them. A file that is there keeps its own. */
const PAGE_BYTES = 16 * 1024;
/** The log is written back when it has so much: little, since nothing is committed meanwhile. */
const CHECKPOINT_BYTES = 2 * MEBIBYTE;
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
    const sizeBytes = isNew ? 0 : unloggedSizeBytes(path);
    const { openFile = (file) => new DatabaseSync(file), migrations: steps = migrations } = parts;
    let connection: SqliteConnection | undefined;
    try {
      connection = new SqliteConnection(openFile(path));
      connection.#configure(commit, isNew);
      connection.checkSize(sizeBytes);
      migrate(connection, path, steps);
      return connection;
    } catch (error) {
      connection?.close();
      // Else the next start would take it for what is left of a database.
      if (isNew && host.statSync(path).size === 0) host.removeSync(path);
      throw new Error(describeFault(path, error), { cause: error });
    }
  }

  /**
   * Opens a file for looking at it only: `as-it-is`, without its log and whatever others do with it meanwhile, or with the
   * locks of others.
   */
  static openForReading(path: string, how: "as-it-is" | "as-others-leave-it"): SqliteConnection {
    const url = pathToFileURL(path).href;
    const file = how === "as-it-is" ? `${url}?immutable=1` : url;
    const connection = new SqliteConnection(new DatabaseSync(file, { readOnly: true }));
    connection.get("PRAGMA busy_timeout = 0");
    return connection;
  }

  /**
   * SQLite notices when whole pages are missing, but takes what is missing of the last one for zeros.
   *
   * @param sizeBytes of a file beside which there is no log
   * @throws {Error} if that cannot be
   */
  checkSize(sizeBytes: number): void {
    const { page_size: pageBytes } = this.get<{ page_size: number }>("PRAGMA page_size")!;
    if (sizeBytes % pageBytes !== 0) throw new Error("database disk image is malformed: its last page is cut off");
  }

  #configure(commit: Commit, isNew: boolean): void {
    if (isNew) this.get(`PRAGMA page_size = ${PAGE_BYTES}`);
    this.get(`PRAGMA busy_timeout = ${LOCK_PATIENCE_MS}`);
    this.get("PRAGMA locking_mode = EXCLUSIVE");
    // Before the log is there, so that a file is either empty or has its layout.
    if (isNew) createLayout(this);
    this.get("PRAGMA journal_mode = WAL");
    // NORMAL does not sync a commit, but does sync around checkpoints. OFF would leave that out too, and a power cut
    // between the two could then damage the file itself.
    this.get(`PRAGMA synchronous = ${commit === "disk" ? "FULL" : "NORMAL"}`);
    const { page_size: pageBytes } = this.get<{ page_size: number }>("PRAGMA page_size")!;
    this.get(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_BYTES / pageBytes}`);
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
