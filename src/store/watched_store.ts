import { storeErrorOf } from "./sqlite_faults.ts";
import { type FileIdentity, identityOf } from "./sqlite_file.ts";
import {
  type Change,
  type DeliveryRange,
  type Store,
  type StoredDelivery,
  type StoredState,
  StoreError,
} from "./store.ts";

/** How often the file is looked at, in milliseconds. */
const PERIOD_MS = 2000;

const FILE_HELP =
  "put the file that was there back in its place, or restart the broker to go on with what is there now, " +
  "which may be nothing";
const LOG_HELP =
  "put it back, or shut the broker down and start it again: a shutdown saves what the log held, a kill " +
  "does not";

/** What tests put in another's place. */
export interface WatchedStoreParts {
  /** Milliseconds that only grow. @default `performance.now` */
  readonly now?: () => number;
}

/**
 * A store in a file that is looked at now and then: one that was deleted or replaced could be written for ever, and be
 * gone at the next start. Nothing is stored then, until the file that was opened is back.
 */
export class WatchedStore implements Store {
  readonly #store: Store;
  readonly #path: string;
  readonly #now: () => number;
  #identity: FileIdentity;
  #nextLookMs = 0;
  /** The log beside the file was seen since it was opened: it must stay, too. */
  #hasLog = false;

  constructor(store: Store, path: string, parts: WatchedStoreParts = {}) {
    this.#store = store;
    this.#path = path;
    this.#now = parts.now ?? (() => performance.now());
  }

  async open(): Promise<StoredState> {
    const state = await this.#store.open();
    this.#identity = this.#identityOf(this.#path);
    this.#nextLookMs = this.#now() + PERIOD_MS;
    return state;
  }

  append(changes: readonly Change[]): Promise<void> {
    return this.#watched(() => this.#store.append(changes));
  }

  deliveries(session: number, range: DeliveryRange): Promise<readonly StoredDelivery[]> {
    return this.#watched(() => this.#store.deliveries(session, range));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #watched<T>(call: () => Promise<T>): Promise<T> {
    this.#look();
    try {
      return await call();
    } catch (error) {
      // The database is opened anew, and nothing but the same file must be taken for it.
      this.#nextLookMs = 0;
      this.#hasLog = false;
      throw error;
    }
  }

  /** @throws {StoreError} if the file is not the one that was opened */
  #look(): void {
    const nowMs = this.#now();
    if (nowMs < this.#nextLookMs) return;
    this.#check(this.#identityOf(this.#path), this.#identityOf(`${this.#path}-wal`) !== "missing");
    this.#nextLookMs = nowMs + PERIOD_MS;
  }

  #check(found: FileIdentity, hasLog: boolean): void {
    if (found !== this.#identity) {
      const what = found === "missing" ? "deleted or moved away" : "replaced by another file";
      throw new StoreError(`${this.#path}: was ${what} while it was in use: ${FILE_HELP}`, "corrupt");
    }
    if (this.#hasLog && !hasLog) {
      throw new StoreError(`${this.#path}-wal: was deleted or moved away while it was in use: ${LOG_HELP}`, "corrupt");
    }
    this.#hasLog = hasLog;
  }

  #identityOf(path: string): FileIdentity {
    try {
      return identityOf(path);
    } catch (error) {
      throw storeErrorOf(this.#path, error);
    }
  }
}
