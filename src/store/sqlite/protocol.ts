/** What the store and its worker say to each other: one request at a time, and one reply to each. */
import type { PackedChanges } from "./packed_changes.ts";
import type { SqliteOptions } from "./connection.ts";
import type { Opened, SqliteDatabase } from "./database.ts";
import { StoreError } from "../store.ts";

/** The calls a worker answers. */
export interface Calls {
  open(options: SqliteOptions): Opened;
  append(changes: PackedChanges): void;
  sessions: SqliteDatabase["sessions"];
  retained: SqliteDatabase["retained"];
  wills: SqliteDatabase["wills"];
  deliveries: SqliteDatabase["deliveries"];
  close(): void;
}

/** A call with its arguments. */
export type Request = { [Name in keyof Calls]: readonly [name: Name, ...Parameters<Calls[Name]>] }[keyof Calls];

/** What came of a call: its value, or why there is none. */
export type Reply = { readonly value: unknown } | { readonly fault: Fault };

/** An error that can be cloned. */
export interface Fault {
  readonly message: string;
  /** As in {@linkcode StoreError}; `undefined`: it is another error. */
  readonly fault?: StoreError["fault"];
}

/** An error as it is sent. */
export function faultFrom(error: unknown): Fault {
  if (error instanceof StoreError) return { message: error.message, fault: error.fault };
  return { message: error instanceof Error ? error.message : String(error) };
}

/** An error as it was sent. */
export function errorFrom({ message, fault }: Fault): Error {
  return fault === undefined ? new Error(message) : new StoreError(message, fault);
}
