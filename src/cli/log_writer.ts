/** Characters that may wait to be written; what comes above is dropped and counted. */
const LONGEST_WAIT = 1024 * 1024;

/**
 * Writes lines one batch at a time, and never waits: a reader that stands still must not stop the broker. What there is no
 * room for is dropped, and how much that was is written once there is.
 */
export class LogWriter {
  readonly #write: (text: string) => Promise<void>;
  readonly #describeDrops: (lines: number) => string;
  #waiting: string[] = [];
  #waitingLength = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;

  /**
   * @param write writes whole lines; resolves when more may be given
   * @param describeDrops the line that says how many were dropped
   */
  constructor(write: (text: string) => Promise<void>, describeDrops: (lines: number) => string) {
    this.#write = write;
    this.#describeDrops = describeDrops;
  }

  /** Writes a line, or drops it. */
  push(line: string): void {
    if (this.#waitingLength + line.length > LONGEST_WAIT) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything has been written. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0 || this.#dropped > 0) {
      const lines = this.#waiting;
      // What was dropped came after those that wait.
      if (this.#dropped > 0) lines.push(this.#describeDrops(this.#dropped));
      this.#waiting = [];
      this.#waitingLength = this.#dropped = 0;
      // Nobody is left to be told that nobody listens.
      await this.#write(`${lines.join("\n")}\n`).catch(() => {});
    }
    this.#writing = undefined;
  }
}
