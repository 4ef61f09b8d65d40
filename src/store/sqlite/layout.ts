/** The tables, and how a database of an older layout becomes one of today's. */
import type { SQLInputValue } from "node:sqlite";
import { textOf } from "./text.ts";

/** What is needed of a database to change its layout. */
export interface LayoutDatabase {
  run(sql: string, ...values: SQLInputValue[]): unknown;
  get<Row extends object>(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all<Row extends object>(sql: string, ...values: SQLInputValue[]): Row[];
  /** Does all of `work`, or none. */
  transaction(work: () => void): void;
}

/** Takes a database from one layout to the next, inside a transaction. */
export type Migration = (connection: LayoutDatabase) => void;

/** Migration `n - 1` makes layout `n + 1` of layout `n`. New databases go the same way, from layout 1 on. */
export const migrations: readonly Migration[] = [tellClock, retainedInOrder];

/** Layout 2 knows how its times stand to the system's clock, and keeps strings as `textOf` says. */
function tellClock(connection: LayoutDatabase): void {
  connection.run("ALTER TABLE meta ADD COLUMN clock_at INTEGER");
  connection.run("ALTER TABLE meta ADD COLUMN clock_epoch INTEGER");
  for (const [table, columns] of Object.entries(STRINGS)) {
    for (const column of columns) keepWhole(connection, table, column);
  }
}

/** What a client, a plugin or the program has named. */
const STRINGS: Readonly<Record<string, readonly string[]>> = {
  session: ["client", "username"],
  subscription: ["filter"],
  message: ["topic", "publisher"],
  delivery: ["share"],
  retained: ["topic"],
  will: ["client", "username", "topic"],
};

/** Strings with U+0000 are there as a whole in a column of an older layout, but were read up to that. */
function keepWhole(connection: LayoutDatabase, table: string, column: string): void {
  const sql =
    `SELECT DISTINCT CAST(${column} AS BLOB) AS bytes FROM ${table} WHERE instr(CAST(${column} AS BLOB), x'00')`;
  for (const { bytes } of connection.all<{ bytes: Uint8Array }>(sql)) {
    const text = textOf(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
    connection.run(`UPDATE ${table} SET ${column} = ? WHERE ${column} = CAST(? AS TEXT)`, text, bytes);
  }
}

/** Written into the file's header, so that other programs' databases are told from the broker's. */
const APPLICATION_ID = 0x414d5154;

/**
 * `message.refs` counts the deliveries that are not released and the retained entry; a body nobody refers to is not
 * there. `meta.last_message` and `meta.last_session` are at least as high as any number that was ever stored.
 */
const layout1: readonly string[] = [
  `PRAGMA application_id = ${APPLICATION_ID}`,
  "CREATE TABLE meta (layout INTEGER NOT NULL, last_message INTEGER NOT NULL, last_session INTEGER NOT NULL)",
  "INSERT INTO meta VALUES (1, 0, 0)",
  `CREATE TABLE session (session INTEGER PRIMARY KEY, client TEXT NOT NULL, username TEXT, expiry INTEGER NOT NULL,
    disconnected_at INTEGER)`,
  `CREATE TABLE subscription (session INTEGER NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL,
    no_local INTEGER NOT NULL, retain_as_published INTEGER NOT NULL, identifier INTEGER,
    PRIMARY KEY (session, filter)) WITHOUT ROWID`,
  `CREATE TABLE unreleased (session INTEGER NOT NULL, packet INTEGER NOT NULL,
    PRIMARY KEY (session, packet)) WITHOUT ROWID`,
  `CREATE TABLE message (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL, qos INTEGER NOT NULL,
    retain INTEGER NOT NULL, properties TEXT, publisher TEXT, expires_at INTEGER, refs INTEGER NOT NULL)`,
  `CREATE TABLE delivery (session INTEGER NOT NULL, sequence INTEGER NOT NULL, message INTEGER NOT NULL,
    size INTEGER NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL, identifiers TEXT, share TEXT,
    state INTEGER NOT NULL, packet INTEGER NOT NULL, PRIMARY KEY (session, sequence)) WITHOUT ROWID`,
  "CREATE INDEX under_way ON delivery (session, sequence) WHERE state > 0",
  "CREATE TABLE retained (topic TEXT PRIMARY KEY, message INTEGER NOT NULL) WITHOUT ROWID",
  `CREATE TABLE will (client TEXT PRIMARY KEY, username TEXT, topic TEXT NOT NULL, payload BLOB NOT NULL,
    qos INTEGER NOT NULL, retain INTEGER NOT NULL, properties TEXT, delay INTEGER NOT NULL,
    due_at INTEGER) WITHOUT ROWID`,
];

/** Layout 3: retained messages have an order, and subscriptions say how far they have got in it. */
function retainedInOrder(connection: LayoutDatabase): void {
  connection.run("ALTER TABLE retained RENAME TO retained_1");
  connection.run(
    "CREATE TABLE retained (serial INTEGER PRIMARY KEY, topic TEXT NOT NULL UNIQUE, message INTEGER NOT NULL)",
  );
  connection.run("INSERT INTO retained SELECT row_number() OVER (ORDER BY message), topic, message FROM retained_1");
  connection.run("DROP TABLE retained_1");
  connection.run("ALTER TABLE subscription ADD COLUMN retained_after INTEGER");
  connection.run("ALTER TABLE subscription ADD COLUMN retained_up_to INTEGER");
}

/** Makes the tables of layout 1 in an empty database. */
export function createLayout(connection: LayoutDatabase): void {
  connection.transaction(() => {
    for (const sql of layout1) connection.run(sql);
  });
}

/**
 * Brings a database to today's layout, all steps or none.
 *
 * @throws {Error} if it is of another program or of a newer layout
 */
export function migrate(connection: LayoutDatabase, path: string, steps: readonly Migration[]): void {
  const { application_id: id } = connection.get<{ application_id: number }>("PRAGMA application_id")!;
  if (id !== APPLICATION_ID) throw new Error(`${path}: is a database of another program: name another file`);
  const newest = steps.length + 1;
  const found = connection.get<{ layout: number }>("SELECT layout FROM meta")!.layout;
  if (found > newest) {
    throw new Error(
      `${path}: is of layout ${found}, but this version knows layouts up to ${newest} only: run the newer version ` +
        "that wrote it, or restore a backup",
    );
  }
  if (found === newest) return;
  connection.transaction(() => {
    for (const step of steps.slice(found - 1)) step(connection);
    connection.run("UPDATE meta SET layout = ?", newest);
  });
}
