/** Runs test files in the copy of the checkout, in processes of their own. */
import { join } from "@std/path";

/** What a run of test files has shown. */
export interface TestRun {
  readonly passed: boolean;
  readonly ms: number;
}

/** A mutant that makes something grow without end ends early. */
const HEAP = "--v8-flags=--max-old-space-size=512";

/** Runs test files until it is told to stop; each of them with a time limit. */
export class TestRuns {
  readonly #folder: string;
  readonly #signal: AbortSignal;

  constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  /**
   * Runs test files; a run that takes longer than `limitMs` has not passed.
   *
   * @param mutant its number; 0: none is switched on
   */
  withMutant(files: readonly string[], mutant: number, limitMs: number): Promise<TestRun> {
    return this.#run(files, { MUTANT: `${mutant}` }, limitMs);
  }

  /** Runs a test file as it is, and tells by which mutants it comes. */
  async asItIs(file: string, limitMs: number): Promise<TestRun & { readonly mutants: ReadonlySet<number> }> {
    const passedFile = await Deno.makeTempFile({ dir: this.#folder });
    const run = await this.#run([file], { MUTANTS_PASSED: passedFile }, limitMs);
    const lines = (await Deno.readTextFile(passedFile)).split("\n").filter((line) => line !== "");
    return { ...run, mutants: new Set(lines.map(Number)) };
  }

  async #run(files: readonly string[], env: Readonly<Record<string, string>>, limitMs: number): Promise<TestRun> {
    const args = [
      "test",
      "-A",
      "--no-check",
      "--fail-fast",
      "--quiet",
      // As `deno task test` has it: a change that leaves something open is noticed.
      "--sanitize-ops",
      "--sanitize-resources",
      HEAP,
      ...files.map((file) => join(this.#folder, file)),
    ];
    const startedAt = performance.now();
    // A process group of its own, so that what a test has started ends with it.
    const options = { args, env: { ...env }, cwd: this.#folder, detached: true } as const;
    const child = new Deno.Command(Deno.execPath(), { ...options, stdin: "null", stdout: "null", stderr: "null" })
      .spawn();
    const end = () => {
      try {
        Deno.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended already.
      }
    };
    const timer = setTimeout(end, limitMs);
    this.#signal.addEventListener("abort", end);
    const { success } = await child.status;
    this.#signal.removeEventListener("abort", end);
    clearTimeout(timer);
    // What a test has started and left behind.
    end();
    return { passed: success, ms: performance.now() - startedAt };
  }
}
