import type { AdminRole } from "../config/config.ts";
import { type Logger, loggerOf } from "../logger.ts";
import { escapeUnseen, quote } from "../quote.ts";
import { Ring } from "./ring.ts";

const RECORDS = 1000;
const LONGEST_DETAIL = 1000;

/** Something that somebody did through the API. */
export interface AuditRecord {
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly who: string;
  readonly role: AdminRole;
  /** `undefined`: not known. */
  readonly address: string | undefined;
  /** Path of the route. */
  readonly action: string;
  /** What it was done to, as JSON; without payloads and passwords. */
  readonly detail: string;
}

/** Who did what, and when: the last records, and all of them in the log's category `audit`. */
export class Audit {
  readonly #logger: Logger;
  readonly #records = new Ring<AuditRecord>(RECORDS);

  constructor(logger: Logger) {
    this.#logger = loggerOf(logger, "audit");
  }

  add(record: Omit<AuditRecord, "detail">, body: Readonly<Record<string, unknown>>): void {
    const { payload, ...shown } = body;
    const size = typeof payload === "string" ? { ...shown, payload: `${payload.length} characters` } : shown;
    const detail = escapeUnseen(JSON.stringify(size)).slice(0, LONGEST_DETAIL);
    this.#records.push({ ...record, detail });
    const { who, role, address = "unknown", action } = record;
    this.#logger.info(`audit: ${quote(who)} (${role}) from ${address}: ${action} ${detail}`);
  }

  newestFirst(): Iterable<AuditRecord> {
    return this.#records.newestFirst();
  }
}
