/** Programs that are run by another runtime than Deno. */
import { assertEquals } from "@std/assert";

/** A program of another runtime than Deno, and all that it writes. */
export class ForeignProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #written: Promise<unknown>[];
  readonly #waiting = new Set<() => void>();
  text = "";

  constructor(cwd: string, program: string, args: readonly string[]) {
    this.#child = new Deno.Command(program, { args: [...args], cwd, stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    this.#written = [this.#child.stdout, this.#child.stderr].map((stream) => this.#gather(stream));
  }

  /** The first thing written that has the pattern. */
  async written(pattern: RegExp): Promise<RegExpExecArray> {
    const ended = this.#child.status.then(() => Promise.all(this.#written));
    for (;;) {
      const found = pattern.exec(this.text);
      if (found) return found;
      const more = new Promise<void>((resolve) => this.#waiting.add(resolve));
      const isOver = await Promise.race([more.then(() => false), ended.then(() => true)]);
      if (isOver && !pattern.test(this.text)) {
        throw new Error(`the program ended before it wrote ${pattern}:\n${this.text}`);
      }
    }
  }

  /** Asks it to do something. */
  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Ends it, or waits for its end. @returns the exit code */
  async end(signal?: "SIGTERM"): Promise<number> {
    if (signal) this.#child.kill(signal);
    const { code } = await this.#child.status;
    await Promise.all(this.#written);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.end();
  }

  async #gather(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.text += text;
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    }
  }
}

/** Runs a program to its end, which must be a good one. @returns all that it wrote */
export async function run(cwd: string, program: string, args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(program, { args: [...args], cwd, stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, `${program} ${args.join(" ")}: ${text}`);
  return text;
}
