/** What one life of this node says in the log: numbered, gathered while earlier records are under way, repeated if lost. */
import type { Log } from "../log/log.ts";
import type { Receipt } from "../receipt.ts";
import type { Life } from "./cluster_state.ts";
import { type BatchEntry, decodeRecord, encodeRecord, type RecordBody } from "./record.ts";

/** So many records may be under way while further messages gather. */
const MOST_UNDER_WAY = 8;
/** A batch is closed when it is as large as this. */
const BATCH_BYTES = 256 * 1024;
/** What may wait to come by before those who publish are made to wait. */
const MOST_BYTES = 16 * 2 ** 20;
/** Who was made to wait goes on below so much. */
const RELIEF_BYTES = MOST_BYTES / 2;
/** So many records may be under way before none is said again. */
const MOST_REPEATED = 64;
/** What has not come by in the log for so long is said again. */
const REPEAT_MS = 1000;

interface Said {
  readonly n: number;
  readonly bytes: Uint8Array;
  readonly receipts: readonly Receipt[];
  saidAtMs: number;
}

/** What a {@linkcode LogSpeaker} works with. */
export interface LogSpeakerParts {
  readonly life: Life;
  readonly log: Pick<Log, "append">;
  now(): number;
  /** Calls `run` at the end of the turn. */
  soon(run: () => void): void;
}

/** Says things in the log. */
export class LogSpeaker {
  readonly #parts: LogSpeakerParts;
  #n = 0;
  /** What has not come by yet. */
  readonly #said: Said[] = [];
  #saidBytes = 0;
  #underWay = 0;
  #entries: BatchEntry[] = [];
  #receipts: Receipt[] = [];
  #entriesBytes = 0;
  #isFlushing = false;
  #ended = false;
  /** What it took last from saying something to reading it; `undefined`: nothing was read yet. */
  roundTripMs: number | undefined;
  #relief: PromiseWithResolvers<void> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(parts: LogSpeakerParts) {
    this.#parts = parts;
  }

  /** What has not come by in the log yet, in bytes. */
  get heldBytes(): number {
    return this.#entriesBytes + this.#saidBytes;
  }

  /** Nothing more should be given. */
  get isFull(): boolean {
    return this.heldBytes >= MOST_BYTES;
  }

  /** Resolves when there is room for more; `undefined`: there is. */
  relieved(): Promise<void> | undefined {
    if (!this.isFull || this.#ended) return undefined;
    this.#relief ??= Promise.withResolvers();
    return this.#relief.promise;
  }

  /** So much has not come by that a further heartbeat tells nothing. */
  get isBehind(): boolean {
    return this.#said.length >= MOST_REPEATED;
  }

  /** Says something at once. */
  say(body: RecordBody): void {
    if (this.#ended) return;
    this.#closeBatch();
    this.#sayRecord(body, []);
  }

  /** Says something in the next batch. @param receipt told when it has come by */
  tell(content: Uint8Array, receipt?: Receipt): void {
    if (this.#ended) return;
    receipt?.expect();
    if (receipt) this.#receipts.push(receipt);
    this.#entries.push({ type: "message", publisher: undefined, content });
    this.#entriesBytes += content.length;
    if (this.#entriesBytes >= BATCH_BYTES) return this.#closeBatch();
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#parts.soon(() => {
      this.#isFlushing = false;
      if (this.#underWay < MOST_UNDER_WAY) this.#closeBatch();
    });
  }

  /** A record of this life has come by, and counted. @returns who waits for it */
  seen(n: number): readonly Receipt[] {
    const at = this.#said.findIndex((said) => said.n === n);
    const [said] = at < 0 ? [] : this.#said.splice(at, 1);
    this.#saidBytes -= said?.bytes.length ?? 0;
    if (said) this.roundTripMs = this.#parts.now() - said.saidAtMs;
    this.#look();
    return said?.receipts ?? [];
  }

  /** Says again what has not come by. Called regularly. */
  tick(): void {
    const nowMs = this.#parts.now();
    const [first] = this.#said;
    if (this.#ended || first === undefined || nowMs - first.saidAtMs < REPEAT_MS) return;
    for (const said of this.#said) {
      // Where the log takes nothing, more of the same is no help.
      if (this.#underWay >= MOST_REPEATED) return;
      said.saidAtMs = nowMs;
      this.#append(said.bytes);
    }
  }

  /** Resolves when all that was said has come by, or the speaker has ended. */
  settled(): Promise<void> {
    this.#idle ??= Promise.withResolvers();
    const { promise } = this.#idle;
    this.#look();
    return promise;
  }

  /** What was told and has not come by, in its order. */
  unseen(): Uint8Array[] {
    const said = this.#said.flatMap(({ bytes }) => {
      const record = decodeRecord(bytes);
      return "unreadable" in record || record.body.type !== "batch" ? [] : record.body.entries;
    });
    return [...said, ...this.#entries].flatMap((entry) => entry.type === "message" ? entry.content : []);
  }

  /** Says nothing more, and lets nobody wait. */
  end(): void {
    this.#ended = true;
    const receipts = [...this.#said.flatMap(({ receipts }) => receipts), ...this.#receipts];
    this.#said.length = this.#saidBytes = this.#entriesBytes = 0;
    this.#entries = [];
    this.#receipts = [];
    this.#look();
    for (const receipt of receipts) receipt.arrived();
  }

  #look(): void {
    if (this.heldBytes < RELIEF_BYTES) {
      this.#relief?.resolve();
      this.#relief = undefined;
    }
    if (this.#said.length > 0 || this.#entries.length > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #closeBatch(): void {
    if (this.#entries.length === 0) return;
    const [entries, receipts] = [this.#entries, this.#receipts];
    this.#entries = [];
    this.#receipts = [];
    this.#entriesBytes = 0;
    this.#sayRecord({ type: "batch", entries }, receipts);
  }

  #sayRecord(body: RecordBody, receipts: readonly Receipt[]): void {
    const { life: { node: writer, incarnation }, now } = this.#parts;
    const n = this.#n++;
    const bytes = encodeRecord({ writer, incarnation, n, body });
    this.#said.push({ n, bytes, receipts, saidAtMs: now() });
    this.#saidBytes += bytes.length;
    this.#append(bytes);
  }

  #append(bytes: Uint8Array): void {
    this.#underWay++;
    const over = () => {
      this.#underWay--;
      if (!this.#ended) this.#closeBatch();
    };
    // Whether it is there the tail alone tells.
    this.#parts.log.append(bytes).then(over, over);
  }
}
