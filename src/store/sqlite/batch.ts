import { encodeProperties } from "./properties_text.ts";
import type { SqliteConnection } from "./connection.ts";
import { Sweep } from "./sweep.ts";
import { optionalTextOf, textOf } from "./text.ts";
import { type Change, type StoredMessage, StoreError } from "../store.ts";

type Of<Type extends Change["type"]> = Extract<Change, { type: Type }>;

const QUEUED = 0;
const SENT = 1;
const RELEASED = 2;

/**
 * Applies the changes of one transaction. Each statement brings about a state, whatever was there before, so that
 * changes whose commit was reported as failed although it had worked may be given again.
 */
export class SqliteBatch {
  readonly #connection: SqliteConnection;
  /** Bodies of this transaction; written only if something refers to them at its end. */
  readonly #bodies = new Map<number, StoredMessage>();
  /** By how much the number of references to a message changes. */
  readonly #references = new Map<number, number>();
  /** Messages that are not there, which is no harm if at the end nothing refers to them. */
  readonly #missing = new Set<number>();
  readonly #sweep: Sweep;
  readonly #unswept: number[] = [];
  #lastMessageId = 0;
  #lastSession = 0;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
    this.#sweep = new Sweep(connection);
  }

  /** Highest message id among the changes; 0: none. */
  get lastMessageId(): number {
    return this.#lastMessageId;
  }

  /** Highest session number among the changes; 0: none. */
  get lastSession(): number {
    return this.#lastSession;
  }

  /** Sessions that have ended, with too many deliveries to be deleted in one transaction. */
  get unswept(): readonly number[] {
    return this.#unswept;
  }

  /** Applies all changes; to be called once, within a transaction. */
  apply(changes: Iterable<Change>): void {
    for (const change of changes) this.#apply(change);
    this.#writeBodies();
    for (const id of this.#missing) this.#checkUnneeded(id);
  }

  /** Changes that are given again may make what was there and gone, and end it again; nothing else may. */
  #checkUnneeded(id: number): void {
    const sql = `SELECT 1 FROM delivery WHERE message = ? AND state < ${RELEASED}
      UNION ALL SELECT 1 FROM retained WHERE message = ? LIMIT 1`;
    if (this.#connection.get(sql, id, id) === undefined) return;
    throw new StoreError(`a delivery or retained message refers to message ${id}, which is not stored`, "rejected");
  }

  #apply(change: Change): void {
    const connection = this.#connection;
    switch (change.type) {
      case "message":
        return this.#message(change.message);
      case "delivery":
        return this.#delivery(change);
      case "sent":
      case "released":
      case "settled":
        return this.#step(change);
      case "session":
        return this.#session(change);
      case "session-end":
        return this.#endSession(change.session);
      case "subscribe":
        return this.#subscribe(change);
      case "retained-sent":
        return this.#retainedSent(change);
      case "unsubscribe":
        connection.run(
          "DELETE FROM subscription WHERE session = ? AND filter = ?",
          change.session,
          textOf(change.topicFilter),
        );
        return;
      case "accept":
        connection.run("INSERT OR IGNORE INTO unreleased VALUES (?, ?)", change.session, change.packetIdentifier);
        return;
      case "release":
        connection.run(
          "DELETE FROM unreleased WHERE session = ? AND packet = ?",
          change.session,
          change.packetIdentifier,
        );
        return;
      case "retain":
        return this.#retain(change);
      case "clear":
        return this.#clear(change.topicName);
      case "will":
        return this.#will(change);
      case "will-end":
        return void connection.run("DELETE FROM will WHERE client = ?", textOf(change.clientIdentifier));
      case "clock":
        return void connection.run("UPDATE meta SET clock_at = ?, clock_epoch = ?", change.at, change.epoch);
    }
  }

  #message(message: StoredMessage): void {
    this.#bodies.set(message.id, message);
    this.#lastMessageId = Math.max(this.#lastMessageId, message.id);
  }

  #delivery({ session, sequence, messageId, subscriptionIdentifiers: identifiers, ...rest }: Of<"delivery">): void {
    const added = this.#connection.run(
      "INSERT OR IGNORE INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      session,
      sequence,
      messageId,
      rest.sizeBytes,
      rest.qos,
      Number(rest.retain),
      identifiers === undefined ? null : JSON.stringify(identifiers),
      optionalTextOf(rest.share),
      rest.state === "queued" ? QUEUED : SENT,
      rest.packetIdentifier,
    );
    if (added > 0) this.#refer(messageId, 1);
  }

  #step(change: Of<"sent"> | Of<"released"> | Of<"settled">): void {
    const { session, sequence } = change;
    if (change.type === "sent") {
      this.#connection.run(
        "UPDATE delivery SET state = ?, packet = ? WHERE session = ? AND sequence = ? AND state < ?",
        SENT,
        change.packetIdentifier,
        session,
        sequence,
        RELEASED,
      );
      return;
    }
    const sql = change.type === "released"
      ? `UPDATE delivery SET state = ${RELEASED} WHERE session = ? AND sequence = ? AND state < ${RELEASED}
        RETURNING message, ${SENT} AS state`
      : "DELETE FROM delivery WHERE session = ? AND sequence = ? RETURNING message, state";
    const row = this.#connection.get<{ message: number; state: number }>(sql, session, sequence);
    if (row !== undefined && row.state !== RELEASED) this.#refer(row.message, -1);
  }

  #session(change: Of<"session">): void {
    this.#lastSession = Math.max(this.#lastSession, change.session);
    this.#connection.run(
      "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?)",
      change.session,
      textOf(change.clientIdentifier),
      optionalTextOf(change.username),
      change.expiryIntervalSeconds,
      change.disconnectedAt ?? null,
    );
  }

  #endSession(session: number): void {
    // Set by set, since a session may have any number of deliveries; so the bodies must be there.
    this.#writeBodies();
    for (const table of ["subscription", "unreleased", "session"]) {
      this.#connection.run(`DELETE FROM ${table} WHERE session = ?`, session);
    }
    if (!this.#sweep.delete(session)) this.#unswept.push(session);
  }

  #subscribe({ session, subscription, retained }: Of<"subscribe">): void {
    this.#connection.run(
      "INSERT OR REPLACE INTO subscription VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      session,
      textOf(subscription.topicFilter),
      subscription.qos,
      Number(subscription.noLocal),
      Number(subscription.retainAsPublished),
      subscription.identifier ?? null,
      retained?.after ?? null,
      retained?.upTo ?? null,
    );
  }

  #retainedSent({ session, topicFilter, retained }: Of<"retained-sent">): void {
    this.#connection.run(
      "UPDATE subscription SET retained_after = ?, retained_up_to = ? WHERE session = ? AND filter = ?",
      retained?.after ?? null,
      retained?.upTo ?? null,
      session,
      textOf(topicFilter),
    );
  }

  #retain({ topicName, messageId, serial }: Of<"retain">): void {
    this.#clear(topicName);
    this.#connection.run("INSERT INTO retained VALUES (?, ?, ?)", serial, textOf(topicName), messageId);
    this.#refer(messageId, 1);
  }

  #clear(topicName: string): void {
    const sql = "DELETE FROM retained WHERE topic = ? RETURNING message";
    const former = this.#connection.get<{ message: number }>(sql, textOf(topicName));
    if (former !== undefined) this.#refer(former.message, -1);
  }

  #will({ clientIdentifier, username, will, dueAt }: Of<"will">): void {
    this.#connection.run(
      "INSERT OR REPLACE INTO will VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      textOf(clientIdentifier),
      optionalTextOf(username),
      textOf(will.topicName),
      will.payload,
      will.qos,
      Number(will.retain),
      encodeProperties(will.properties),
      will.delayIntervalSeconds,
      dueAt ?? null,
    );
  }

  #refer(messageId: number, by: 1 | -1): void {
    this.#references.set(messageId, (this.#references.get(messageId) ?? 0) + by);
  }

  /** Writes, counts or deletes each body whose number of references has changed. */
  #writeBodies(): void {
    for (const [id, by] of this.#references) {
      if (by < 0) this.#drop(id, -by);
      else if (by > 0) this.#keep(id, by);
    }
    this.#references.clear();
  }

  #drop(id: number, by: number): void {
    // Most messages have but one reference.
    if (this.#connection.run("DELETE FROM message WHERE id = ? AND refs = ?", id, by) > 0) return;
    this.#connection.run("UPDATE message SET refs = refs - ? WHERE id = ?", by, id);
  }

  #keep(id: number, by: number): void {
    const body = this.#bodies.get(id);
    if (body === undefined) {
      if (this.#connection.run("UPDATE message SET refs = refs + ? WHERE id = ?", by, id) > 0) return;
      this.#missing.add(id);
      return;
    }
    this.#connection.run(
      `INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET refs = refs + excluded.refs`,
      id,
      textOf(body.topicName),
      body.payload,
      body.qos,
      Number(body.retain),
      encodeProperties(body.properties),
      optionalTextOf(body.publisher),
      body.expiresAt ?? null,
      by,
    );
  }
}
