import { Histogram } from "../histogram.ts";
import type { Logger } from "../logger.ts";
import type { Message } from "../message.ts";
import { type Change, type ClockChange, type Store, StoreError } from "../store/store.ts";
import { storedMessage, type Times } from "./stored_message.ts";

/** A change may be altered as long as its batch is gathered. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A change that refers to a message, which gets its number when it is stored. */
export type MessageChange = Mutable<Extract<Change, { readonly messageId: number }>>;

/** A change that waits with its message: if it is taken back before it is stored, nothing of it ever need be. */
export interface PendingMessage {
  readonly message: Message;
  readonly change: MessageChange;
}

type Entry = Change | PendingMessage | undefined;

/** Who waits for a commit. */
export interface CommitWaiter {
  /** Everything up to this position is stored. */
  committed(position: number): void;
}

/** What a {@linkcode WriteQueue} works with. */
export interface WriteQueueParts {
  readonly store: Store;
  readonly logger: Logger;
  readonly times: Times;
  /** Asked with each batch for what goes with it, so that its times are right after a restart. @default nothing */
  readonly clock?: () => ClockChange | undefined;
  /** Highest message id that was ever given. */
  readonly lastMessageId: number;
  /** The store is told nothing before: it is still being read. @default it has been read */
  readonly opened?: Promise<void>;
  /** Told when the store begins to fail, and when it works again. */
  readonly onFault?: (fault: StoreError | undefined) => void;
  /** Milliseconds that only grow, by which commits are timed. @default they are not */
  readonly now?: () => number;
  /** Calls once in so many milliseconds, unless what it returns is called before. @default the system's timer */
  readonly after?: (ms: number, run: () => void) => () => void;
  /** How long to wait after a fault before the changes are given again, in milliseconds. @default 1000 */
  readonly retryMs?: number;
  /** The same after a fault that will not pass by itself. @default 60,000 */
  readonly lastingRetryMs?: number;
}

/** Buckets of what a commit takes, in seconds. */
const LATENCY_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const RETRY_MS = 1000;
const LASTING_RETRY_MS = 60_000;

/**
 * Gathers changes and gives them to the store in batches: what happens while one batch is being stored is the next one.
 * Each change has a position; what was caused by it leaves the broker when that position is committed.
 */
export class WriteQueue {
  /** What a commit takes from when a batch is given to the store, in seconds; tries that fail are part of it. */
  readonly latency: Histogram = new Histogram(LATENCY_SECONDS);
  readonly #parts: WriteQueueParts;
  /** Changes of all commits. */
  #storedChanges = 0;
  /** When the batch that is being stored was given to the store; `undefined`: none is. */
  #givenAtMs: number | undefined;
  #entries: Entry[] = [];
  /** Number of the batch that is being gathered, so that a note tells whether its entry can still be taken back. */
  #batch = 1;
  #position = 0;
  #committed = 0;
  /** Of what is being gathered, and of what is being stored. */
  #gatheredBytes = 0;
  #underWayBytes = 0;
  #lastMessageId: number;
  #running: Promise<void> | undefined;
  #fault: StoreError | undefined;
  #closed = false;
  readonly #waiters = new Set<CommitWaiter>();
  /** Who wants all that they note to be in one batch, and what ends the wait for them. */
  #holders = 0;
  #released: PromiseWithResolvers<void> | undefined;
  /** The batch that was held back last; 0: nothing is in it. */
  #heldBatch = 0;
  #taken: PromiseWithResolvers<void> | undefined;
  /** Ends the wait before the next try. */
  #wake: (() => void) | undefined;

  constructor(parts: WriteQueueParts) {
    this.#parts = parts;
    this.#lastMessageId = parts.lastMessageId;
    this.#running = parts.opened?.then(() => this.#run());
  }

  /** Position of the last change. */
  get position(): number {
    return this.#position;
  }

  /** Position up to which everything is stored. */
  get committed(): number {
    return this.#committed;
  }

  /** What the messages that are not stored yet take in memory. */
  get unstoredBytes(): number {
    return this.#gatheredBytes + this.#underWayBytes;
  }

  /** Changes that were stored, in all commits together. */
  get storedChanges(): number {
    return this.#storedChanges;
  }

  /** How long the store has had the batch that it is storing, in milliseconds; 0: it is storing none. */
  underWayMs(nowMs: number): number {
    return this.#givenAtMs === undefined ? 0 : nowMs - this.#givenAtMs;
  }

  /** What keeps the store from storing; `undefined`: nothing does. */
  get fault(): StoreError | undefined {
    return this.#fault;
  }

  /** The batch that is being gathered. */
  get batch(): number {
    return this.#batch;
  }

  /**
   * Notes a change.
   *
   * @returns its index in the present {@linkcode WriteQueue.batch}
   */
  append(entry: Exclude<Entry, undefined>): number {
    this.#position++;
    if (this.#closed) return 0;
    this.#gatheredBytes += sizeBytes(entry);
    const index = this.#entries.push(entry) - 1;
    if (!this.#running) this.#running = Promise.resolve().then(() => this.#run());
    return index;
  }

  /** Puts an entry in the place of one of the present batch. */
  replace(index: number, entry: Exclude<Entry, undefined>): void {
    this.#position++;
    if (this.#closed) return;
    this.#gatheredBytes += sizeBytes(entry) - sizeBytes(this.#entries[index]);
    this.#entries[index] = entry;
  }

  /** Takes back an entry of the present batch. */
  takeBack(index: number): void {
    this.#position++;
    if (this.#closed) return;
    this.#gatheredBytes -= sizeBytes(this.#entries[index]);
    this.#entries[index] = undefined;
  }

  /**
   * Puts what is noted until the returned function is called into one batch, with all that others note meanwhile. For as
   * long as it takes nothing that was noted is stored, so it must not be long, and must not wait for a commit.
   */
  hold(): () => void {
    this.#holders++;
    this.#heldBatch = this.#batch;
    let holds = true;
    return () => {
      if (!holds) return;
      holds = false;
      if (--this.#holders > 0) return;
      if (this.#entries.length === 0) this.#heldBatch = 0;
      this.#released?.resolve();
      this.#released = undefined;
    };
  }

  /**
   * Resolves when the batch that was held back last is being stored: who holds the next one back before that could put
   * everything off for ever. `undefined`: it is.
   */
  whenHeldIsTaken(): Promise<void> | undefined {
    if (this.#heldBatch !== this.#batch || this.#closed) return undefined;
    return (this.#taken ??= Promise.withResolvers()).promise;
  }

  /** Calls `waiter.committed` after each commit until it is told to stop. */
  subscribe(waiter: CommitWaiter): void {
    this.#waiters.add(waiter);
  }

  unsubscribe(waiter: CommitWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Resolves when everything so far is stored, or the write queue has been closed in spite of a fault. */
  async settled(): Promise<void> {
    const position = this.#position;
    while (this.#committed < position && !this.#closed) {
      await new Promise<void>((resolve) => {
        const waiter: CommitWaiter = {
          committed: () => {
            this.unsubscribe(waiter);
            resolve();
          },
        };
        this.subscribe(waiter);
      });
    }
  }

  /** Gives up what is not stored yet: nobody is told that it was. */
  close(): void {
    this.#closed = true;
    this.#entries = [];
    this.#wake?.();
    this.#released?.resolve();
    this.#taken?.resolve();
    for (const waiter of [...this.#waiters]) waiter.committed(this.#committed);
  }

  async #run(): Promise<void> {
    while (this.#entries.length > 0) {
      if (this.#holders > 0) {
        this.#released ??= Promise.withResolvers();
        await this.#released.promise;
        continue;
      }
      const position = this.#position;
      const changes = this.#take();
      if (changes.length > 0 && !await this.#store(changes)) return;
      this.#committed = position;
      this.#underWayBytes = 0;
      for (const waiter of [...this.#waiters]) waiter.committed(position);
    }
    this.#running = undefined;
  }

  /** Stores a batch, however often it takes. False: the write queue was closed meanwhile. */
  async #store(changes: readonly Change[]): Promise<boolean> {
    this.#givenAtMs = this.#parts.now?.();
    for (;;) {
      try {
        await this.#parts.store.append(changes);
        this.#measure(changes.length);
        this.#recovered();
        return !this.#closed;
      } catch (error) {
        if (this.#closed) return false;
        this.#report(error);
      }
      await this.#pause();
      if (this.#closed) return false;
    }
  }

  #measure(changes: number): void {
    this.#storedChanges += changes;
    const { now } = this.#parts;
    if (now) this.latency.observe(this.underWayMs(now()) / 1000);
    this.#givenAtMs = undefined;
  }

  #recovered(): void {
    if (!this.#fault) return;
    this.#fault = undefined;
    this.#parts.logger.info("the store works again: what waited for it has been stored");
    this.#parts.onFault?.(undefined);
  }

  #report(error: unknown): void {
    const before = this.#fault;
    // A store that throws anything else is wrong in itself, and no disk will mend that.
    const fault = error instanceof StoreError ? error : new StoreError(`the store fails: ${error}`, "rejected");
    this.#fault = fault;
    if (before?.fault === fault.fault && before.message === fault.message) return;
    const { logger, onFault } = this.#parts;
    const outlook = fault.lasting ? ` (this will not pass by itself; tried again every ${this.#retryMs / 1000} s)` : "";
    logger.error(`nothing is acknowledged until it can be stored: ${fault.message}${outlook}`);
    if (!before) onFault?.(fault);
  }

  get #retryMs(): number {
    const { retryMs = RETRY_MS, lastingRetryMs = LASTING_RETRY_MS } = this.#parts;
    return this.#fault?.lasting ? lastingRetryMs : retryMs;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const { after = bySystemTimer } = this.#parts;
      const cancel = after(this.#retryMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Ends the batch. A message is stored once, with the first thing that refers to it. */
  #take(): Change[] {
    const changes: Change[] = [];
    const unneeded: Message[] = [];
    for (const entry of this.#entries) {
      if (!entry) continue;
      if (!("change" in entry)) changes.push(entry);
      else {
        const { message, change } = entry;
        if (message.storedId === 0) {
          message.storedId = ++this.#lastMessageId;
          if (message.storedReferences === 0) unneeded.push(message);
          changes.push({ type: "message", message: storedMessage(message, this.#parts.times) });
        }
        change.messageId = message.storedId;
        changes.push(change);
      }
    }
    const clock = changes.length > 0 ? this.#parts.clock?.() : undefined;
    // The last: what was appended of the clock has waited, perhaps while the clock was set once more.
    if (clock) changes.push(clock);
    // What the same batch lets go again is not in the store for those who need it later.
    for (const message of unneeded) message.storedId = 0;
    this.#entries = [];
    this.#underWayBytes = this.#gatheredBytes;
    this.#gatheredBytes = 0;
    this.#batch++;
    this.#taken?.resolve();
    this.#taken = undefined;
    return changes;
  }
}

function bySystemTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

function sizeBytes(entry: Entry): number {
  return entry && "change" in entry ? entry.message.sizeBytes : 0;
}
