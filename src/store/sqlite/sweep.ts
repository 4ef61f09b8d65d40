import type { SqliteConnection } from "./connection.ts";

/** What one transaction deletes of the deliveries of ended sessions, so that no other has to wait long for it. */
const SLICE_ROWS = 2000;
/** The same for the bytes of their messages. */
const SLICE_BYTES = 8 * 1024 * 1024;

/** Deletes deliveries of ended sessions within one transaction, as many as one slice allows. */
export class Sweep {
  readonly #connection: SqliteConnection;
  #rows = SLICE_ROWS;
  #bytes = SLICE_BYTES;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  /**
   * Deletes a session's deliveries from the first on, with the bodies that nobody else refers to.
   *
   * @returns whether nothing is left of them
   */
  delete(session: number): boolean {
    const connection = this.#connection;
    if (this.#rows > 0 && this.#bytes > 0) this.#deleteSlice(session);
    return connection.get("SELECT 1 FROM delivery WHERE session = ? LIMIT 1", session) === undefined;
  }

  #deleteSlice(session: number): void {
    const slice = this.#connection.get<{ rows: number; bytes: number | null; last: number | null }>(
      `SELECT count(*) AS rows, sum(size) AS bytes, max(sequence) AS last FROM (
        SELECT sequence, size, sum(size) OVER (ORDER BY sequence) - size AS before
          FROM (SELECT sequence, size FROM delivery WHERE session = ? ORDER BY sequence LIMIT ?)
      ) WHERE before < ?`,
      session,
      this.#rows,
      this.#bytes,
    )!;
    if (slice.last === null) return;
    this.#rows -= slice.rows;
    this.#bytes -= slice.bytes ?? 0;
    this.#dropBodies(session, slice.last);
    this.#connection.run("DELETE FROM delivery WHERE session = ? AND sequence <= ?", session, slice.last);
  }

  #dropBodies(session: number, last: number): void {
    const connection = this.#connection;
    const deliveries = "FROM delivery WHERE session = ? AND sequence <= ? AND state < 2";
    const { total } = connection.get<{ total: number }>(`SELECT count(*) AS total ${deliveries}`, session, last)!;
    // Most bodies go with their only reference; what is left is counted.
    const only = `DELETE FROM message WHERE refs = 1 AND id IN (SELECT message ${deliveries})`;
    if (total === 0 || connection.run(only, session, last) === total) return;
    connection.run(
      `UPDATE message SET refs = refs - d.n FROM (SELECT message, count(*) AS n ${deliveries} GROUP BY message) AS d
        WHERE message.id = d.message`,
      session,
      last,
    );
    connection.run(`DELETE FROM message WHERE refs = 0 AND id IN (SELECT message ${deliveries})`, session, last);
  }
}

/**
 * Sessions that have ended while deliveries of theirs are still there; a session's number is never given twice. Looks at
 * one delivery of each session only.
 */
export function endedSessions(connection: SqliteConnection): number[] {
  const sql = `WITH RECURSIVE holder (session) AS (
      SELECT min(session) FROM delivery
      UNION ALL SELECT (SELECT min(session) FROM delivery WHERE session > holder.session) FROM holder
        WHERE holder.session IS NOT NULL
    ) SELECT session FROM holder WHERE session IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM session WHERE session.session = holder.session)`;
  return connection.all<{ session: number }>(sql).map(({ session }) => session);
}
