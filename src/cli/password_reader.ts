import type { CliIo } from "./io.ts";

/** Ctrl-C or Ctrl-D was typed where a password was asked for. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Reads lines that must not be seen: from a terminal without echo and with a prompt, else as they come. */
export class PasswordReader {
  readonly #io: CliIo;
  readonly #chunks: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  /** Characters that arrived and were not read yet, such as the rest of what was pasted. */
  #pending: string[] = [];
  #ended = false;

  constructor(io: CliIo) {
    this.#io = io;
    this.#chunks = io.input.getReader();
  }

  /** Reads one line, without its end. @throws {Interrupted} if somebody typed Ctrl-C or Ctrl-D */
  async read(prompt: string): Promise<string> {
    if (!this.#io.isTerminal) return await this.#readLine();
    this.#io.prompt(prompt);
    this.#io.setRaw(true);
    try {
      return await this.#readTyped();
    } finally {
      this.#io.setRaw(false);
      // The line break that was typed was not shown either.
      this.#io.error("");
    }
  }

  /** Lets the input go. */
  async close(): Promise<void> {
    await this.#chunks.cancel();
  }

  async #readLine(): Promise<string> {
    let line = "";
    for (let next = await this.#next(); next !== undefined && next !== "\n"; next = await this.#next()) line += next;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }

  async #readTyped(): Promise<string> {
    const typed: string[] = [];
    while (true) {
      const next = await this.#next();
      if (next === "\r" || next === "\n") return typed.join("");
      if (next === undefined || next === CTRL_C || next === CTRL_D) throw new Interrupted();
      if (next === BACKSPACE || next === DELETE) typed.pop();
      else if (next === CTRL_U) typed.length = 0;
      else typed.push(next);
    }
  }

  /** The next character; `undefined` at the end of the input. */
  async #next(): Promise<string | undefined> {
    while (this.#pending.length === 0 && !this.#ended) {
      const { value, done } = await this.#chunks.read();
      this.#ended = done;
      this.#pending = [...done ? this.#decoder.decode() : this.#decoder.decode(value, { stream: true })];
    }
    return this.#pending.shift();
  }
}

const CTRL_C = "\x03";
const CTRL_D = "\x04";
const BACKSPACE = "\b";
const CTRL_U = "\x15";
const DELETE = "\x7f";
