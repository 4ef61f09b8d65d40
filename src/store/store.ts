/**
 * What outlives the process. A store keeps sessions with their subscriptions and messages, retained messages and wills.
 * The broker tells it every change and asks for one session's messages when its client comes; what the changes mean is
 * the broker's business alone. All times are those of {@linkcode StoredClock.at}; all strings come back as they were,
 * with U+0000 and lone surrogates too.
 */
import type { Logger } from "../logger.ts";
import type { Change } from "./change.ts";
import type { StoredDelivery, StoredState } from "./stored.ts";

export type * from "./change.ts";
export type * from "./stored.ts";

/**
 * Which part of a session's deliveries is wanted.
 *
 * @category Stores
 */
export interface DeliveryRange {
  /** Those that are `sent` or `released`, rather than those that are `queued`; they are few and must be found quickly. */
  readonly underWay: boolean;
  /** Those with a higher sequence; 0: from the first on. */
  readonly after: number;
  /** At most so many. */
  readonly maximumMessages: number;
  /** No more once their payloads have so many bytes together; there is always one, if there is any. */
  readonly maximumBytes: number;
}

/**
 * Keeps what the broker must not forget. Methods are called one after the other, but not each after the last one's
 * promise: a store does them in the order of the calls.
 *
 * @category Stores
 *
 * @example One that only shows what it is told; docs/cookbook.md has a whole one
 * ```ts
 * import { Broker, type Store } from "@amqtt/broker";
 *
 * async function* nothing(): AsyncGenerator<never> {}
 *
 * const store: Store = {
 *   open: () => {
 *     const [sessions, retained, wills] = [nothing(), nothing(), nothing()];
 *     return Promise.resolve({ sessions, retained, wills, lastMessageId: 0, lastSession: 0 });
 *   },
 *   append: (changes) => Promise.resolve(console.log(changes)),
 *   deliveries: () => Promise.resolve([]),
 *   close: () => Promise.resolve(),
 * };
 * await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } }, persistence: { store } });
 * await broker.start();
 * ```
 */
export interface Store {
  /**
   * Makes ready and tells what is there; the iterables are read once, before anything else is called.
   *
   * @throws {Error} that says what is wrong and what to do: the place cannot be used, is in use by another process,
   * is of a newer version, or is damaged. Nothing is ever replaced silently
   */
  open(): Promise<StoredState>;
  /**
   * Applies all changes, or none.
   *
   * @returns resolves when they are safe as far as the config asks for
   * @throws {StoreError} if they are not, and why: the same changes are given again later, first of all, as
   * {@linkcode StoreError.fault} says. Any other error counts as `rejected`. A commit that was reported as failed may have
   * worked, so that changes that are there already must do no harm; nor must one that speaks of a session, delivery or topic
   * that is not there
   */
  append(changes: readonly Change[]): Promise<void>;
  /**
   * A part of a session's deliveries, as of all earlier calls of {@linkcode Store.append}, by ascending sequence.
   *
   * @throws {Error} if they cannot be read; they are asked for again later
   */
  deliveries(session: number, range: DeliveryRange): Promise<readonly StoredDelivery[]>;
  /** Frees everything; what was appended is safe. */
  close(): Promise<void>;
}

/**
 * Changes that could not be stored.
 *
 * @category Stores
 */
export class StoreError extends Error {
  /** Tells this error from others. */
  override readonly name = "StoreError";

  /**
   * Why. `full` (there is no room left) and `io` (any other fault of the disk, the network or another process) may pass
   * by themselves: the same changes are given again every second. `corrupt` (what is stored cannot be relied on) and
   * `rejected` (these changes cannot be applied, by a fault of the store or the broker) will not: the same changes are
   * given again once a minute, since somebody may have repaired it.
   */
  readonly fault: "full" | "io" | "corrupt" | "rejected";

  /**
   * Says what is wrong, for people, and of which kind it is.
   *
   * @param message what is wrong with which place and what to do; it stands in the log and below `$SYS`
   * @param fault see {@linkcode StoreError.fault}; `true` stands for `full`, `false` for `io`
   */
  constructor(message: string, fault: "full" | "io" | "corrupt" | "rejected" | boolean, options?: ErrorOptions) {
    super(message, options);
    this.fault = typeof fault === "string" ? fault : fault ? "full" : "io";
  }

  /** There is no room left. */
  get full(): boolean {
    return this.fault === "full";
  }

  /** It will not pass by itself. */
  get lasting(): boolean {
    return this.fault === "corrupt" || this.fault === "rejected";
  }
}

/**
 * What a store module is told beside its options.
 *
 * @category Stores
 */
export interface StoreContext {
  /** Folder that relative paths in the options start from, absolute. */
  readonly baseDirectory: string;
  /** Writes to the broker's log. */
  readonly logger: Logger;
}

/**
 * The default export of a store module, named by import specifier in `persistence.type`. The store is opened later, by
 * the broker.
 *
 * @param options what the config says beside `type`
 * @category Stores
 */
export type StoreFactory = (
  options: Readonly<Record<string, unknown>>,
  context: StoreContext,
) => Store | Promise<Store>;
