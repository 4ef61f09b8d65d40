import { SqliteBatch } from "./batch.ts";
import { SqliteConnection, type SqliteOptions, type SqliteParts } from "./connection.ts";
import { isHarmless, storeErrorOf } from "./faults.ts";
import { checkIdentity, type FileIdentity, identityOf } from "./file.ts";
import {
  deliveryOf,
  type DeliveryRow,
  MESSAGE_COLUMNS,
  messageOf,
  type MessageRow,
  subscriptionOf,
  type SubscriptionRow,
  willOf,
  type WillRow,
} from "./rows.ts";
import { endedSessions, Sweep } from "./sweep.ts";
import { stringOf, textOf } from "./text.ts";
import type {
  Change,
  DeliveryRange,
  StoredClock,
  StoredDelivery,
  StoredRetained,
  StoredSession,
  StoredWill,
} from "../store.ts";

/** The numbers that a database has when it is opened; see {@linkcode StoredState}. */
export interface LastNumbers {
  readonly lastMessageId: number;
  readonly lastSession: number;
}

/** What a database tells when it is opened; see {@linkcode StoredState}. */
export interface Opened extends LastNumbers {
  readonly clock?: StoredClock;
}

interface MetaRow {
  readonly last_message: number;
  readonly last_session: number;
  readonly clock_at: number | null;
  readonly clock_epoch: number | null;
}

interface SessionRow {
  readonly session: number;
  readonly client: string | Uint8Array;
  readonly username: string | Uint8Array | null;
  readonly expiry: number;
  readonly disconnected_at: number | null;
}

interface HeadRow {
  readonly session: number;
  readonly queued: number;
  readonly queued_bytes: number;
  readonly under_way: number;
  readonly shared: number;
  readonly last: number;
}

/** Sessions, messages or wills of one page; a page is also full once its payloads have {@linkcode PAGE_BYTES}. */
const PAGE_ROWS = 256;
const PAGE_BYTES = 1024 * 1024;
/** Last numbers are written ahead by so many, to be written seldom. */
const MESSAGES_AHEAD = 10_000;
const SESSIONS_AHEAD = 100;

const SELECT_QUEUED = selectDeliveries("d.state = 0", "");
/** SQLite would rather read all that is queued on the way. */
const SELECT_UNDER_WAY = selectDeliveries("d.state > 0", "INDEXED BY under_way");

function selectDeliveries(condition: string, index: string): string {
  return `SELECT d.sequence, d.message, d.qos, d.retain, d.identifiers, d.share, d.state, d.packet, ${MESSAGE_COLUMNS}
    FROM delivery AS d ${index} LEFT JOIN message AS m ON m.id = d.message AND d.state < 2
    WHERE d.session = ? AND d.sequence > ? AND ${condition} ORDER BY d.sequence LIMIT ?`;
}

/** A store in a SQLite database. Every method returns when it is done, which may take as long as a disk takes. */
export class SqliteDatabase {
  readonly #options: SqliteOptions;
  readonly #parts: SqliteParts;
  #connection: SqliteConnection | undefined;
  #isOpen = false;
  /** Of the file, which must be the same whenever it is opened again. */
  #identity: FileIdentity;
  /** Sessions that have ended but of which there are deliveries still, which nobody gets any more. */
  readonly #ended = new Set<number>();
  #reserved: LastNumbers = { lastMessageId: 0, lastSession: 0 };

  constructor(options: SqliteOptions, parts: SqliteParts = {}) {
    this.#options = options;
    this.#parts = parts;
  }

  /**
   * Opens the database, or makes it.
   *
   * @throws {Error} as {@linkcode Store.open} says
   */
  open(): Opened {
    this.#connection = SqliteConnection.open(this.#options, this.#parts);
    this.#identity = identityOf(this.#options.path);
    this.#use((connection) => this.#findEnded(connection));
    const sql = "SELECT last_message, last_session, clock_at, clock_epoch FROM meta";
    const meta = this.#use((connection) => connection.get<MetaRow>(sql)!);
    this.#reserved = { lastMessageId: meta.last_message, lastSession: meta.last_session };
    this.#isOpen = true;
    const { clock_at: at, clock_epoch: epoch } = meta;
    return { ...this.#reserved, ...at !== null && epoch !== null && { clock: { at, epoch } } };
  }

  /** Applies all changes, or none; see {@linkcode Store.append}. */
  append(changes: Iterable<Change>): void {
    this.#use((connection) => {
      const batch = new SqliteBatch(connection);
      let reserved = this.#reserved;
      connection.transaction(() => {
        batch.apply(changes);
        reserved = this.#reserve(connection, batch);
      });
      this.#reserved = reserved;
      for (const session of batch.unswept) this.#ended.add(session);
    });
  }

  /** There is something that {@linkcode SqliteDatabase.tidy} can do. */
  get isUntidy(): boolean {
    return this.#connection !== undefined && this.#ended.size > 0;
  }

  /** Deletes a part of what ended sessions have left. It takes little time, so that what comes meanwhile waits for little. */
  tidy(): void {
    if (!this.isUntidy) return;
    this.#use((connection) => {
      const swept: number[] = [];
      connection.transaction(() => {
        const sweep = new Sweep(connection);
        for (const session of this.#ended) {
          if (!sweep.delete(session)) break;
          swept.push(session);
        }
      });
      for (const session of swept) this.#ended.delete(session);
    });
  }

  /** Sessions with a number above `after`, by ascending number; none: there are no more. */
  sessions(after: number): StoredSession[] {
    return this.#use((connection) => {
      const sql = "SELECT * FROM session WHERE session > ? ORDER BY session LIMIT ?";
      const rows = connection.all<SessionRow>(sql, after, PAGE_ROWS);
      return readSessions(connection, rows);
    });
  }

  /** Retained messages with serials above `after`, by ascending serial; none: there are no more. */
  retained(after: number): StoredRetained[] {
    const sql = `SELECT retained.serial, ${MESSAGE_COLUMNS} FROM retained JOIN message AS m ON m.id = retained.message
      WHERE retained.serial > ? ORDER BY retained.serial LIMIT ?`;
    return this.#use((connection) => {
      const rows = connection.iterate<MessageRow & { readonly serial: number }>(sql, after, PAGE_ROWS);
      return takeBytes(rows, PAGE_BYTES).map((row) => ({ serial: row.serial, message: messageOf(row) }));
    });
  }

  /** Wills of clients whose identifiers come after `after`; `undefined`: from the first on. None: there are no more. */
  wills(after: string | undefined): StoredWill[] {
    return this.#use((connection) => {
      const rows = pageAfter<WillRow>(connection, "SELECT * FROM will", "client", after);
      return takeBytes(rows, PAGE_BYTES).map(willOf);
    });
  }

  /** A part of a session's deliveries; see {@linkcode Store.deliveries}. */
  deliveries(session: number, { underWay, after, maximumMessages, maximumBytes }: DeliveryRange): StoredDelivery[] {
    return this.#use((connection) => {
      if (this.#ended.has(session)) return [];
      const sql = underWay ? SELECT_UNDER_WAY : SELECT_QUEUED;
      const rows = connection.iterate<DeliveryRow>(sql, session, after, maximumMessages);
      return takeBytes(rows, maximumBytes).map(deliveryOf);
    });
  }

  /** Writes the log back and lets go of the file. */
  close(): void {
    this.#isOpen = false;
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** Calls `work` with a connection that is in order; faults become {@linkcode StoreError}s. */
  #use<T>(work: (connection: SqliteConnection) => T): T {
    try {
      return work(this.#connection ??= this.#reopen());
    } catch (error) {
      if (!isHarmless(error)) this.#forsake();
      throw storeErrorOf(this.#options.path, error);
    }
  }

  #reopen(): SqliteConnection {
    if (!this.#isOpen) throw new Error("the store is not open");
    checkIdentity(this.#options.path, this.#identity);
    const connection = SqliteConnection.open(this.#options, this.#parts);
    try {
      // What the log holds may have failed to reach the disk, and a later sync would not tell; the file is synced anew.
      connection.checkpoint();
      this.#findEnded(connection);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  #findEnded(connection: SqliteConnection): void {
    this.#ended.clear();
    for (const session of endedSessions(connection)) this.#ended.add(session);
  }

  /** After a fault of the disk nothing is known of a connection: the next call opens another. */
  #forsake(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    try {
      connection?.close();
    } catch {
      // It was of no use any more, and what is wrong is being reported.
    }
  }

  #reserve(connection: SqliteConnection, { lastMessageId, lastSession }: LastNumbers): LastNumbers {
    const { lastMessageId: message, lastSession: session } = this.#reserved;
    if (lastMessageId <= message && lastSession <= session) return this.#reserved;
    const reserved = {
      lastMessageId: lastMessageId <= message ? message : ahead(lastMessageId, MESSAGES_AHEAD),
      lastSession: lastSession <= session ? session : ahead(lastSession, SESSIONS_AHEAD),
    };
    connection.run("UPDATE meta SET last_message = ?, last_session = ?", reserved.lastMessageId, reserved.lastSession);
    return reserved;
  }
}

/** Rows by the order of `key`, the first of which comes after `after`; `undefined`: from the first on. */
function pageAfter<Row>(
  connection: SqliteConnection,
  select: string,
  key: string,
  after: string | undefined,
): Iterable<Row> {
  // A condition that holds for the first page too would keep SQLite from using the index.
  const [where, values] = after === undefined ? ["", []] : [`WHERE ${key} > ?`, [textOf(after)]];
  return connection.iterate<Row>(`${select} ${where} ORDER BY ${key} LIMIT ?`, ...values, PAGE_ROWS);
}

function ahead(number: number, by: number): number {
  return Math.min(number + by, Number.MAX_SAFE_INTEGER);
}

/** Rows until their payloads have `maximumBytes`; at least one. */
function takeBytes<Row extends { readonly payload: Uint8Array | null }>(
  rows: Iterable<Row>,
  maximumBytes: number,
): Row[] {
  const taken: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    taken.push(row);
    bytes += row.payload?.length ?? 0;
    if (bytes >= maximumBytes) break;
  }
  return taken;
}

/** Adds to the sessions of a page, which have ascending numbers, what other tables know of them. */
function readSessions(connection: SqliteConnection, rows: readonly SessionRow[]): StoredSession[] {
  const range = [rows[0]?.session ?? 0, rows.at(-1)?.session ?? 0];
  const where = "WHERE session BETWEEN ? AND ?";
  const subscriptions = connection.all<SubscriptionRow>(`SELECT * FROM subscription ${where}`, ...range);
  const unreleased = connection.all<{ session: number; packet: number }>(
    `SELECT session, packet FROM unreleased ${where}`,
    ...range,
  );
  const heads = connection.all<HeadRow>(
    `SELECT session, sum(state = 0) AS queued, sum(CASE state WHEN 0 THEN size ELSE 0 END) AS queued_bytes,
      sum(state = 1) AS under_way, sum(state < 2 AND share IS NOT NULL) AS shared, max(sequence) AS last FROM delivery ${where} GROUP BY session`,
    ...range,
  );
  const subscriptionsOf = Map.groupBy(subscriptions, ({ session }) => session);
  const unreleasedOf = Map.groupBy(unreleased, ({ session }) => session);
  const headOf = new Map(heads.map((head) => [head.session, head]));
  return rows.map(({ session, client, username, expiry, disconnected_at: disconnectedAt }) => ({
    session,
    clientIdentifier: stringOf(client),
    ...username !== null && { username: stringOf(username) },
    expiryIntervalSeconds: expiry,
    ...disconnectedAt !== null && { disconnectedAt },
    subscriptions: (subscriptionsOf.get(session) ?? []).map(subscriptionOf),
    unreleased: (unreleasedOf.get(session) ?? []).map(({ packet }) => packet),
    queued: headOf.get(session)?.queued ?? 0,
    queuedBytes: headOf.get(session)?.queued_bytes ?? 0,
    underWay: headOf.get(session)?.under_way ?? 0,
    shared: headOf.get(session)?.shared ?? 0,
    lastSequence: headOf.get(session)?.last ?? 0,
  }));
}
