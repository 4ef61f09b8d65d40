/**
 * What a cluster asks of its engine, and all of it: one log that is replicated and totally ordered. Everybody reads the same
 * records at the same positions. What the records mean, who may write them and when they count is told by whoever reads
 * them; so a record that is there twice, late, or after a gap in its writer's numbers does no harm.
 */

/** One record as everybody reads it. */
export interface LogRecord {
  /** Its place in the log, from 1 on, without gaps. */
  readonly position: number;
  /** When the engine took it in, by the engine's clock: milliseconds since the epoch. */
  readonly timeMs: number;
  /** What was appended; the reader's own. */
  readonly bytes: Uint8Array;
}

/** One node's way to the log. */
export interface Log {
  /** The lowest position that can still be read, as far as is known here; one above the end if there is none. */
  readonly first: number;
  /**
   * All records from a position on, in order, each as soon as it can no longer be lost, and then those to come. It goes on by
   * itself when the engine was away; it ends with {@linkcode Log.close}, or when the reader breaks off.
   *
   * @throws {LogError} `trimmed` if `from` is below the lowest position there is; `rewound` if the log ends before
   * `from - 1`, or becomes shorter than what was read of it; `gap` if a position is missing
   */
  open(from: number): AsyncIterable<LogRecord>;
  /**
   * Puts a record at the end. Several may be under way; they land in the order of the calls unless one of them fails.
   *
   * @returns resolves when the engine says that it is there. The tail alone tells where, and whether it counts
   * @throws {LogError} `unreachable` if nobody says so: it may be there all the same, or land later; `too-large`; `closed`
   */
  append(bytes: Uint8Array): Promise<void>;
  /**
   * Gives up all records below a position, or all there are if it is beyond the end.
   *
   * @throws {LogError} `unreachable`, `closed`
   */
  trim(upTo: number): Promise<void>;
  /**
   * The highest position there is now, 0 if nothing was ever appended: who has read so far knows all that was acknowledged
   * before the call.
   *
   * @throws {LogError} `unreachable`, `closed`
   */
  end(): Promise<number>;
  /** Ends what reads, and frees everything. Appends under way may still land. */
  close(): Promise<void>;
}

/** Why the log does not do what was asked. */
export type LogFault = "trimmed" | "rewound" | "gap" | "unreachable" | "too-large" | "closed";

/** The log does not do what was asked. */
export class LogError extends Error {
  /** Tells this error from others. */
  override readonly name = "LogError";
  /** Why; only `unreachable` may pass by itself. */
  readonly fault: LogFault;

  /** @param message what is wrong with which place, and what was expected */
  constructor(fault: LogFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** Whether a tail that wants `next` may go on with `position`. */
export function checkPosition(next: number, position: number): void {
  if (position === next) return;
  if (position > next) {
    throw new LogError("gap", `log: position ${position} came, expected ${next}: records are missing`);
  }
  throw new LogError("rewound", `log: position ${position} came, expected ${next}: the log went back`);
}

/** Whether a log that holds `first` to `end` can be read from `from` on. */
export function checkStart(from: number, first: number, end: number): void {
  if (from < first) {
    throw new LogError("trimmed", `log: cannot be read from ${from} on: the lowest position left is ${first}`);
  }
  if (from > end + 1) {
    throw new LogError("rewound", `log: cannot be read from ${from} on: it ends at ${end}, records were lost`);
  }
}
