/** Reads the log from where it begins to where it ends, and on; anew if this node was away for longer than the log lasts. */
import { errorText } from "../error_text.ts";
import { type Log, LogError, type LogRecord } from "../log/log.ts";
import type { Logger } from "../logger.ts";
import type { Machine } from "../runtime/machine.ts";
import { type WorkBudget, WorkParty } from "../work_budget.ts";
import { type ClusterRecord, decodeRecord, type Snapshot } from "./record.ts";
import type { SnapshotReader } from "./snapshots.ts";

/** A log that cannot be read is read anew after this. */
const READ_AGAIN_MS = 1000;
/** A node that begins looks so often for the beginning: a server that was just started may be behind. */
const MOST_LOOKS = 10;

/** What a {@linkcode LogReader} works with. */
export interface LogReaderParts {
  readonly log: Log;
  readonly logger: Logger;
  readonly work: WorkBudget;
  readonly machine: Pick<Machine, "letRun" | "after">;
  readonly snapshots: SnapshotReader;
  /** Nothing more comes by, for now. */
  isCutOff(): boolean;
  /** Takes in the next record. */
  take(record: ClusterRecord, timeMs: number, size: number): void;
  /** Begins with a snapshot, in place of all that came before. */
  restore(parts: readonly Snapshot[]): void;
  /** What is known is too old to go on from. */
  forgetAll(): void;
  /** All that was there is read. */
  onRead(): void;
  /** The log cannot be read on. */
  onFault(): void;
  /** It was read on. */
  onMoved(): void;
}

/** Reads the log. */
export class LogReader {
  readonly #parts: LogReaderParts;
  readonly #party = new WorkParty();
  #position = 0;
  #oldUpTo = 0;
  #hasRead = false;
  /** It was read once. */
  #hasBegun = false;
  /** How often it was read without its beginning. */
  #looks = 0;
  #failure: unknown;
  #isClosed = false;
  /** The log begins in the middle: what came before a snapshot has come; `undefined`: there is nothing to wait for. */
  #waiting: LogRecord[] | undefined;
  #asking: { readonly position: number; readonly resolve: () => void; readonly isPatient: boolean }[] = [];
  #endAsked: Promise<number> | undefined;
  #cancelPause = () => {};

  constructor(parts: LogReaderParts) {
    this.#parts = parts;
  }

  /** Up to which position it was read. */
  get position(): number {
    return this.#position;
  }

  /** All that was there at the beginning is read. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  /** What is read happened before that: it is taken in, but given to nobody. */
  get isOld(): boolean {
    return this.#position <= this.#oldUpTo;
  }

  /** Why nothing more is read for good; `undefined`: it is. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Reads until the log is closed, or cannot be read. @param oldUpTo the log's end just now */
  async read(oldUpTo: number): Promise<void> {
    this.#oldUpTo = oldUpTo;
    for (let isAgain = false;; isAgain = true) {
      try {
        if (isAgain) await this.#startAnew();
        return await this.#readOn();
      } catch (error) {
        if (this.#isClosed || (error instanceof LogError && error.fault === "closed")) return;
        this.#cannotRead(error);
        if (this.#failure !== undefined) return;
      }
    }
  }

  /** Whatever ends now is no fault. */
  close(): void {
    this.#isClosed = true;
    this.#cancelPause();
    this.wakeAll();
  }

  /** Resolves when all that was in the log at the time of the call is taken in, or nobody can tell. */
  async caughtUp(): Promise<void> {
    const { log, machine, isCutOff } = this.#parts;
    if (isCutOff()) return;
    // Those who ask in one turn ask once.
    this.#endAsked ??= machine.letRun().then(() => {
      this.#endAsked = undefined;
      return log.end();
    });
    await this.readUpTo(await this.#endAsked.catch(() => 0));
  }

  /** Resolves when the log was read so far, or cannot be; `undefined`: it was. @param isPatient also while it is cut off */
  readUpTo(position: number, isPatient = false): Promise<void> | undefined {
    if (position <= this.#position || (this.#parts.isCutOff() && !isPatient)) return undefined;
    return new Promise((resolve) => this.#asking.push({ position, resolve, isPatient }));
  }

  /** Nobody waits any longer. */
  wakeAll(): void {
    for (const { resolve } of this.#asking.splice(0)) resolve();
  }

  /** Nobody waits any longer who does not wait for a log that is out of reach. */
  wakeImpatient(): void {
    const asking = this.#asking;
    this.#asking = asking.filter(({ isPatient }) => isPatient);
    for (const { resolve, isPatient } of asking) if (!isPatient) resolve();
  }

  async #readOn(): Promise<void> {
    const { log, work } = this.#parts;
    this.#waiting = log.first > 1 ? [] : undefined;
    this.#position = log.first - 1;
    this.#lookWhetherRead();
    for await (const record of log.open(log.first)) {
      work.begin();
      this.#take(record);
      this.#lookWhetherRead();
      if (work.look(this.#party)) await work.turn(this.#party);
    }
  }

  #lookWhetherRead(): void {
    if (this.#hasRead || this.#position < this.#oldUpTo) return;
    if (this.#waiting !== undefined) throw new LogError("gap", "log: its beginning is gone, and no snapshot is in it");
    this.#hasRead = this.#hasBegun = true;
    this.#parts.onRead();
  }

  #cannotRead(error: unknown): void {
    const isTrimmed = error instanceof LogError && error.fault === "trimmed";
    // What this node wanted next is given up, and what came of it is in a snapshot; or the engine has lost something, or a
    // server says so that is behind. What there is then holds, for all nodes alike. Who only begins is started again, but
    // for what may pass by itself.
    if (!this.#hasBegun && !isTrimmed && !this.#mayFindBeginning(error)) this.#failure = error;
    this.#hasRead = false;
    const what = this.#failure === undefined ? "reads it anew" : "leaves";
    this.#parts.logger.error(`cluster: the log cannot be read on, this node ${what}: ${errorText(error)}`);
    this.#parts.onFault();
  }

  /** The log's bounds may be those that two servers told, of which one was behind. */
  #mayFindBeginning(error: unknown): boolean {
    return error instanceof LogError && error.fault === "gap" && ++this.#looks < MOST_LOOKS;
  }

  async #startAnew(): Promise<void> {
    const { log, machine } = this.#parts;
    const end = () =>
      log.end().catch((error) => {
        if (error instanceof LogError && error.fault === "unreachable") return undefined;
        throw error;
      });
    let upTo: number | undefined;
    // Not at once, so that what cannot be read keeps nobody busy.
    for (; upTo === undefined; upTo = await end()) {
      await new Promise<void>((resolve) =>
        this.#cancelPause = cancelled(machine.after(READ_AGAIN_MS, resolve), resolve)
      );
    }
    this.#oldUpTo = upTo;
    this.#parts.forgetAll();
  }

  #take(raw: LogRecord): void {
    const { position, timeMs, bytes } = raw;
    const record = decodeRecord(bytes);
    this.#position = position;
    if ("unreadable" in record) this.#parts.logger.warn(`cluster: position ${position} of the log: ${record.text}`);
    else if (this.#waiting !== undefined) this.#waitForSnapshot(this.#waiting, raw, record);
    else this.#parts.take(record, timeMs, bytes.length);
    if (this.#asking.length > 0) this.#wake();
    this.#parts.onMoved();
  }

  /** Where the log begins in the middle nothing means anything before a snapshot is there. */
  #waitForSnapshot(waiting: LogRecord[], raw: LogRecord, { writer, incarnation, body }: ClusterRecord): void {
    waiting.push(raw);
    if (body.type !== "snapshot") return;
    const parts = this.#parts.snapshots.take(writer, incarnation, body);
    if (parts === undefined || body.position < waiting[0]!.position - 1) return;
    this.#waiting = undefined;
    this.#parts.restore(parts);
    for (const { position, timeMs, bytes } of waiting) {
      const record = decodeRecord(bytes);
      if (position > body.position && !("unreadable" in record)) this.#parts.take(record, timeMs, bytes.length);
    }
  }

  #wake(): void {
    const asking = this.#asking;
    this.#asking = asking.filter(({ position }) => position > this.#position);
    for (const { position, resolve } of asking) if (position <= this.#position) resolve();
  }
}

function cancelled(cancel: () => void, then: () => void): () => void {
  return () => {
    cancel();
    then();
  };
}
