import { storeErrorOf } from "./faults.ts";
import { checkIdentity, type FileIdentity, identityOf } from "./file.ts";
import {
  type Change,
  type DeliveryRange,
  type Store,
  type StoredDelivery,
  type StoredState,
  StoreError,
} from "../store.ts";

/** How often the file is looked at, in milliseconds. */
const PERIOD_MS = 2000;

const LOG_HELP =
  "put it back, or shut the broker down and start it again: a shutdown saves what the log held, a kill " +
  "does not";

/** Asks for nothing. */
const NOTHING: DeliveryRange = { underWay: true, after: 0, maximumMessages: 1, maximumBytes: 1 };

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
  /** A closer look is under way, which all calls wait for. */
  #closerLook: Promise<void> | undefined;

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
    if (this.#closerLook === undefined && !this.#look()) this.#closerLook = this.#lookCloser();
    if (this.#closerLook !== undefined) await this.#closerLook;
    return await this.#calling(call);
  }

  async #calling<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      // The database is opened anew, and nothing but the same file must be taken for it.
      this.#nextLookMs = 0;
      this.#hasLog = false;
      throw error;
    }
  }

  /**
   * Looks at the file if it is time.
   *
   * @returns false: its log is missing
   * @throws {StoreError} if the file is not the one that was opened
   */
  #look(): boolean {
    const nowMs = this.#now();
    if (nowMs < this.#nextLookMs) return true;
    this.#checkFile();
    const hasLog = this.#identityOf(`${this.#path}-wal`) !== "missing";
    if (this.#hasLog && !hasLog) return false;
    this.#hasLog = hasLog;
    this.#nextLookMs = nowMs + PERIOD_MS;
    return true;
  }

  /** A database that was closed after a fault has no log, but once it has been asked for something it is open again. */
  async #lookCloser(): Promise<void> {
    try {
      await this.#calling(() => this.#store.deliveries(0, NOTHING));
      if (this.#look()) return;
    } finally {
      this.#closerLook = undefined;
    }
    throw new StoreError(`${this.#path}-wal: was deleted or moved away while it was in use: ${LOG_HELP}`, "corrupt");
  }

  #checkFile(): void {
    try {
      checkIdentity(this.#path, this.#identity);
    } catch (error) {
      throw storeErrorOf(this.#path, error);
    }
  }

  #identityOf(path: string): FileIdentity {
    try {
      return identityOf(path);
    } catch (error) {
      throw storeErrorOf(this.#path, error);
    }
  }
}
